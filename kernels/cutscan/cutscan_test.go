package cutscan

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// randomTable lets most characters stand beside a cut, and crosses about one
// pair of eight.
func randomTable(size int, seed uint64) *Table {
	random := rand.New(rand.NewPCG(seed, 0))
	beside := new([1 << 16 / 64]uint64)
	for i := range beside {
		if i < 0xD800/64 || i >= 0xE000/64 {
			beside[i] = random.Uint64() | random.Uint64() | random.Uint64()
		}
	}
	beside[0] &^= 1 << ' '
	beside[0] |= 1 // NUL, which must not be taken for what is no character
	crossed := make([]uint64, 1<<size/64)
	for i := range crossed {
		crossed[i] = random.Uint64() & random.Uint64()
	}
	return NewTable(beside, crossed, uint8(32-size))
}

var (
	tables   = []*Table{randomTable(10, 1), randomTable(22, 2)}
	han      = NewLeads(0b1000_0011_1111_1000)
	all      = NewLeads(0xFFFF)
	none     = NewLeads(0)
	leadSets = []*Leads{&han, &all, &none}
)

// slow is the doc comment of Scan, character by character.
func slow(t *Table, text string, leads *Leads) []uint64 {
	starts := make([]uint64, (len(text)+Block-1)/Block)
	beside := func(r rune) bool { return r < 1<<16 && t.beside[r/64]>>(r%64)&1 != 0 }
	var chars []rune
	for i, r := range text {
		if n := len(chars); n >= 2 && leads.Has(text[i]) && beside(r) && beside(chars[n-1]) && beside(chars[n-2]) {
			h, k := Places(uint32(chars[n-1]), uint32(r), t.shift)
			if t.crossed[h/64]>>(h%64)&1 == 0 || t.crossed[k/64]>>(k%64)&1 == 0 {
				starts[i/64] |= 1 << (i % 64)
			}
		}
		chars = append(chars, r)
	}
	return starts
}

// forEach runs f with every implementation that this machine has.
func forEach(f func(name string)) {
	f(implementation())
	restore := ForceAVX2()
	f(implementation() + " forced")
	restore()
	defer ForceGeneric()()
	f("generic forced")
}

// check compares the bits of text with slow, divided into calls of some blocks.
func check(t *testing.T, text []byte, calls ...int) {
	t.Helper()
	for i, table := range tables {
		for _, leads := range leadSets {
			want := slow(table, string(text), leads)
			if len(want) > 0 {
				want[len(want)-1] |= 1 // that it stays
			}
			forEach(func(name string) {
				got := make([]uint64, len(want))
				if len(got) > 0 {
					got[len(got)-1] |= 1
				}
				for done, k := 0, 0; done < len(got); k++ {
					n := len(got) - done
					if len(calls) > 0 {
						n = min(n, calls[k%len(calls)])
					}
					table.Scan(got[done:done+n], text, done*Block, leads)
					done += n
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s: table %d, leads %x, %d bytes in calls of %v: %q\n%x, want\n%x", name, i, leads, len(text), calls, text, got, want)
				}
			})
		}
	}
}

func TestEveryCharacter(t *testing.T) {
	for _, before := range []string{"", "a", "漢", "é漢", "😀漢"} {
		var text []byte
		for r := range rune(0x20000) {
			if utf8.ValidRune(r) && (r < 0x10000 || r%61 == 0) {
				text = utf8.AppendRune(append(text, before...), r)
			}
		}
		check(t, text)
		check(t, text, 3, 1, 1, 7)
	}
}

// Characters of every length at every place of a block, behind and before each
// other, in texts of every length.
func TestEveryPlaceAndLength(t *testing.T) {
	for _, of := range []string{"漢", "é漢", "漢字é", "漢😀", "😀漢字", "a漢b字", "漢字 の", "ab漢字仮", "한글ㅋㅋ", "\x00漢\x00字", strings.Repeat("a", 70) + "漢字", strings.Repeat("é", 63) + "漢字仮", strings.Repeat("😀", 33) + "漢字仮"} {
		for shift := range Block {
			check(t, []byte(strings.Repeat("a", shift)+strings.Repeat(of, 300/len(of)+1)), 1, 2)
		}
		text := strings.Repeat(of, 200/len(of)+1)
		for n := range text {
			check(t, []byte(text[:n]))
			check(t, []byte(text[:n]), 1)
		}
	}
}

// randomText is made of characters that are alike for a while.
func randomText(random *rand.Rand, n int) (text []byte) {
	ranges := [][2]rune{{0, 0x80}, {' ', ' ' + 1}, {'a', 'z'}, {0x80, 0x800}, {0x800, 0x10000}, {0x3000, 0xA000}, {0x4E00, 0xA000}, {0x4E00, 0xA000}, {0xAC00, 0xD7A4}, {0xE000, 0x10000}, {0x10000, 0x110000}}
	for len(text) < n {
		of := ranges[random.IntN(len(ranges))]
		for range 1 << random.IntN(7) {
			text = utf8.AppendRune(text, of[0]+random.Int32N(of[1]-of[0]))
		}
	}
	return text
}

func TestRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		check(t, randomText(random, random.IntN(700)), 1+random.IntN(3), 1+random.IntN(5))
	}
}

