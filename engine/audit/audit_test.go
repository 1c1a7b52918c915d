package audit

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
)

// Intervals that are in textbooks: Newcombe, "Two-sided confidence intervals for
// the single proportion" (1998), table I, method 3.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		found, pairs uint64
		low, high    int64 // in 10⁻⁴
	}{{81, 263, 2553, 3662}, {15, 148, 624, 1605}, {0, 20, 0, 1611}, {1, 29, 61, 1718}} {
		got := wilson(c.found, c.pairs, float64(c.pairs))
		if (got.LowPPM+50)/100 != c.low || (got.HighPPM+50)/100 != c.high {
			t.Errorf("%d of %d: %+v, want %d and %d", c.found, c.pairs, got, c.low, c.high)
		}
	}
	if got := wilson(5, 5, 5); got.HighPPM != 1e6 || got.LowPPM > 600_000 || got.LowPPM < 500_000 {
		t.Errorf("all of five: %+v", got)
	}
	if got := wilson(0, 0, 0); got != (Interval{0, 1e6}) {
		t.Errorf("none of none: %+v", got)
	}
}

// A thousand pairs of one family are one observation.
func TestFamiliesWiden(t *testing.T) {
	many, one := File{Pairs: 1000, Found: 990}, File{Pairs: 1000, Found: 990}
	many.Settle(slicesOf(1, 1000), 995_000*1000)
	one.Settle([]uint64{1000}, 995_000*1000)
	if many.ByFamilies != many.ByPairs {
		t.Errorf("independent pairs: %+v and %+v", many.ByPairs, many.ByFamilies)
	}
	if want := wilson(990, 1000, 1); one.ByFamilies != want || one.ByPairs != many.ByPairs {
		t.Errorf("one family: %+v, want %+v", one.ByFamilies, want)
	}
	if one.RecallPPM != 990_000 || one.PredictedPPM != 995_000 || one.Families != 1 || many.Families != 1000 {
		t.Errorf("%+v", one)
	}
	uneven := File{Pairs: 1000, Found: 990}
	uneven.Settle(append(slicesOf(1, 100), 900), 0)
	if n := uneven.ByFamilies; n.LowPPM <= one.ByFamilies.LowPPM || n.LowPPM >= many.ByFamilies.LowPPM {
		t.Errorf("uneven families: %+v is not between", n)
	}
}

func slicesOf(m uint64, n int) (s []uint64) {
	for range n {
		s = append(s, m)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	f := File{
		Version: Version, RunID: "id", SamplePPM: 1000, Documents: 1e6, Probes: 1000, Pairs: 3, Found: 2,
		Bins:     []Bin{{80, 3, 2, 999_000}},
		Examples: []Pair{{Document{0, 1, "<a>", "ann"}, Document{1, 2, "", "bob"}, 8, 10}},
	}
	f.Settle([]uint64{3}, 2_970_000)
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Parse(b.Bytes())
	if diff := cmp.Diff(f, back); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if !strings.Contains(f.Sentence(), "of 3 pairs that reach the threshold 2 share a bucket, a recall of 66.66 % (predicted 99.00 %") {
		t.Error(f.Sentence())
	}
	if none := (&File{Probes: 7}).Sentence(); !strings.Contains(none, "none of 7 sampled texts") {
		t.Error(none)
	}
	if _, err := Parse([]byte(`{}x`)); err == nil {
		t.Error("no version: accepted")
	}
	if _, err := Parse([]byte(`{"sample": 1}`)); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}
