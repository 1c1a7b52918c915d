package neardup

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// oracleAfter is the definition of Resolve with standing documents: what stands is kept; another
// document is dropped iff some already kept one, with alone some that stands,
// shares a bucket with it and their true Jaccard is at least the threshold.
func oracleAfter(g Graph, sets [][]uint64, num, den int64, standing Standing) []Verdict {
	var witnesses []uint32
	var verdicts []Verdict
	for d := range uint32(len(sets)) {
		var best *Verdict
		for _, k := range witnesses {
			overlap, union := jaccard(sets[d], sets[k])
			shared := sharedBuckets(g, d, k)
			switch {
			case d < standing.First || shared == 0 || union == 0:
			case compareScores(uint64(overlap), uint64(union), uint64(num), uint64(den)) < 0:
			case best == nil || compareScores(uint64(overlap), uint64(union), uint64(best.Overlap), uint64(best.Union)) > 0:
				best = &Verdict{Doc: d, Witness: k, Overlap: uint32(overlap), Union: uint32(union), Shared: shared}
			}
		}
		switch {
		case best != nil:
			verdicts = append(verdicts, *best)
		case d < standing.First || !standing.Alone:
			witnesses = append(witnesses, d)
		}
	}
	return verdicts
}

func TestResolveAfterIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := families(t)
		g := randomGraph(t, len(sets))
		th := rapid.SampledFrom(thresholds).Draw(t, "threshold")
		standing := Standing{
			First: uint32(rapid.IntRange(0, len(sets)).Draw(t, "standing")),
			Alone: rapid.Bool().Draw(t, "alone"),
		}
		want := oracleAfter(g, sets, th[0], th[1], standing)
		for _, workers := range []int{1, 3} {
			r := newResolution(g, memorySets(sets), ratio{uint64(th[0]), uint64(th[1])}, workers)
			r.batch = rapid.SampledFrom([]int{1, 3, 64}).Draw(t, "batch")
			r.hotBucket = rapid.SampledFrom([]int{0, 1, 4, HotBucket}).Draw(t, "hot bucket")
			r.standing = standing
			got, _, err := r.run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%+v, %d workers (-want +got):\n%s", standing, workers, d)
			}
		}
	})
}

// subgraph is what a graph says of some of its documents, ascending; large says of
// each of its buckets whether it is.
func subgraph(t *rapid.T, g Graph, large []bool, docs []uint32) Graph {
	offsets := []uint64{0}
	var members []uint32
	for b := range uint32(g.Buckets) {
		for i, d := range docs {
			if slices.Contains(g.Of(d), b) {
				members = append(members, uint32(i))
			}
		}
		offsets = append(offsets, uint64(len(members)))
	}
	sub, err := NewGraph(len(docs), offsets, members)
	if err != nil {
		t.Fatal(err)
	}
	sub.Large = large
	return sub
}

// Documents that are resolved block by block, each block against the kept ones
// before it in parts of any size and then by itself, have the verdicts of the
// definition, and as many partners.
func TestResolveInBlocksIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := families(t)
		g := randomGraph(t, len(sets))
		th := rapid.SampledFrom(thresholds).Draw(t, "threshold")
		hot := rapid.SampledFrom([]int{0, 1, 4, HotBucket}).Draw(t, "hot bucket")
		size := rapid.IntRange(1, len(sets)+1).Draw(t, "block")
		part := rapid.IntRange(1, len(sets)+1).Draw(t, "part")
		large := make([]bool, g.Buckets)
		for b := range large {
			n := 0
			for d := range uint32(len(sets)) {
				if slices.Contains(g.Of(d), uint32(b)) {
					n++
				}
			}
			large[b] = n > hot
		}

		var kept []uint32
		var got []Verdict
		partners := make([]uint32, len(sets))
		for lo := 0; lo < len(sets); lo += size {
			var block []uint32
			for d := lo; d < min(lo+size, len(sets)); d++ {
				block = append(block, uint32(d))
			}
			best := map[uint32]Verdict{}
			resolve := func(stand []uint32, alone bool) {
				docs := slices.Concat(stand, block)
				of := make([][]uint64, len(docs))
				before := make([]Before, len(docs))
				for i, d := range docs {
					of[i] = sets[d]
					before[i] = Before{best[d].Overlap, best[d].Union, partners[d]}
				}
				sub := subgraph(t, g, large, docs)
				r := newResolution(sub, memorySets(of), ratio{uint64(th[0]), uint64(th[1])}, 2)
				r.batch = rapid.SampledFrom([]int{1, 3, 64}).Draw(t, "batch")
				r.hotBucket = hot
				r.standing = Standing{First: uint32(len(stand)), Alone: alone, Before: before}
				verdicts, _, err := r.run(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range verdicts {
					v.Doc, v.Witness = docs[v.Doc], docs[v.Witness]
					best[v.Doc] = v
				}
				for i, d := range docs {
					partners[d] = before[i].Partners
				}
			}
			for chunk := range slices.Chunk(kept, part) {
				resolve(chunk, true)
			}
			resolve(nil, false)
			for _, d := range block {
				if v, dropped := best[d]; dropped {
					got = append(got, v)
				} else {
					kept = append(kept, d)
				}
			}
		}

		if d := cmp.Diff(oracle(g, sets, th[0], th[1]), got); d != "" {
			t.Fatalf("blocks of %d, parts of %d (-want +got):\n%s", size, part, d)
		}
		for d := range uint32(len(sets)) {
			want := uint32(0)
			for _, k := range kept {
				if k < d && slices.ContainsFunc(g.Of(d), func(b uint32) bool { return !large[b] && slices.Contains(g.Of(k), b) }) {
					want++
				}
			}
			if partners[d] != want {
				t.Fatalf("document %d has %d partners, want %d", d, partners[d], want)
			}
		}
	})
}
