package utf8valid

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// check checks what this machine uses and what it would use without AVX-512.
func check(t *testing.T, b []byte) {
	t.Helper()
	checkOne(t, b)
	defer ForceAVX2()()
	checkOne(t, b)
}

func checkOne(t *testing.T, b []byte) {
	t.Helper()
	if got, want := Valid(b), utf8.Valid(b); got != want {
		t.Fatalf("Valid(%q) = %v, want %v", b, got, want)
	}
}

// Every pair and many triples and quadruples of bytes, within a block and
// across the edge between two, among ASCII and among other sequences.
func TestValidEverySequence(t *testing.T) {
	telling := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
		0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff}
	fillings := map[int]string{1: strings.Repeat("a", 96), 3: strings.Repeat("語", 32), 4: strings.Repeat("😀", 24)}
	var buf []byte
	try := func(sequence ...byte) {
		for width, filling := range fillings {
			for _, at := range []int{29, 30, 31, 32, 60, 61, 62, 63} {
				buf = append(buf[:0], filling[:at-at%width]...)
				buf = append(buf, sequence...)
				check(t, buf)
				// Blocks of 64 bytes end and one of 32 follows.
				buf = append(buf, filling[:36]...)
				check(t, buf)
				buf = append(buf, filling[36:]...)
				check(t, buf)
			}
		}
	}
	for a := range 256 {
		try(byte(a))
	}
	for _, a := range telling {
		for _, b := range telling {
			try(a, b)
			for _, c := range telling {
				if a >= 0xc0 {
					try(a, b, c)
				}
				if a < 0xf0 || b < 0x80 || b >= 0xc0 {
					continue
				}
				for _, d := range telling {
					try(a, b, c, d)
				}
			}
		}
	}
}

func TestValidEveryRune(t *testing.T) {
	var b []byte
	for r := rune(0); r <= utf8.MaxRune; r++ {
		b = utf8.AppendRune(b, r) // surrogates become U+FFFD
	}
	for start := range 4 {
		check(t, b[start:])
	}
	if !Valid(b) {
		t.Error("the string of all runes is not valid")
	}
}

func TestValidRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		var b []byte
		for range rng.IntN(150) {
			switch rng.IntN(4) {
			case 0:
				b = append(b, byte(rng.IntN(128)))
			case 1:
				b = utf8.AppendRune(b, rng.Int32N(0x800))
			case 2:
				b = utf8.AppendRune(b, rng.Int32N(0x10000))
			case 3:
				b = utf8.AppendRune(b, rng.Int32N(utf8.MaxRune))
			}
		}
		check(t, b)
		if len(b) == 0 {
			continue
		}
		check(t, b[rng.IntN(len(b)):])
		check(t, b[:rng.IntN(len(b))])
		b[rng.IntN(len(b))] = byte(rng.Uint32())
		check(t, b)
	}
}

func TestForceGeneric(t *testing.T) {
	before := implementation()
	restore := ForceGeneric()
	if got := implementation(); got != "generic" {
		t.Errorf("implementation() = %q while generic is forced", got)
	}
	restore()
	if got := implementation(); got != before {
		t.Errorf("implementation() = %q after restore, want %q", got, before)
	}
}

func FuzzValid(f *testing.F) {
	f.Add([]byte(strings.Repeat("a語é😀", 20)))
	f.Add(append(bytes.Repeat([]byte("é"), 40), 0xed, 0xa0, 0x80))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func BenchmarkValid(b *testing.B) {
	for _, text := range []struct{ name, s string }{
		{"latin", strings.Repeat("naïve café ", 300)}, {"chinese", strings.Repeat("统一码，", 250)},
	} {
		run := func(b *testing.B) {
			s := []byte(text.s)
			b.SetBytes(int64(len(s)))
			for range b.N {
				if !Valid(s) {
					b.Fatal("not valid")
				}
			}
		}
		b.Run(implementation()+"/"+text.name, run)
		b.Run("forced AVX2/"+text.name, func(b *testing.B) {
			defer ForceAVX2()()
			run(b)
		})
		b.Run("reference/"+text.name, func(b *testing.B) {
			defer ForceGeneric()()
			run(b)
		})
	}
}
