package neardup

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/engine/shingleset"
	"pgregory.net/rapid"
)

// memorySets are the sets of a test.
type memorySets [][]uint64

func (s memorySets) Size(d uint32) int { return len(s[d]) }

func (s memorySets) Parity(d uint32) []uint64 {
	bitmap := make([]uint64, shingleset.ParityBytes(len(s[d]))/8)
	for _, x := range s[d] {
		i := x % uint64(64*len(bitmap))
		bitmap[i/64] ^= 1 << (i % 64)
	}
	return bitmap
}

func (s memorySets) Load(d uint32, buffer *[]uint64) ([]uint64, error) {
	*buffer = append((*buffer)[:0], s[d]...)
	return *buffer, nil
}

func (s memorySets) Overlap(uint32, uint32) (int, bool) { return 0, false }

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

// compareScores compares a/b with c/d by cross-multiplication in 128 bits.
func compareScores(a, b, c, d uint64) int {
	h1, l1 := bits.Mul64(a, d)
	h2, l2 := bits.Mul64(c, b)
	switch {
	case h1 != h2 && h1 < h2, h1 == h2 && l1 < l2:
		return -1
	case h1 == h2 && l1 == l2:
		return 0
	}
	return 1
}

func sharedBuckets(g Graph, a, b uint32) int {
	n := 0
	for _, x := range g.Of(a) {
		if slices.Contains(g.Of(b), x) {
			n++
		}
	}
	return n
}

// oracle is the definition, word for word: take documents in priority order; a
// document is dropped as near_dup iff some already kept document shares a
// bucket with it and their true Jaccard is ≥ the threshold; its witness is the
// highest-scoring such document, ties to the earlier.
func oracle(g Graph, sets [][]uint64, num, den int64) []Verdict {
	var kept []uint32
	var verdicts []Verdict
	for i := range sets {
		d := uint32(i)
		var best *Verdict
		for _, k := range kept {
			shared := sharedBuckets(g, d, k)
			if shared == 0 {
				continue
			}
			overlap, union := jaccard(sets[d], sets[k])
			if union == 0 || compareScores(uint64(overlap), uint64(union), uint64(num), uint64(den)) < 0 {
				continue
			}
			if best == nil || compareScores(uint64(overlap), uint64(union), uint64(best.Overlap), uint64(best.Union)) > 0 {
				best = &Verdict{Doc: d, Witness: k, Overlap: uint32(overlap), Union: uint32(union), Shared: shared}
			}
		}
		if best == nil {
			kept = append(kept, d)
		} else {
			verdicts = append(verdicts, *best)
		}
	}
	return verdicts
}

type provenPair struct {
	A, B           uint32
	Overlap, Union int
}

// oraclePairs are all pairs that reach the threshold; with a graph, only those
// that share a bucket.
func oraclePairs(g *Graph, sets [][]uint64, num, den int64) []provenPair {
	var pairs []provenPair
	for a := range sets {
		for b := a + 1; b < len(sets); b++ {
			if g != nil && sharedBuckets(*g, uint32(a), uint32(b)) == 0 {
				continue
			}
			overlap, union := jaccard(sets[a], sets[b])
			if union > 0 && compareScores(uint64(overlap), uint64(union), uint64(num), uint64(den)) >= 0 {
				pairs = append(pairs, provenPair{uint32(a), uint32(b), overlap, union})
			}
		}
	}
	return pairs
}

func collectPairs(pairs *[]provenPair) EmitFunc {
	return func(a, b uint32, overlap, union int) error {
		*pairs = append(*pairs, provenPair{a, b, overlap, union})
		return nil
	}
}

