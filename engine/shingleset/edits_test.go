package shingleset

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := ascending(rapid.IntRange(0, 60).Draw(t, "size"), 0x9e3779b97f4b)
		var of [2]edits
		var sets [2][]uint64
		for i := range sets {
			sets[i] = revision(t, base)
			e := new(edits)
			lost, gained := without(base, sets[i]), without(sets[i], base)
			if most := lost + gained; most > 0 && e.between(base, sets[i], most-1) {
				t.Fatal("more edits than allowed")
			} else if !e.between(base, sets[i], most) || len(e.lost) != lost || len(e.gained) != gained {
				t.Fatalf("%d lost, %d gained; want %d and %d", len(e.lost), len(e.gained), lost, gained)
			}
			record := make([]uint64, e.words())
			e.put(record)
			of[i] = editsOf(record)
			made := make([]uint64, len(sets[i]))
			if of[i].apply(made, base); !slices.Equal(made, sets[i]) {
				t.Fatal("edits make another set")
			}
		}
		want, _ := jaccard(sets[0], sets[1])
		if o := overlapOfEdits(len(base), &of[0], &of[1]); o != want {
			t.Fatalf("overlap %d, want %d", o, want)
		}
	})
}

// without returns how many elements of a are not in b.
func without(a, b []uint64) int {
	overlap, _ := jaccard(a, b)
	return len(a) - overlap
}
