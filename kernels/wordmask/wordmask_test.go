package wordmask

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// canary fills what Scan must not touch.
const canary = 0xa5

type result struct {
	lower []byte
	masks []Masks
}

func blank(text []byte) result {
	n := Blocks(len(text))
	r := result{bytes.Repeat([]byte{canary}, n*Block+Slack+1), make([]Masks, n+1)}
	r.masks[n].Word = canary
	return r
}

func scanned(text []byte) result {
	r := blank(text)
	Scan(r.lower, r.masks, text)
	return r
}

// slow is the doc comment of Scan, character by character.
func slow(text []byte) result {
	r := blank(text)
	n := Blocks(len(text))
	clear(r.lower[:n*Block+Slack])
	copy(r.lower, text)
	for at := 0; at < len(text); {
		c, size := utf8.DecodeRune(text[at:])
		in := func(lo, hi rune) bool { return lo <= c && c <= hi }
		word, single, known := false, false, true
		lower := c
		switch {
		case size == 1 && c == utf8.RuneError:
			known = false
		case in('0', '9') || in('a', 'z'):
			word = true
		case in('A', 'Z'):
			word, lower = true, c+32
		case c < 0x80:
		case in(0xc0, 0xff) && c != '×' && c != '÷':
			word = true
			if c <= 0xde {
				lower = c + 32
			}
		case in(0x400, 0x45f):
			word = true
			if c <= 0x40f {
				lower = c + 80
			} else if c <= 0x42f {
				lower = c + 32
			}
		case c == 0x30fc || in(0xac00, 0xd77f):
			word = true
		case in(0x3041, 0x3096) || in(0x30a1, 0x30fa) || in(0x3400, 0x4dbf) || in(0x4e00, 0x9fff):
			word, single = true, true
		case in(0x80, 0xbf) && !strings.ContainsRune("ªµº", c), c == '×', c == '÷', in(0x2000, 0x203f), in(0x21c0, 0x2bff),
			in(0x3000, 0x3004), in(0x3008, 0x3020), in(0xff00, 0xff0f), in(0xff1a, 0xff20), in(0xff3b, 0xff3f):
		default:
			known = false
		}
		if known {
			utf8.AppendRune(r.lower[:at], lower)
		}
		for i := at; i < at+size; i++ {
			bit := uint64(1) << (i % Block)
			if word {
				r.masks[i/Block].Word |= bit
			}
			if !known && text[i] >= 0x80 {
				r.masks[i/Block].Open |= bit
			}
		}
		if single {
			r.masks[at/Block].Cut |= 1 << (at % Block)
			if end := at + size; end < n*Block {
				r.masks[end/Block].Cut |= 1 << (end % Block)
			}
		}
		at += size
	}
	return r
}

// forEach calls fn with every implementation that this machine has.
func forEach(fn func(implementation string)) {
	fn(implementation())
	restore := ForceAVX2()
	fn("forced " + implementation())
	restore()
	restore = ForceGeneric()
	fn("forced generic")
	restore()
}

func check(t *testing.T, text []byte) {
	t.Helper()
	want := slow(text)
	forEach(func(name string) {
		t.Helper()
		got := scanned(text)
		if !bytes.Equal(got.lower, want.lower) {
			t.Fatalf("%s: Scan(%q): lower %q, want %q", name, text, got.lower, want.lower)
		}
		for i := range want.masks {
			if got.masks[i] != want.masks[i] {
				t.Fatalf("%s: Scan(%q): masks %d: %x, want %x", name, text, i, got.masks[i], want.masks[i])
			}
		}
		room := len(want.masks)*Block + Room
		compareEdges(t, name, make([]uint32, room), make([]uint32, room), want.masks)
	})
}

// compareEdges holds Edges to a loop over the bytes.
func compareEdges(t *testing.T, name string, starts, ends []uint32, masks []Masks) {
	t.Helper()
	var wantStarts, wantEnds []uint32
	inside := false
	for at := range uint32(len(masks) * Block) {
		m := masks[at/Block]
		word, cut := m.Word>>(at%Block)&1 != 0, m.Cut>>(at%Block)&1 != 0
		if inside && (!word || cut) {
			wantEnds = append(wantEnds, at)
		}
		if word && (!inside || cut) {
			wantStarts = append(wantStarts, at)
		}
		inside = word
	}
	if inside {
		wantEnds = append(wantEnds, uint32(len(masks)*Block))
	}
	n := Edges(starts, ends, masks)
	if !slices.Equal(starts[:n], wantStarts) || !slices.Equal(ends[:n], wantEnds) {
		t.Fatalf("%s: Edges(%x) = %d, %d, want %d, %d", name, masks, starts[:n], ends[:n], wantStarts, wantEnds)
	}
}

