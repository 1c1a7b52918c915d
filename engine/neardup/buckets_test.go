package neardup

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/engine/doc"
	"pgregory.net/rapid"
)

func drawPlace(t *rapid.T) doc.Place {
	return doc.Place{
		Shard:   rapid.Uint32Range(0, 2).Draw(t, "shard"),
		Ordinal: rapid.Uint32Range(0, 9).Draw(t, "ordinal"),
	}
}

// groupsByMap is the obvious version of Buckets and ExactGroups.
func groupsByMap[K comparable](keys []K, places []doc.Place, order func(a, b K) int) [][]doc.Place {
	byKey := map[K][]doc.Place{}
	for i, k := range keys {
		byKey[k] = append(byKey[k], places[i])
	}
	distinct := make([]K, 0, len(byKey))
	for k := range byKey {
		distinct = append(distinct, k)
	}
	slices.SortFunc(distinct, order)
	var groups [][]doc.Place
	for _, k := range distinct {
		g := byKey[k]
		slices.SortFunc(g, doc.Place.Compare)
		if g = slices.Compact(g); len(g) > 1 {
			groups = append(groups, g)
		}
	}
	return groups
}

func listGroups(g Groups) [][]doc.Place {
	var groups [][]doc.Place
	for i := range g.Len() {
		groups = append(groups, g.Group(i))
	}
	return groups
}

func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []BandRecord
		var keys []uint64
		var places []doc.Place
		spread := rapid.SampledFrom([]uint64{1, 1 << 59, 1 << 20, 0x9e3779b97f4a7c15}).Draw(t, "spread")
		for range rapid.IntRange(0, 60).Draw(t, "records") {
			r := BandRecord{Key: rapid.Uint64Range(0, 20).Draw(t, "key") * spread, Doc: drawPlace(t)}
			records, keys, places = append(records, r), append(keys, r.Key), append(places, r.Doc)
		}
		if d := gocmp.Diff(groupsByMap(keys, places, cmp.Compare), listGroups(Buckets(records))); d != "" {
			t.Fatalf("buckets (-want +got):\n%s", d)
		}
	})
}

func TestExactGroups(t *testing.T) {
	type key struct{ hash, length uint64 }
	order := func(a, b key) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.length, b.length))
	}
	rapid.Check(t, func(t *rapid.T) {
		var records []ExactRecord
		var keys []key
		var places []doc.Place
		for range rapid.IntRange(0, 60).Draw(t, "records") {
			k := key{rapid.Uint64Range(0, 5).Draw(t, "hash"), rapid.Uint64Range(0, 2).Draw(t, "length")}
			p := drawPlace(t)
			records = append(records, ExactRecord{Hash: k.hash, Length: k.length, Doc: p})
			keys, places = append(keys, k), append(places, p)
		}
		if d := gocmp.Diff(groupsByMap(keys, places, order), listGroups(ExactGroups(records))); d != "" {
			t.Fatalf("groups (-want +got):\n%s", d)
		}
	})
}

func BenchmarkBuckets(b *testing.B) {
	const n = 1 << 20
	records := make([]BandRecord, n)
	b.SetBytes(n * 16)
	for b.Loop() {
		b.StopTimer()
		r := rand.New(rand.NewPCG(1, 1))
		for i := range records {
			records[i] = BandRecord{Key: r.Uint64() % n * 0x9e3779b97f4a7c15, Doc: doc.Place{Ordinal: uint32(i / 16)}}
		}
		b.StartTimer()
		if Buckets(records).Len() == 0 {
			b.Fatal("no buckets")
		}
	}
}