// families draws documents as corpora have them: templates with a few filled
// slots, chains of revisions, equal copies, tiny texts, and shingles that
// collide in the parity bitmaps.
func families(t *rapid.T) [][]uint64 {
	n := rapid.IntRange(0, 60).Draw(t, "documents")
	spread := rapid.SampledFrom([]uint64{1, 1024, 0x9e3779b97f4a7c15}).Draw(t, "spread")
	shingle := func(family, i int) uint64 { return (uint64(family)*1000 + uint64(i) + 1) * spread }
	sets := make([][]uint64, 0, n)
	for len(sets) < n {
		kind := rapid.IntRange(0, 9).Draw(t, "kind")
		family := rapid.IntRange(0, 3).Draw(t, "family")
		var set []uint64
		switch {
		case kind == 0:
			// No words at all.
		case kind == 1:
			set = append(set, shingle(family, rapid.IntRange(0, 2).Draw(t, "tiny")))
		case kind <= 3 && len(sets) > 0:
			set = slices.Clone(sets[rapid.IntRange(0, len(sets)-1).Draw(t, "copy of")])
		case kind <= 6 && len(sets) > 0:
			set = slices.Clone(sets[len(sets)-1])
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				if len(set) > 0 && rapid.Bool().Draw(t, "delete") {
					i := rapid.IntRange(0, len(set)-1).Draw(t, "at")
					set = slices.Delete(set, i, i+1)
				} else {
					set = append(set, shingle(family, rapid.IntRange(0, 60).Draw(t, "insert")))
				}
			}
		default:
			for i := range rapid.IntRange(1, 30).Draw(t, "template") {
				set = append(set, shingle(family, i))
			}
			for range rapid.IntRange(0, 8).Draw(t, "slots") {
				set = append(set, shingle(family, rapid.IntRange(31, 60).Draw(t, "slot")))
			}
		}
		slices.Sort(set)
		sets = append(sets, slices.Compact(set))
	}
	return sets
}

// randomGraph draws buckets: some hot, some of a few documents.
func randomGraph(t *rapid.T, docs int) Graph {
	offsets := []uint64{0}
	var members []uint32
	for range rapid.IntRange(0, 12).Draw(t, "buckets") {
		percent := rapid.SampledFrom([]int{4, 8, 30, 95}).Draw(t, "percent")
		for d := range docs {
			if rapid.IntRange(0, 99).Draw(t, "in") < percent {
				members = append(members, uint32(d))
			}
		}
		offsets = append(offsets, uint64(len(members)))
	}
	g, err := NewGraph(docs, offsets, members)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var thresholds = [][2]int64{{1, 2}, {7, 10}, {4, 5}, {9, 10}, {99, 100}, {1, 1}, {2, 3}, {3, 10}, {1 << 30, 1 << 31}}

func TestResolveIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := families(t)
		g := randomGraph(t, len(sets))
		th := rapid.SampledFrom(thresholds).Draw(t, "threshold")
		batch := rapid.SampledFrom([]int{1, 3, 8, 64}).Draw(t, "batch")
		hot := rapid.SampledFrom([]int{0, 1, 3, 6, HotBucket}).Draw(t, "hot bucket")
		want := oracle(g, sets, th[0], th[1])
		var first Stats
		for i, workers := range []int{1, 2, 7} {
			r := newResolution(g, memorySets(sets), ratio{uint64(th[0]), uint64(th[1])}, workers)
			r.batch, r.hotBucket = batch, hot
			got, stats, err := r.run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%d workers (-want +got):\n%s", workers, d)
			}
			if i == 0 {
				first = stats
			} else if d := cmp.Diff(first, stats); d != "" {
				t.Fatalf("statistics with 1 and %d workers differ:\n%s", workers, d)
			}
			if stats.Candidates != stats.RejectedBySize+stats.RejectedByBitmap+stats.Merged {
				t.Fatalf("candidates do not add up: %+v", stats)
			}
		}
	})
}

func TestPairsAreThoseOfBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := families(t)
		g := randomGraph(t, len(sets))
		th := rapid.SampledFrom(thresholds).Draw(t, "threshold")
		workers := rapid.SampledFrom([]int{1, 2, 7}).Draw(t, "workers")
		var got []provenPair
		if err := Pairs(context.Background(), g, memorySets(sets), th[0], th[1], workers, collectPairs(&got)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(oraclePairs(&g, sets, th[0], th[1]), got); d != "" {
			t.Fatalf("pairs (-want +got):\n%s", d)
		}
		got = nil
		if err := ExactPairs(context.Background(), len(sets), memorySets(sets), th[0], th[1], workers, collectPairs(&got)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(oraclePairs(nil, sets, th[0], th[1]), got); d != "" {
			t.Fatalf("exact pairs (-want +got):\n%s", d)
		}
	})
}

