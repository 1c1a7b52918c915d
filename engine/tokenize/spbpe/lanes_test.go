package spbpe

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/countcache"
)

// withLanes is a merger that uses lanes on every CPU, from the first piece on.
func withLanes(m *model) *merger {
	return &merger{model: m, lanes: newLongLanes(m)}
}

// Pieces of all lengths, counted together in lanes and streamed, have the counts
// of one large window.
func TestLanes(t *testing.T) {
	refdata.Need(t)
	rounds := 60
	if raceEnabled {
		rounds = 4
	}
	for _, name := range sharedNames {
		w := newWorker(sharedTokenizer(t, name), 0)
		g := withLanes(w.model)
		tokens := tokensOf(t, name)
		rng := rand.New(rand.NewPCG(8, 0))
		for range rounds {
			var text []byte
			var spans []countcache.Span
			for range 1 + rng.IntN(countcache.Batch) {
				from, size := len(text), 1+rng.IntN(1<<(1+rng.IntN(13)))
				list := tokens
				if rng.IntN(3) == 0 {
					at := rng.IntN(len(tokens) - 5)
					list = tokens[at : at+5]
				}
				for len(text) < from+size {
					piece := list[rng.IntN(len(list))]
					text = append(text, strings.Repeat(piece, 1+rng.IntN(3)*rng.IntN(3))...)
				}
				spans = append(spans, countcache.Span{Start: from, End: len(text)})
			}
			counts := make([]int, len(spans))
			g.Counts(text, spans, counts)
			for i, s := range spans {
				piece := text[s.Start:s.End]
				var l longMerge
				want := l.windows(w.model, &reader{model: w.model, rest: piece}, 1<<30)
				if counts[i] != want {
					t.Fatalf("%s: %q: %d tokens together, want %d", name, piece, counts[i], want)
				}
				if got, ok := g.lanes.stream(reader{model: w.model, rest: piece}); !ok || got != want {
					t.Fatalf("%s: %q: %d tokens streamed (%t), want %d", name, piece, got, ok, want)
				}
			}
		}
	}
}