// What is before the call and behind starts counts, and nothing is set beyond
// either.
func TestBeyond(t *testing.T) {
	text := []byte(strings.Repeat("漢字仮名", 40))
	forEach(func(name string) {
		starts := make([]uint64, 20)
		tables[0].Scan(starts[1:19], text, 0, &all)
		if n := (len(text) + Block - 1) / Block; starts[0] != 0 || !slices.Equal(starts[1:1+n], slow(tables[0], string(text), &all)) || slices.ContainsFunc(starts[1+n:], func(w uint64) bool { return w != 0 }) {
			t.Errorf("%s: %x", name, starts)
		}
		tables[0].Scan(nil, text, 64, &all)
		tables[0].Scan(starts[:0], nil, 0, &all)
	})
}

func TestLeads(t *testing.T) {
	l := NewLeads(0b1000_0000_0000_1001)
	for b := range 256 {
		if got, want := l.Has(byte(b)), b == 0xE0 || b == 0xE3 || b == 0xEF; got != want {
			t.Errorf("%#x: %v", b, got)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("Ein Wort, 2 Wörter\r\n漢字仮名"), 1)
	f.Add([]byte("\xe4\x80\xf0\x90\xff\xc0 \x80\xf8\xe9\xe4\xe4"), 2)
	f.Add([]byte(strings.Repeat("漢字😀ㅋㅋ ", 20)), 3)
	f.Fuzz(func(t *testing.T, text []byte, blocks int) {
		blocks = max(1, blocks%9)
		if utf8.Valid(text) {
			check(t, text, blocks)
		}
		forEach(func(string) { // must not fault
			starts := make([]uint64, blocks)
			for at := 0; at < len(text); at += blocks * Block {
				tables[1].Scan(starts, text, at, &all)
			}
		})
	})
}

func BenchmarkScan(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{"The quick brown Fox, 47 of them. ", "Съешь же ещё этих мягких французских булок. ", "我能吞下玻璃而不伤身体。", "私はガラスを、食べられます API を", "다람쥐 ㅋㅋ 헌 쳇바퀴에 타고파 "} {
		repeated := []byte(strings.Repeat(text, 1024*Block/len(text)+1))
		if strings.HasPrefix(text, "我") { // all hashes
			for i := 0; i < len(repeated); i += 3 {
				utf8.EncodeRune(repeated[i:], 0x4E00+random.Int32N(0x4000))
			}
		}
		starts := make([]uint64, 16)
		for _, size := range []int{len(repeated) / 1024 * 1024, 75, 12} {
			run := func(b *testing.B) {
				text := repeated[:size]
				b.SetBytes(int64(len(text)))
				n := 0
				for b.Loop() {
					clear(starts)
					for at := 0; at < len(text); at += len(starts) * Block {
						tables[1].Scan(starts, text, at, &han)
					}
					n += bits.OnesCount64(starts[0])
				}
			}
			name, _, _ := strings.Cut(text, " ")
			forEach(func(implementation string) {
				b.Run(name+"/"+strings.TrimSuffix(implementation, " forced")+"/"+map[int]string{75: "75", 12: "12"}[size], run)
			})
		}
	}
}

// Among is what its doc comment says, character by character, of any text and any
// of its characters.
func TestAmong(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{1, 1 << 4, 1 << 15} {
		words := make([]uint64, size)
		for i := range words {
			words[i] = random.Uint64() & random.Uint64()
		}
		pairs := NewPairs(words)
		for range 3000 {
			checkAmong(t, pairs, randomText(random, Block+8), random.Uint64()|random.Uint64(), random.Uint32())
		}
	}
}

// checkAmong looks at some characters of valid text.
func checkAmong(t *testing.T, pairs *Pairs, text []byte, some uint64, before uint32) {
	t.Helper()
	var padded Padded
	copy(padded[:], text)
	var places, want uint64
	left := before
	for i, r := range string(text[:min(len(text), Block+8)]) {
		if i >= Block || i+utf8.RuneLen(r) > len(padded) || some>>i&1 == 0 {
			continue
		}
		var char [4]byte
		utf8.EncodeRune(char[:], r)
		right := uint32(char[0]) | uint32(char[1])<<8 | uint32(char[2])<<16 | uint32(char[3])<<24
		places |= 1 << i
		if pairs.Has(left, right) {
			want |= 1 << i
		}
		left = right
	}
	forEach(func(name string) {
		if got := pairs.Among(&padded, places, before); got != want {
			t.Fatalf("%s: %q: %x of %x, want %x", name, text, got, places, want)
		}
		if places == 0 {
			return
		}
		if got := pairs.among(&padded, places, before); got != want {
			t.Fatalf("%s: %q: kernel %x of %x, want %x", name, text, got, places, want)
		}
	})
}

func FuzzAmong(f *testing.F) {
	words := make([]uint64, 1<<6)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range words {
		words[i] = random.Uint64() & random.Uint64()
	}
	pairs := NewPairs(words)
	f.Add([]byte("Съешь же ещё этих мягких французских булок."), uint64(math.MaxUint64), uint32(' '))
	f.Add([]byte("漢字😀ㅋㅋ é"), uint64(0x1234567890ABCDEF), uint32(0))
	f.Add([]byte("\xe4\x80\xf0\x90\xff\xc0 \x80\xf8\xe9\xe4\xe4"), uint64(math.MaxUint64), uint32(0xFF))
	f.Fuzz(func(t *testing.T, text []byte, places uint64, before uint32) {
		if utf8.Valid(text) {
			checkAmong(t, pairs, text, places, before)
		}
		var padded Padded
		copy(padded[:], text)
		want := pairs.amongGeneric(&padded, places, before)
		forEach(func(name string) {
			if got := pairs.Among(&padded, places, before); got != want {
				t.Fatalf("%s: %x: %x of %x, want %x", name, text, got, places, want)
			}
		})
	})
}
