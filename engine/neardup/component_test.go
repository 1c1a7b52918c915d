package neardup

import (
	"math/rand/v2"
	"testing"
)

// LargestComponent against a search over all pairs.
func TestLargestComponent(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		docs := 1 + rng.IntN(30)
		offsets, members := []uint64{0}, []uint32(nil)
		for range rng.IntN(20) {
			for _, d := range rng.Perm(docs)[:rng.IntN(min(docs, 4)+1)] {
				members = append(members, uint32(d))
			}
			offsets = append(offsets, uint64(len(members)))
		}
		g, err := NewGraph(docs, offsets, members)
		if err != nil {
			t.Fatal(err)
		}
		var dropped []Verdict
		kept := make([]bool, docs)
		for d := range docs {
			if kept[d] = rng.IntN(5) > 0; !kept[d] {
				dropped = append(dropped, Verdict{Doc: uint32(d)})
			}
		}
		want := 0
		seen := make([]bool, docs)
		var visit func(d int) int
		visit = func(d int) int {
			seen[d] = true
			n := 1
			for o := range docs {
				if kept[o] && !seen[o] && g.shared(uint32(d), uint32(o)) > 0 {
					n += visit(o)
				}
			}
			return n
		}
		for d := range docs {
			if kept[d] && !seen[d] {
				want = max(want, visit(d))
			}
		}
		if got := LargestComponent(g, dropped); got != want {
			t.Fatalf("%d, want %d: %v of %+v", got, want, kept, g)
		}
	}
}
