package shingleset

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestFile: sets come back from the file under the numbers that they are given then, and
// their scores are those of the sets.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		f, err := NewFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var sets [][]uint64
		var refs []Ref
		for range rapid.IntRange(2, 6).Draw(t, "sets") {
			// Some are larger than what is written at once.
			set := ascending(rapid.SampledFrom([]int{0, 1, 100, setBuffer / 8, setBuffer/8 + 1}).Draw(t, "size"), rapid.Uint64Range(1, 3).Draw(t, "step"))
			ref, err := f.Append(set)
			if err != nil {
				t.Fatal(err)
			}
			sets, refs = append(sets, set), append(refs, ref)
		}
		slices.Reverse(sets)
		slices.Reverse(refs)
		sets, refs = sets[1:], refs[1:]
		stored, err := f.Sets(refs)
		if err != nil {
			t.Fatal(err)
		}
		var buffer []uint64
		for d, want := range sets {
			if set, err := stored.Load(uint32(d), &buffer); err != nil || !slices.Equal(set, want) {
				t.Fatalf("set %d: another one came back (%v)", d, err)
			}
			overlap, union, err := Score(stored, 0, uint32(d))
			if o, u := jaccard(sets[0], want); err != nil || overlap != o || union != u {
				t.Fatalf("score %d/%d (%v), want %d/%d", overlap, union, err, o, u)
			}
		}
	})
}
