package shingleset

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func parityOf(set []uint64) []uint64 {
	bitmap := make([]uint64, parityWords(len(set)))
	addParity(bitmap, set)
	return bitmap
}

// TestParityDistance compares it with counting: the residues, modulo the
// smaller size, of an odd number of the elements that only one set has.
func TestParityDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		draw := func(name string) []uint64 {
			set := make([]uint64, rapid.SampledFrom([]int{0, 1, 50, 1024, 1025, 3000, 5000}).Draw(t, name))
			for i := range set {
				set[i] = r.Uint64N(1 << 13)
			}
			slices.Sort(set)
			return slices.Compact(set)
		}
		sets := [][]uint64{draw("a"), draw("b")}
		size := uint64(64 * min(parityWords(len(sets[0])), parityWords(len(sets[1]))))
		odd := map[uint64]bool{}
		for _, x := range slices.Concat(sets[0], sets[1]) {
			odd[x%size] = !odd[x%size]
		}
		want := 0
		for _, o := range odd {
			if o {
				want++
			}
		}
		a, b := parityOf(sets[0]), parityOf(sets[1])
		overlap, union := jaccard(sets[0], sets[1])
		for _, got := range []int{ParityDistance(a, b), ParityDistance(b, a)} {
			if got != want || got > union-overlap {
				t.Fatalf("distance %d, want %d, of sets that differ in %d", got, want, union-overlap)
			}
		}
	})
}
