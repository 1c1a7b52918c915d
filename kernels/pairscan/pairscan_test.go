package pairscan

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// slow is the doc comment of Index for the exact set.
func slow(pairs [][2]byte, text []byte, from int) int {
	for i := from; i+1 < len(text); i++ {
		for _, p := range pairs {
			if bytes.Equal(text[i:i+2], p[:]) {
				return i
			}
		}
	}
	return -1
}

// check holds Index to its two promises: no pair is missed, and assembly and
// Go stop at the same place.
func check(t *testing.T, pairs [][2]byte, text []byte, from int) {
	t.Helper()
	s := New(pairs)
	got := s.Index(text, from)
	if exact := slow(pairs, text, from); exact >= 0 && (got < 0 || got > exact) {
		t.Fatalf("Index(%q, %d) = %d for %q; there is one at %d", text, from, got, pairs, exact)
	}
	if got >= 0 && (got < from || got+1 >= len(text)) {
		t.Fatalf("Index(%q, %d) = %d", text, from, got)
	}
	restore := ForceGeneric()
	defer restore()
	if generic := s.Index(text, from); got != generic {
		t.Fatalf("%s: Index(%q, %d) = %d, generic %d", implementation(), text, from, got, generic)
	}
}

func TestIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		pairs := make([][2]byte, rng.IntN(20))
		for i := range pairs {
			pairs[i] = [2]byte{byte(rng.IntN(256)), byte(rng.IntN(256))}
		}
		text := make([]byte, rng.IntN(200))
		for i := range text {
			text[i] = byte(rng.IntN(256))
		}
		if len(pairs) > 0 && len(text) > 1 && rng.IntN(2) == 0 {
			copy(text[rng.IntN(len(text)-1):], pairs[0][:])
		}
		check(t, pairs, text, rng.IntN(len(text)+2))
	}
}

// One pair of few is found exactly, wherever it stands.
func TestIndexEverywhere(t *testing.T) {
	pairs := [][2]byte{{'<', '|'}, {'[', 'I'}, {0xEF, 0xBD}}
	s := New(pairs)
	for n := range 140 {
		text := bytes.Repeat([]byte{'<'}, n)
		if got := s.Index(text, 0); got >= 0 {
			t.Fatalf("%d bytes without a pair: %d", n, got)
		}
		for at := range n - 1 {
			for _, p := range pairs {
				copy(text[at:], p[:])
				if got := s.Index(text, 0); got != at {
					t.Fatalf("%q: %d, want %d", text, got, at)
				}
				text[at], text[at+1] = '<', '<'
			}
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("<|[I"), []byte("text with <|endoftext|> in it, and [INST] later on, far behind"), 3)
	f.Fuzz(func(t *testing.T, set, text []byte, from int) {
		if from < 0 {
			return
		}
		var pairs [][2]byte
		for ; len(set) >= 2; set = set[2:] {
			pairs = append(pairs, [2]byte(set))
		}
		check(t, pairs, text, from)
	})
}

func BenchmarkIndex(b *testing.B) {
	text := bytes.Repeat([]byte("if (a < b && b > 0) { c <= d; }\n"), 1<<10)
	text = append(text, "<|"...)
	s := New([][2]byte{{'<', '|'}})
	for _, forced := range []bool{false, true} {
		name := implementation()
		restore := func() {}
		if forced {
			restore = ForceGeneric()
			name = "generic, forced"
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if s.Index(text, 0) != len(text)-2 {
					b.Fatal("not found")
				}
			}
		})
		restore()
	}
}