// Every byte value at every place of a block.
func TestScanEveryByte(t *testing.T) {
	for c := range 256 {
		for shift := range Block {
			text := bytes.Repeat([]byte{' '}, Block)
			text[shift] = byte(c)
			check(t, text)
		}
	}
}

// Every character, at the border of two blocks and elsewhere, whole and cut
// off, among others.
func TestScanEveryCharacter(t *testing.T) {
	step := rune(1)
	if testing.Short() {
		step = 7
	}
	var text []byte
	for r := rune(0x80); r < 0x10000; r += step {
		text = append(text[:0], strings.Repeat("x", int(r)%9+58)...)
		text = utf8.AppendRune(text, r)
		text = append(text, 'A')
		text = append(utf8.AppendRune(text, r), '1')
		text = utf8.AppendRune(utf8.AppendRune(text, r), r)
		check(t, text[:len(text)-int(r)%3])
	}
}

// All first and second bytes before some third ones, which need not make
// characters.
func TestScanEveryBeginning(t *testing.T) {
	for a := 0xbe; a < 0x100; a++ {
		for b := range 256 {
			if testing.Short() && b%5 != a%5 {
				continue
			}
			var text []byte
			for _, c := range []byte{'x', 0x7f, 0x80, 0x84, 0x90, 0x96, 0x97, 0xa1, 0xbb, 0xbc, 0xbf, 0xc0, 0xff} {
				text = append(text, byte(a), byte(b), c)
			}
			check(t, append(text, text...))
		}
	}
}

func TestScanEveryLengthAndAlignment(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 512)
	for i := range buf {
		buf[i] = byte(random.Uint32())
	}
	mixed := []byte(strings.Repeat("Ein Wörtchen, über ЁЛКИ и ёлки — 我能吞下玻璃、「カード」がある。다람쥐 헌 쳇바퀴 ", 8))
	for n := 0; n <= 4*Block+2; n++ {
		for align := range 32 {
			check(t, buf[align:align+n])
			check(t, mixed[align:align+n])
		}
	}
}

func TestScanAndEdgesDoNotAllocate(t *testing.T) {
	text := bytes.Repeat([]byte("Some Text "), 13)
	r := scanned(text)
	positions := make([]uint32, 2*(len(r.masks)*Block+Room))
	starts, ends := positions[:len(positions)/2], positions[len(positions)/2:]
	if n := testing.AllocsPerRun(100, func() {
		Scan(r.lower, r.masks, text)
		Edges(starts, ends, r.masks)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("Ein Wort, 2 Wörter ВОДА 語・カー 하나。"))
	f.Add(bytes.Repeat([]byte("aZ09@[`{/:\x80\xff"), 12))
	f.Add([]byte(strings.Repeat("，我 ", 30)))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

func FuzzEdges(f *testing.F) {
	f.Add(uint64(1), uint64(0), uint64(1<<63), uint64(5))
	f.Fuzz(func(t *testing.T, a, b, c, d uint64) {
		masks := []Masks{{Word: a, Cut: b}, {Word: c, Cut: d}, {Word: a ^ c}, {Word: d, Cut: a}}
		room := len(masks)*Block + Room
		forEach(func(name string) { compareEdges(t, name, make([]uint32, room), make([]uint32, room), masks) })
	})
}

func BenchmarkScan(b *testing.B) {
	for _, sample := range []string{"The quick brown Fox, 47 of them. ", "Съешь же ещё этих мягких французских булок. ", "我能吞下玻璃，而不伤身体。", "다람쥐 헌 쳇바퀴에 타고파 "} {
		text := []byte(strings.Repeat(sample, 1<<16/len(sample)))
		r := scanned(text)
		positions := make([]uint32, 2*(len(r.masks)*Block+Room))
		starts, ends := positions[:len(positions)/2], positions[len(positions)/2:]
		name, _, _ := strings.Cut(sample, " ")
		forEach(func(implementation string) {
			b.Run("masks/"+name+"/"+implementation, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					Scan(r.lower, r.masks, text)
				}
			})
			b.Run("edges/"+name+"/"+implementation, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					Edges(starts, ends, r.masks)
				}
			})
		})
		if want := slow(text); !slices.Equal(r.masks, want.masks) {
			b.Error("wrong masks")
		}
	}
}
