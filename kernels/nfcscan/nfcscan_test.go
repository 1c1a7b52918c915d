package nfcscan

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func check(t *testing.T, text []byte, from int) {
	t.Helper()
	want := from
	for from >= 2 && want+Step <= len(text) && plainGeneric(text, want, 1) == 1 {
		want += Step
	}
	if got := Plain(text, from); got != want {
		t.Fatalf("%s: Plain(%q, %d) = %d, want %d", implementation(), text, from, got, want)
	}
	restore := ForceGeneric()
	defer restore()
	if got := Plain(text, from); got != want {
		t.Fatalf("forced generic: Plain(%q, %d) = %d, want %d", text, from, got, want)
	}
}

// The comment of kinds, as ranges of characters.
func TestStops(t *testing.T) {
	within := func(r rune, ranges ...rune) bool {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) || r > 0x30000 && r%64 != 0 {
			continue
		}
		text := append(bytes.Repeat([]byte("."), 8), string(r)...)
		text = append(text, bytes.Repeat([]byte("."), 2*Step)...)
		stops := Plain(text, 8) == 8
		must := within(r, 0x300, 0x3BF, 0x480, 0x4BF, 0x580, 0x67F, 0x6C0, 0x77F, 0x7C0, 0x1FFF, 0x2000, 0x2001,
			0x302A, 0x302F, 0x3099, 0x309A, 0xA000, 0xABFF, 0xF900, 0xFB7F, 0xFE00, 0xFE3F, 0x10000, 0x3FFFF)
		if r >= 0x2000 && r < 0x3000 {
			must = r <= 0x2001 || within(r>>6, 0x20C0>>6, 0x2100>>6, 0x2300>>6, 0x2300>>6) || strings.ContainsRune("\x23\x25\x27\x2b\x33\x35\x37\x3b", r>>6&63)
		}
		if stops != must {
			t.Fatalf("U+%04X: stops %v, want %v", r, stops, must)
		}
	}
}

func TestEveryPlace(t *testing.T) {
	for _, pattern := range []string{"\u0301", "\u3099", "\u2000", "\ufe20", "\uf900", "𝅗𝅥", "ⵯ", "々", "가", "ж", "\xe3\x82", "\xe3"} {
		for at := range 4 * Step {
			for _, fill := range []string{"a", "漢", "\x80"} {
				text := []byte(strings.Repeat(fill, 4*Step))[:4*Step]
				copy(text[at:], pattern)
				for from := range 6 {
					check(t, text, from)
				}
			}
		}
	}
}

func TestRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text := make([]byte, random.IntN(6*Step))
		bytesOf := []byte("\xe3\xe2\xef\xea\x80\x82\x83\x84\x8c\x99\x9a\xaa\xaf\xb3\xb8az\xe4\xd0")
		for i := range text {
			if text[i] = bytesOf[random.IntN(len(bytesOf))]; random.IntN(8) == 0 {
				text[i] = byte(random.Uint32())
			}
		}
		check(t, text, random.IntN(len(text)+1))
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte(strings.Repeat("Ein Wort, 2 Wörter, 漢字, かな、", 4)), 2)
	f.Fuzz(func(t *testing.T, text []byte, from int) {
		if 0 <= from && from <= len(text) {
			check(t, text, from)
		}
	})
}

func BenchmarkPlain(b *testing.B) {
	for _, text := range []string{"The quick brown Fox, 47 of them. ", "Съешь же ещё этих мягких французских булок. ", "我能吞下玻璃而不伤身体。"} {
		repeated := []byte(strings.Repeat(text, 65536/len(text)))
		name, _, _ := strings.Cut(text, " ")
		run := func(b *testing.B) {
			b.SetBytes(int64(len(repeated)))
			for b.Loop() {
				if n := Plain(repeated, 2); n < len(repeated)-Step {
					b.Fatalf("stopped at %d", n)
				}
			}
		}
		b.Run(name+"/"+implementation(), run)
		restore := ForceGeneric()
		b.Run(name+"/forced-generic", run)
		restore()
	}
}
