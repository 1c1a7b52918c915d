package shingleset

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// jaccard returns the sizes of intersection and union, the obvious way.
func jaccard(a, b []uint64) (overlap, union int) {
	in := map[uint64]int{}
	for _, x := range a {
		in[x]++
	}
	for _, x := range b {
		in[x]++
	}
	for _, n := range in {
		overlap += n - 1
	}
	return overlap, len(in)
}

func TestOverlapAtLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []uint64 {
			set := rapid.SliceOfN(rapid.Uint64Range(0, 400), 0, 300).Draw(t, name)
			slices.Sort(set)
			return slices.Compact(set)
		}
		a, b := draw("a"), draw("b")
		want, _ := jaccard(a, b)
		need := rapid.IntRange(0, min(len(a), len(b))).Draw(t, "need")
		got, ok := OverlapAtLeast(a, b, need)
		if ok != (want >= need) || ok && got != want {
			t.Fatalf("overlap %d, %v; it is %d, of %d needed", got, ok, want, need)
		}
	})
}

func BenchmarkOverlapAtLeast(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]uint64, 1300)
	for i := range x {
		x[i] = r.Uint64()
	}
	y := slices.Clone(x)
	for range 130 {
		y[r.IntN(len(y))] = r.Uint64()
	}
	slices.Sort(x)
	slices.Sort(y)
	b.SetBytes(int64(len(x)+len(y)) * 8)
	for b.Loop() {
		if _, ok := OverlapAtLeast(x, y, 900); !ok {
			b.Fatal("refuted")
		}
	}
}
