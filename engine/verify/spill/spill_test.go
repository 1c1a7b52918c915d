package spill

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// TestTwice compares what is found on disk with a map.
func TestTwice(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	s, err := New(3 * partRecords)
	if err != nil {
		t.Fatal(err)
	}
	if s.Parts() < 2 {
		t.Fatalf("%d parts are too few for this", s.Parts())
	}
	texts := map[[32]byte][]doc.Place{}
	for i := range uint32(2000) {
		var digest [32]byte
		n := rng.Uint64N(1500)
		binary.LittleEndian.PutUint64(digest[:], n)
		digest[31] = byte(n)
		place := doc.Place{Shard: uint32(rng.IntN(3)), Ordinal: i}
		texts[digest] = append(texts[digest], place)
		if err := s.Add(digest, place); err != nil {
			t.Fatal(err)
		}
	}
	var want, got [][2]doc.Place
	for _, places := range texts {
		slices.SortFunc(places, doc.Place.Compare)
		for _, again := range places[1:] {
			want = append(want, [2]doc.Place{places[0], again})
		}
	}
	for part := range s.Parts() {
		err := s.Twice(part, func(first, again doc.Place) { got = append(got, [2]doc.Place{first, again}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	byPlace := func(a, b [2]doc.Place) int { return a[1].Compare(b[1]) }
	slices.SortFunc(want, byPlace)
	slices.SortFunc(got, byPlace)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("%d places found, want %d", len(got), len(want))
	}
	s.Remove()
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
