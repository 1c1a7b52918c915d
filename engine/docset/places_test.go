package docset

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

func TestPlaces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var set Places
		var places []doc.Place
		span := uint32(1) << random.IntN(14)
		for range random.IntN(300) {
			p := doc.Place{Shard: 3 * random.Uint32N(4), Ordinal: random.Uint32N(span)}
			places = append(places, p)
			set.Add(p)
		}
		slices.SortFunc(places, doc.Place.Compare)
		places = slices.Compact(places)
		if n := set.Number(); n != len(places) {
			t.Fatalf("%d places, want %d", n, len(places))
		}
		if got := slices.Collect(set.All()); !slices.Equal(got, places) {
			t.Fatalf("places %v, want %v", got, places)
		}
		for n, p := range places {
			if got := set.At(uint32(n)); got != p {
				t.Fatalf("At(%d) = %v, want %v", n, got, p)
			}
		}
		if got := set.At(uint32(len(places))); got != (doc.Place{}) {
			t.Fatalf("At(%d) = %v of %d", len(places), got, len(places))
		}
		for shard := range uint32(12) {
			for ordinal := range span + 70 {
				p := doc.Place{Shard: shard, Ordinal: ordinal}
				got, found := set.Find(p)
				want, wantFound := slices.BinarySearchFunc(places, p, doc.Place.Compare)
				if found != wantFound || found && int(got) != want {
					t.Fatalf("Find(%v) = %d, %v, want %d, %v", p, got, found, want, wantFound)
				}
			}
		}
	}
}
