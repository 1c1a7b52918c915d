package bpe

import (
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// lanedMerger is a merger that uses lanes on every CPU.
func lanedMerger(m *model) *merger {
	g := newMerger(m, countcache.New(countcache.Options{}))
	g.lanes = newLanes(m)
	return &g
}

// Hostile texts in lanes, and rows of vocabulary entries of every length about
// that from which on lanes are used.
func TestLongLanes(t *testing.T) {
	names := []string{"gpt2", "llama3", "gpt4o"}
	if raceEnabled {
		names = names[:1]
	}
	for _, name := range names {
		m := shared(t, name)
		g := lanedMerger(m.model)
		for kind, text := range hostileTexts(m.model, 60_000) {
			if got, want := g.merge(text), m.reference.merge(text); got != want {
				t.Errorf("%s: %s: %d tokens, want %d", name, kind, got, want)
			}
		}
		tokens := tokenTexts(m.model)
		rng := rand.New(rand.NewPCG(4, 0))
		for n := laneSpan - 2; n < laneSpan+window+2; n++ {
			var row []byte
			for len(row) < n {
				row = append(row, tokens[rng.IntN(len(tokens))]...)
			}
			row = row[:n]
			if got, want := g.merge(row), m.reference.merge(row); got != want {
				t.Errorf("%s: %q: %d tokens, want %d", name, row, got, want)
			}
		}
	}
}

// commonToken finds what a search through all tokens does.
func TestCommonToken(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	type token struct{ place, length int }
	tokensOf := func(begins uint32) (out []token) {
		for i := range pairmerge.Long {
			if begins>>i&1 != 0 {
				out = append(out, token{i, endOf(begins, i) - i})
			}
		}
		return out
	}
	for range 200_000 {
		left, right := rng.Uint32()&rng.Uint32()|1, rng.Uint32()&rng.Uint32()|1
		if rng.IntN(2) == 0 { // alike from somewhere on
			right ^= (left>>laneStep ^ right) &^ (1<<rng.IntN(laneOverlap+2) - 1) & (2<<laneOverlap - 1)
		}
		from := max(0, rng.IntN(20)-10)
		var want token
		for _, a := range tokensOf(left) {
			for _, b := range tokensOf(right) {
				if b.place >= from && a.place-laneStep == b.place && a.length == b.length && want.length == 0 {
					want = b
				}
			}
		}
		place, length := commonToken(left>>laneStep, right, from)
		if got := (token{place, length}); got != want {
			t.Fatalf("%032b and %032b: %v, want %v", left, right, got, want)
		}
	}
}

func BenchmarkLongLanes(b *testing.B) {
	for _, name := range []string{"gpt2", "llama3"} {
		m := shared(b, name)
		g := lanedMerger(m.model)
		for kind, text := range hostileTexts(m.model, 1<<20) {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					g.merge(text)
				}
			})
		}
	}
}
