package neardup

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Probes find exactly the pairs of brute force, whatever the order and
// repetitions of the shingles that are streamed past them.
func TestProbesFindEveryPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := families(t)
		num := rapid.Int64Range(1, 10).Draw(t, "num")
		var probeSets [][]uint64
		for _, s := range sets {
			if rapid.Bool().Draw(t, "sampled") {
				probeSets = append(probeSets, s)
			}
		}
		probes, err := NewProbes(t.Context(), len(probeSets), memorySets(probeSets), num, 10)
		if err != nil {
			t.Fatal(err)
		}
		type found struct {
			probe          uint32
			doc            int
			overlap, union int
		}
		var want, got []found
		m := probes.NewMatcher()
		for d, set := range sets {
			for k, p := range probeSets {
				if o, u := jaccard(set, p); u > 0 && int64(o)*10 >= num*int64(u) {
					want = append(want, found{uint32(k), d, o, u})
				}
			}
			streamed := slices.Concat(set, set)
			streamed = rapid.Permutation(streamed).Draw(t, "order")
			if !m.Look(streamed) {
				continue
			}
			err := m.Prove(set, func(k uint32, overlap, union int) { got = append(got, found{k, d, overlap, union}) })
			if err != nil {
				t.Fatal(err)
			}
		}
		order := func(a, b found) int { return cmp.Or(cmp.Compare(a.doc, b.doc), cmp.Compare(a.probe, b.probe)) }
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if !slices.Equal(want, got) {
			t.Fatalf("found %v, want %v", got, want)
		}
	})
}

func TestProbesRefuse(t *testing.T) {
	if _, err := NewProbes(t.Context(), 0, memorySets(nil), 5, 4); err == nil {
		t.Error("a threshold above 1: accepted")
	}
	if _, err := NewProbes(t.Context(), 1, failingSets{memorySets([][]uint64{{1}}), 0}, 4, 5); err == nil {
		t.Error("a set that cannot be read: accepted")
	}
	p, err := NewProbes(t.Context(), 0, memorySets(nil), 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	if p.NewMatcher().Look([]uint64{0, 1, 1 << 63}) {
		t.Error("found among no probes")
	}
}
