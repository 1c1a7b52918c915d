package neardup

import (
	"context"
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
