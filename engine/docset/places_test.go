package resolve

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

func TestPlaceSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var set placeSet
		var places []doc.Place
		span := uint32(1) << random.IntN(14)
		for range random.IntN(300) {
			p := doc.Place{Shard: 3 * random.Uint32N(4), Ordinal: random.Uint32N(span)}
			places = append(places, p)
			set.add(p)
		}
		slices.SortFunc(places, doc.Place.Compare)
		places = slices.Compact(places)
		if n := set.number(); n != len(places) {
			t.Fatalf("%d places, want %d", n, len(places))
		}
		if got := slices.Collect(set.all()); !slices.Equal(got, places) {
			t.Fatalf("places %v, want %v", got, places)
		}
		for shard := range uint32(12) {
			for ordinal := range span + 70 {
				p := doc.Place{Shard: shard, Ordinal: ordinal}
				got, found := set.find(p)
				want, wantFound := slices.BinarySearchFunc(places, p, doc.Place.Compare)
				if found != wantFound || found && int(got) != want {
					t.Fatalf("find(%v) = %d, %v, want %d, %v", p, got, found, want, wantFound)
				}
			}
		}
	}
}
