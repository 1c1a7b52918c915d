package neardup

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/shingleset"
)

// revisions makes n documents of about size shingles in families of chained
// edits, and buckets of the shingles that are minimal under a few hashes: a
// plain MinHash, enough to resemble the real thing.
func revisions(n, size int, seed uint64) ([][]uint64, Graph) {
	const slots = 16
	r := rand.New(rand.NewPCG(seed, 1))
	sets := make([][]uint64, n)
	heads := make([][]uint64, n/50+1)
	for d := range sets {
		family := r.IntN(len(heads))
		if heads[family] == nil {
			for range size/2 + r.IntN(size) {
				heads[family] = append(heads[family], r.Uint64())
			}
		}
		set := slices.Clone(heads[family])
		for range r.IntN(1 + len(set)/10) {
			set[r.IntN(len(set))] = r.Uint64()
		}
		if r.IntN(4) == 0 {
			heads[family] = set
		}
		set = slices.Clone(set)
		slices.Sort(set)
		sets[d] = slices.Compact(set)
	}
	type key struct{ slot, minimum uint64 }
	members := map[key][]uint32{}
	var keys []key
	for d, set := range sets {
		for slot := range uint64(slots) {
			minimum := ^uint64(0)
			for _, x := range set {
				minimum = min(minimum, (x^slot*0x9e3779b97f4a7c15)*0xd6e8feb86659fd93)
			}
			k := key{slot, minimum}
			if members[k] == nil {
				keys = append(keys, k)
			}
			members[k] = append(members[k], uint32(d))
		}
	}
	offsets := []uint64{0}
	var flat []uint32
	for _, k := range keys {
		if len(members[k]) > 1 {
			flat = append(flat, members[k]...)
			offsets = append(offsets, uint64(len(flat)))
		}
	}
	g, err := NewGraph(n, offsets, flat)
	if err != nil {
		panic(err)
	}
	return sets, g
}

// storeSets writes sets to a file in a temporary folder.
func storeSets(t testing.TB, sets [][]uint64) *shingleset.Stored {
	t.Helper()
	return storeBy(t, sets, 1, func(*shingleset.Writer) {})
}

