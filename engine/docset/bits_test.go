package docset

import (
	"math/rand/v2"
	"testing"
)

func TestBits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		n := 1 + rnd.IntN(300)
		b := NewBits(n)
		in := make([]bool, n)
		for range rnd.IntN(n + 1) {
			i := rnd.IntN(n)
			in[i] = true
			b.Add(uint32(i))
		}
		r, count := b.Rank()
		before := uint32(0)
		for i, want := range in {
			if got := r.Has(uint32(i)); got != want {
				t.Fatalf("%d is in the set: %v, want %v", i, got, want)
			}
			if !want {
				continue
			}
			if got := r.Of(uint32(i)); got != before {
				t.Fatalf("%d is number %d of the members, want %d", i, got, before)
			}
			before++
		}
		if count != int(before) {
			t.Fatalf("%d members, want %d", count, before)
		}
	}
}
