package bpe

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/longrow"
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
			checkLong(t, g, m.reference, text, name+": "+kind)
		}
		if m.model.rows.Load() == nil {
			t.Errorf("%s: windows are still merged", name)
		}
		tokens := tokenTexts(m.model)
		rng := rand.New(rand.NewPCG(4, 0))
		for n := longrow.Span - 2; n < longrow.Span+window+2; n++ {
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

// Long keys of one batch share the lanes, some of whose windows do not join.
func TestLongKeysTogether(t *testing.T) {
	names := []string{"gpt2", "llama3", "gpt4o"}
	batches := 60
	if raceEnabled {
		names, batches = names[:1], 4
	}
	for _, name := range names {
		m := shared(t, name)
		g := lanedMerger(m.model)
		rng := rand.New(rand.NewPCG(5, 0))
		var text []byte
		texts := hostileTexts(m.model, 4000)
		for _, kind := range slices.Sorted(maps.Keys(texts)) {
			text = append(text, texts[kind]...)
		}
		for range batches {
			spans := make([]countcache.Span, 1+rng.IntN(countcache.Batch))
			counts := make([]int, len(spans))
			for i := range spans {
				n := maxShort + 1 + rng.IntN(1<<(1+rng.IntN(12)))
				at := rng.IntN(len(text) - n)
				spans[i] = countcache.Span{Start: runeAt(text, at), End: runeAt(text, at+n)}
			}
			g.counts(text, spans, counts)
			for i, s := range spans {
				if want := m.reference.merge(text[s.Start:s.End]); counts[i] != want {
					t.Fatalf("%s: %q: %d tokens, want %d", name, text[s.Start:s.End], counts[i], want)
				}
			}
		}
	}
}

// runeAt returns where the character begins that a place is in.
func runeAt(text []byte, at int) int {
	for !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
