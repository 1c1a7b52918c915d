package countcache

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// batches is toy, and counts the batches that are not full.
type batches struct {
	toy
	part int
}

func (m *batches) Counts(text []byte, spans []Span, counts []int) {
	if len(spans) < Batch {
		m.part++
	}
	m.toy.Counts(text, spans, counts)
}

// Deferred counts are those of each text alone, whatever becomes of the texts in
// the meantime; afterwards Count leaves nothing out. Batches are full but for the
// last and where there are too many repeats, or a key is so long that it does not wait.
func TestDefer(t *testing.T) {
	for name, c := range caches() {
		random := rand.New(rand.NewPCG(5, 5))
		for range 40 {
			long := random.IntN(4) == 0
			model := &batches{}
			var want []int
			keys := 0
			counts := make([]int, 1+random.IntN(100))
			for i := range counts {
				text := randomText(random, random.IntN(300))
				places := randomPlaces(random, len(text), 1+random.IntN(12))
				if long && random.IntN(8) == 0 {
					text = append(text, bytes.Repeat([]byte("x"), maxDeferred/2+random.IntN(maxDeferred))...)
				}
				keys += len(places)
				starts := wordsOf(text, places)
				want = append(want, slow(text, starts))
				c.Defer(counts, i)
				n := c.Count(text, &words{bits: starts}, model)
				counts[i] += n
				clear(text)
			}
			c.Settle(model)
			for i := range want {
				if counts[i] != want[i] {
					t.Fatalf("%s: text %d of %d: %d tokens, want %d", name, i, len(want), counts[i], want[i])
				}
			}
			if !long && model.part > 1+keys/len(c.repeats.list) {
				t.Errorf("%s: %d batches of %d keys are not full", name, model.part, model.asked)
			}
			check(t, c, []byte("some other words"), afterSpaces([]byte("some other words")), 0)
		}
	}
}