// storeBy stores sets by several writers at once.
func storeBy(t testing.TB, sets [][]uint64, writers int, prepare func(w *shingleset.Writer)) *shingleset.Stored {
	t.Helper()
	w, err := shingleset.NewWriter(t.TempDir(), len(sets))
	if err != nil {
		t.Fatal(err)
	}
	prepare(w)
	var all sync.WaitGroup
	for k := range writers {
		all.Go(func() {
			for d := k; d < len(sets); d += writers {
				if err := w.Append(uint32(d), sets[d]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	stored, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stored.Close(); err != nil {
			t.Error(err)
		}
	})
	return stored
}

// TestResolveAtScale resolves 20,000 documents of 400 families, in many
// batches and from a file, and checks every verdict against the definition's
// parts: witnesses are kept, scores true, and an eager list of all pairs leads
// to the same decisions. From sets in memory, many as edits of one another, all is the
// same.
func TestResolveAtScale(t *testing.T) {
	const n = 20_000
	sets, g := revisions(n, 60, 3)
	stored := storeSets(t, sets)
	inMemory := func(room int64) *shingleset.Stored {
		return storeBy(t, sets, 2, func(w *shingleset.Writer) { w.KeepInMemory(room); w.Expect(g.Buckets, g.Of) })
	}
	all, some := inMemory(1<<30), inMemory(2<<20)
	if all.Elements() > stored.Elements()*3/4 || some.Elements() < all.Elements() {
		t.Errorf("%d elements in the file, %d in memory, %d in both", stored.Elements(), all.Elements(), some.Elements())
	}
	var first []Verdict
	var firstStats Stats
	for i, c := range []struct {
		workers int
		sets    shingleset.Sets
	}{{1, stored}, {2, stored}, {7, stored}, {1, all}, {7, all}, {2, some}} {
		workers, done := c.workers, 0
		verdicts, stats, err := Resolve(context.Background(), g, c.sets, 4, 5, Standing{}, workers, func(d int) { done = d })
		if err != nil {
			t.Fatal(err)
		}
		if done != n {
			t.Errorf("progress ended at %d of %d", done, n)
		}
		if i == 0 {
			first, firstStats = verdicts, stats
			t.Logf("%+v", stats)
			continue
		}
		if d := cmp.Diff(first, verdicts); d != "" {
			t.Fatalf("verdicts %d, with %d workers, differ from the first:\n%s", i, workers, d)
		}
		if d := cmp.Diff(firstStats, stats); d != "" {
			t.Fatalf("statistics %d, with %d workers, differ from the first:\n%s", i, workers, d)
		}
	}

	var pairs []provenPair
	if err := Pairs(context.Background(), g, stored, 4, 5, 2, collectPairs(&pairs)); err != nil {
		t.Fatal(err)
	}
	earlier := make([][]provenPair, n)
	for i, p := range pairs {
		if i > 0 && (pairs[i-1].A > p.A || pairs[i-1].A == p.A && pairs[i-1].B >= p.B) {
			t.Fatalf("pair %v after %v", p, pairs[i-1])
		}
		earlier[p.B] = append(earlier[p.B], p)
	}
	dropped := make([]bool, n)
	var want []Verdict
	for d := range uint32(n) {
		var best *provenPair
		for i, p := range earlier[d] {
			if !dropped[p.A] && (best == nil || compareScores(uint64(p.Overlap), uint64(p.Union), uint64(best.Overlap), uint64(best.Union)) > 0) {
				best = &earlier[d][i]
			}
		}
		if best != nil {
			dropped[d] = true
			want = append(want, Verdict{d, best.A, uint32(best.Overlap), uint32(best.Union), sharedBuckets(g, d, best.A)})
		}
	}
	if d := cmp.Diff(want, first); d != "" {
		t.Fatalf("verdicts (-from all pairs +got):\n%s", d)
	}
	if len(want) < n/3 {
		t.Errorf("%d of %d documents dropped: the corpus tests little", len(want), n)
	}
}

// TestHotBucketsStayLinear puts documents that share a template, but less than
// the threshold, into one bucket: once it is hot, more of them must not make
// more candidates.
func TestHotBucketsStayLinear(t *testing.T) {
	for _, percent := range []int{60, 85} {
		candidates := func(n int) uint64 {
			r := rand.New(rand.NewPCG(uint64(percent), 1))
			template := make([]uint64, percent)
			for i := range template {
				template[i] = r.Uint64()
			}
			sets := make([][]uint64, n)
			members := make([]uint32, n)
			for d := range sets {
				sets[d] = slices.Clone(template)
				for len(sets[d]) < 100 {
					sets[d] = append(sets[d], r.Uint64())
				}
				slices.Sort(sets[d])
				members[d] = uint32(d)
			}
			g, err := NewGraph(n, []uint64{0, uint64(n)}, members)
			if err != nil {
				t.Fatal(err)
			}
			verdicts, stats, err := Resolve(context.Background(), g, storeSets(t, sets), 4, 5, Standing{}, 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(verdicts) != 0 || stats.LargestBucketKept != uint32(n) || stats.HotBuckets != 1 {
				t.Errorf("%d %%: %d dropped, statistics %+v", percent, len(verdicts), stats)
			}
			return stats.Candidates
		}
		if few, many := candidates(batchSize), candidates(4*batchSize); few != many {
			t.Errorf("%d %%: %d candidates of %d documents, %d of %d", percent, few, batchSize, many, 4*batchSize)
		}
	}
}

func TestExactPairsAtScale(t *testing.T) {
	sets, _ := revisions(1200, 60, 5)
	stored := storeSets(t, sets)
	var all []provenPair
	for a := range sets {
		for b := a + 1; b < len(sets); b++ {
			o, _ := shingleset.OverlapAtLeast(sets[a], sets[b], 0)
			all = append(all, provenPair{uint32(a), uint32(b), o, len(sets[a]) + len(sets[b]) - o})
		}
	}
	for _, th := range [][2]int64{{3, 10}, {1, 2}, {4, 5}} {
		var got, want []provenPair
		if err := ExactPairs(context.Background(), len(sets), stored, th[0], th[1], 2, collectPairs(&got)); err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if int64(p.Overlap)*th[1] >= th[0]*int64(p.Union) {
				want = append(want, p)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("threshold %v (-want +got):\n%s", th, d)
		}
	}
}

func TestBadRequests(t *testing.T) {
	g, err := NewGraph(1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, th := range [][2]int64{{0, 1}, {-1, 2}, {3, 2}, {1, 0}, {1, 1<<31 + 1}} {
		if _, _, err := Resolve(context.Background(), g, memorySets{nil}, th[0], th[1], Standing{}, 1, nil); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("threshold %v: error %v, want %v", th, err, doc.ErrUsage)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Resolve(ctx, g, memorySets{nil}, 4, 5, Standing{}, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	if err := ExactPairs(ctx, 1, memorySets{nil}, 4, 5, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}

// failingSets cannot load one document.
type failingSets struct {
	memorySets
	bad uint32
}

var errLoad = errors.New("unreadable")

func (s failingSets) Load(d uint32, buffer *[]uint64) ([]uint64, error) {
	if d == s.bad {
		return nil, errLoad
	}
	return s.memorySets.Load(d, buffer)
}

func TestLoadErrorsSurface(t *testing.T) {
	same := []uint64{1, 2, 3}
	sets := failingSets{memorySets{same, same, same}, 1}
	g, err := NewGraph(3, []uint64{0, 3}, []uint32{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Resolve(context.Background(), g, sets, 1, 2, Standing{}, 2, nil); !errors.Is(err, errLoad) {
		t.Errorf("resolve: error %v", err)
	}
	if err := Pairs(context.Background(), g, sets, 1, 2, 2, collectPairs(new([]provenPair))); !errors.Is(err, errLoad) {
		t.Errorf("pairs: error %v", err)
	}
	if err := ExactPairs(context.Background(), 3, sets, 1, 2, 2, collectPairs(new([]provenPair))); !errors.Is(err, errLoad) {
		t.Errorf("exact pairs: error %v", err)
	}
}
