package classmask

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// mixedClass gives every class to some characters, mostly different ones to
// neighbours.
func mixedClass(r rune) Class {
	switch {
	case 0x4E00 <= r && r < 0xA000 && r != 0x7777:
		return Other | Script
	case 0x3140 <= r && r < 0x3180 || 0x3400 <= r && r < 0x3800: // a row amid others has the class of most
		return Other
	case 0xAC00 <= r && r < 0xD7A4:
		return Other
	case 0x400 <= r && r < 0x430:
		return Upper
	case 0x430 <= r && r < 0x460:
		return Lower
	case r%3 == 0:
		return 1 << (r % 8)
	}
	return Class(r)
}

var mixed = NewTable(mixedClass, [2]rune{0, 0x20000})

// describe describes text, which is padded with white space to whole blocks.
func describe(t *Table, text []byte, calls ...int) []Planes {
	blocks := (len(text) + Block - 1) / Block
	text = append(slices.Clip(text), strings.Repeat(" ", Block+3)...)
	dst := make([]Planes, blocks)
	var state State
	for done := 0; done < blocks; {
		n := blocks - done
		if len(calls) > 0 {
			n = min(n, calls[0])
			calls = calls[1:]
		}
		state = t.Classify(dst[done:done+n], text[done*Block:], state)
		done += n
	}
	return dst
}

// slow is the doc comment of Planes, a character at a time.
func slow(t *Table, text []byte) []Planes {
	dst := make([]Planes, (len(text)+Block-1)/Block)
	text = append(slices.Clip(text), strings.Repeat(" ", len(dst)*Block-len(text))...)
	for i, r := range string(text) {
		c := t.Class(r)
		if r < utf8.RuneSelf {
			switch {
			case strings.ContainsRune("\t\n\v\f\r ", r):
				c = Space
			case r <= ' ' || r == 0x7f:
				c = 0
			case 'a' <= r && r <= 'z':
				c = Lower
			case 'A' <= r && r <= 'Z':
				c = Upper
			case '0' <= r && r <= '9':
				c = Number
			default:
				c = Sign
			}
		}
		for j := i; j < min(i+utf8.RuneLen(r), len(text)); j++ {
			p, bit := &dst[j/Block], uint64(1)<<(j%Block)
			for k, plane := range []*uint64{&p.Upper, &p.Lower, &p.Other, &p.Mark, &p.Number, &p.Sign, &p.Space, &p.Script} {
				if c>>k&1 != 0 {
					*plane |= bit
				}
			}
			for plane, in := range map[*uint64]bool{
				&p.Newline: r == '\n' || r == '\r', &p.Blank: r == ' ', &p.Apostrophe: r == '\'', &p.Slash: r == '/',
				&p.Inner: j > i, &p.High: r >= utf8.RuneSelf,
			} {
				if in {
					*plane |= bit
				}
			}
		}
	}
	return dst
}

func check(t *testing.T, text []byte, calls ...int) {
	t.Helper()
	want := slow(mixed, text)
	compare := func(name string, got []Planes) {
		t.Helper()
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: block %d of %q is\n%+x, want\n%+x", name, i, text, got[i], want[i])
			}
		}
	}
	forEach(func(name string) { compare(name, describe(mixed, text, calls...)) })
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

func TestEveryCharacter(t *testing.T) {
	var text []byte
	for r := range rune(utf8.MaxRune + 1) {
		if r > 0x30FF && r%11 != 0 || !utf8.ValidRune(r) {
			continue
		}
		text = utf8.AppendRune(text, r)
	}
	check(t, text)
	check(t, append([]byte("x"), text...), 3, 1, 1, 7)
}

// Characters of every length at every place of a block, behind and before each
// other.
func TestEveryPlace(t *testing.T) {
	for _, pair := range []string{"a", "é", "漢", "😀", "é漢", "漢é", "漢😀", "😀漢", "😀é", "é😀", "漢a", "éa", "😀a", "a漢a", "\x00漢漢漢"} {
		for shift := range Block {
			check(t, []byte(strings.Repeat(" ", shift)+pair+"-"))
			check(t, []byte(strings.Repeat("a", shift)+strings.Repeat(pair, 50)), 1, 1)
		}
	}
}

func TestRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	last := []rune{0x7f, 0x7ff, 0xffff, utf8.MaxRune}
	for range 2000 {
		var text []byte
		for range random.IntN(200) {
			text = utf8.AppendRune(text, random.Int32N(last[random.IntN(4)]))
		}
		check(t, text, 1+random.IntN(3))
	}
}

func FuzzClassify(f *testing.F) {
	f.Add([]byte("Ein Wort, 2 Wörter\r\n漢字"))
	f.Add([]byte("\xe4\x80\xf0\x90\xff\xc0 \x80\xf8"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if utf8.Valid(text) {
			check(t, text)
		}
		forEach(func(string) { describe(mixed, text) }) // must not fault
	})
}

func TestTable(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		want := Class(0)
		if r < 0x20000 {
			want = mixedClass(r)
		}
		if got := mixed.Class(r); got != want {
			t.Fatalf("U+%04X: %b, want %b", r, got, want)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	for _, text := range []string{"The quick brown Fox, 47 of them. ", "Съешь же ещё этих мягких французских булок. ", "我能吞下玻璃而不伤身体。", "다람쥐 헌 쳇바퀴에 타고파 "} {
		repeated := []byte(strings.Repeat(text, 4096*Block/len(text)+1))
		dst := make([]Planes, len(repeated)/Block-1)
		run := func(b *testing.B) {
			b.SetBytes(int64(len(dst) * Block))
			for b.Loop() {
				mixed.Classify(dst, repeated, 0)
			}
			if want := slow(mixed, repeated); !slices.Equal(want[:len(dst)], dst) {
				b.Error("wrong planes")
			}
		}
		name, _, _ := strings.Cut(text, " ")
		forEach(func(implementation string) { b.Run(name+"/"+implementation, run) })
	}
}
