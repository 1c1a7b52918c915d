package ucd

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/nfcscan"
)

// slowQuickNFC is QuickNFC, a character at a time.
func slowQuickNFC(text string) int {
	settled := 0
	for i, r := range text {
		if lookup(normalIndex[:], normalBlocks, r) != 0 {
			return settled
		}
		settled = i
	}
	return len(text)
}

// Every character with normalisation data, and some without, at every place of
// what is looked at together, behind and before others.
func TestQuickNFC(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pad := []string{strings.Repeat("a", 200), strings.Repeat("漢", 70), strings.Repeat("я ", 70), strings.Repeat("가, ", 40), strings.Repeat("😀", 50), strings.Repeat("、", 70)}
	check := func(s string) {
		if got, want := QuickNFC([]byte(s)), slowQuickNFC(s); got != want {
			t.Fatalf("%+q: %d, want %d", s, got, want)
		}
	}
	for _, force := range []func() func(){func() func() { return func() {} }, nfcscan.ForceGeneric} {
		restore := force()
		for r := range rune(utf8.MaxRune + 1) {
			if utf8.ValidRune(r) && (lookup(normalIndex[:], normalBlocks, r) != 0 || r < 0x3400 || r%64 == 0) {
				check("a" + string(r))
				p := pad[rng.IntN(len(pad))]
				text := []rune(p[:len(p)/2/len("가, 、")*len("가, 、")])
				at := rng.IntN(len(text))
				text[at] = r
				check(string(text))
			}
		}
		for _, p := range pad {
			text := []rune(p)
			for at := range text {
				for _, r := range "\u0301\u3099\u2126\U0001d15e" {
					kept := text[at]
					text[at] = r
					check(string(text))
					text[at] = kept
				}
			}
		}
		restore()
	}
}

func BenchmarkQuickNFC(b *testing.B) {
	for name, text := range map[string]string{
		"english": "The quick brown fox, ", "russian": "Съешь же ещё этих мягких ", "chinese": "我能吞下玻璃而不伤身体。",
		"japanese": "ガラスを食べられます、", "korean": "다람쥐 헌 쳇바퀴에 타고파 ",
	} {
		long := []byte(strings.Repeat(text, 1<<16/len(text)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(long)))
			for b.Loop() {
				if QuickNFC(long) != len(long) {
					b.Fatal("is normal")
				}
			}
		})
	}
}