// TestOverlapBounds checks the integer bounds against the fractions they
// stand for.
func TestOverlapBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		den := rapid.Uint64Range(1, 1<<31).Draw(t, "den")
		r := ratio{rapid.Uint64Range(1, den).Draw(t, "num"), den}
		a := rapid.IntRange(1, shingleset.MaxSize).Draw(t, "a")
		b := rapid.IntRange(1, shingleset.MaxSize).Draw(t, "b")
		score := func(o int) int { return compareScores(uint64(o), uint64(a+b-o), r.num, r.den) }
		if o := r.toReach(a + b); score(o) < 0 || score(o-1) >= 0 {
			t.Fatalf("%v is reached by %d of %d+%d: wrong", r, o, a, b)
		}
		if o := r.toExceed(a + b); score(o) <= 0 || score(o-1) > 0 {
			t.Fatalf("%v is exceeded by %d of %d+%d: wrong", r, o, a, b)
		}
	})
}

func TestGathererCounts(t *testing.T) {
	var g gatherer // reused, as a worker does
	rapid.Check(t, func(t *rapid.T) {
		docs := rapid.SliceOf(rapid.Uint32Range(0, 300)).Draw(t, "documents")
		g.reset(len(docs))
		want := map[uint32]uint32{}
		for _, d := range docs {
			want[d]++
			if g.add(d) != (want[d] == 1) {
				t.Fatalf("document %d: wrong about being new", d)
			}
		}
		got := map[uint32]uint32{}
		last := ^uint32(0)
		for _, c := range g.bySharing() {
			got[c.doc] = c.shared
			if c.shared > last {
				t.Fatalf("%d after %d", c.shared, last)
			}
			last = c.shared
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestGraphIsTransposed(t *testing.T) {
	g, err := NewGraph(4, []uint64{0, 2, 5}, []uint32{3, 0, 0, 1, 3})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]uint32{{0, 1}, {1}, {}, {0, 1}}
	for d, w := range want {
		if !slices.Equal(g.Of(uint32(d)), w) {
			t.Errorf("buckets of %d: %v, want %v", d, g.Of(uint32(d)), w)
		}
	}
	if _, err := NewGraph(3, []uint64{0, 2}, []uint32{1, 3}); err == nil {
		t.Error("a member beyond the documents was taken")
	}
	if g, err := NewGraph(2, nil, nil); err != nil || g.Len() != 2 || g.Buckets != 0 {
		t.Errorf("no buckets: %+v, %v", g, err)
	}
}

func ExampleNewGraph() {
	g, _ := NewGraph(3, []uint64{0, 2}, []uint32{2, 0})
	fmt.Println(g.Of(0), g.Of(1), g.Of(2))
	// Output: [0] [] [0]
}

// TestColdBucketsBesideHotOnes: once the index of hot buckets exists, a
// document that is in cold buckets only, or in both, still meets the kept
// documents of its cold ones.
func TestColdBucketsBesideHotOnes(t *testing.T) {
	run := func(from uint64) (set []uint64) {
		for i := range uint64(20) {
			set = append(set, from+i)
		}
		return set
	}
	// Documents 0 to 3 make bucket 0 hot; 5 and 6 meet 4 in bucket 1, which
	// stays cold, and 6 is in the hot bucket too.
	sets := [][]uint64{run(100), run(200), run(300), run(400), run(500), run(500), run(501)}
	g, err := NewGraph(len(sets), []uint64{0, 5, 8}, []uint32{0, 1, 2, 3, 6, 4, 5, 6})
	if err != nil {
		t.Fatal(err)
	}
	r := newResolution(g, memorySets(sets), ratio{4, 5}, 1)
	r.batch, r.hotBucket = 1, 3
	got, stats, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.hot == nil {
		t.Fatal("no bucket became hot")
	}
	want := []Verdict{
		{Doc: 5, Witness: 4, Overlap: 20, Union: 20, Shared: 1},
		{Doc: 6, Witness: 4, Overlap: 19, Union: 21, Shared: 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s\n%+v", d, stats)
	}
	if d := cmp.Diff(oracle(g, sets, 4, 5), got); d != "" {
		t.Errorf("not the definition (-want +got):\n%s", d)
	}
}
