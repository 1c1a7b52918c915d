package neardup

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

func TestParseThreshold(t *testing.T) {
	for s, want := range map[string][2]int64{
		"0.8": {4, 5}, "0.80": {4, 5}, ".5": {1, 2}, "1": {1, 1}, "1.0": {1, 1}, "1.": {1, 1},
		"0.7": {7, 10}, "0.333333333": {333333333, 1000000000}, "000.75": {3, 4}, "0.000000001": {1, 1000000000},
	} {
		num, den, err := ParseThreshold(s)
		if err != nil || [2]int64{num, den} != want {
			t.Errorf("ParseThreshold(%q) = %d/%d, %v, want %v", s, num, den, err, want)
		}
	}
	for _, s := range []string{"", ".", "0", "0.0", "1.1", "1.000000001", "-0.5", "+0.5", "0,8", "80%", "8e-1", "0.8 ", "0.8.1", "NaN", "4/5", "0.3333333333", "99999999999999999999", "٠.٨"} {
		if num, den, err := ParseThreshold(s); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("ParseThreshold(%q) = %d/%d, %v, want a usage error", s, num, den, err)
		}
	}
}

func FuzzParseThreshold(f *testing.F) {
	f.Add("0.8")
	f.Add("1.0000000000")
	f.Fuzz(func(t *testing.T, s string) {
		num, den, err := ParseThreshold(s)
		if err != nil {
			return
		}
		if _, err := newThreshold(num, den); err != nil || gcd(num, den) != 1 {
			t.Errorf("ParseThreshold(%q) = %d/%d", s, num, den)
		}
	})
}

func TestBands(t *testing.T) {
	for _, c := range []struct {
		num, den    int64
		recall      float64
		bands, rows int
	}{
		{1, 1, .99, 16, 5}, {9, 10, .99, 16, 5}, {4, 5, .99, 16, 5}, {7, 10, .99, 26, 5},
		{3, 5, .99, 57, 5}, {1, 2, .99, 72, 4}, {2, 5, .99, 70, 3}, {3, 10, .99, 49, 2},
		{4, 5, .999, 18, 5}, {4, 5, .5, 16, 5},
	} {
		bands, rows, err := Bands(c.num, c.den, c.recall)
		if err != nil || bands != c.bands || rows != c.rows {
			t.Errorf("Bands(%d, %d, %v) = %d×%d, %v, want %d×%d", c.num, c.den, c.recall, bands, rows, err, c.bands, c.rows)
		}
	}
}

// Whatever is asked for, the answer keeps what the rule promises.
func TestBandsKeepTheRule(t *testing.T) {
	recallOf := func(j float64, b, r int) float64 {
		return 1 - math.Pow(1-math.Pow(j, float64(r)), float64(b))
	}
	for _, recall := range []float64{.5, .9, .95, .99, .999, .9999} {
		for num := int64(1); num <= 100; num++ {
			j := float64(num) / 100
			bands, rows, err := Bands(num, 100, recall)
			if err != nil {
				if !errors.Is(err, doc.ErrUsage) {
					t.Error(err)
				}
				if got := recallOf(j, 320, 1); got >= recall+1e-9 {
					t.Errorf("no bands for %d %% at %v, but 320×1 has %v", num, recall, got)
				}
				continue
			}
			if got := recallOf(j, bands, rows); got < recall-1e-9 {
				t.Errorf("%d×%d for %d %% at %v has %v", bands, rows, num, recall, got)
			}
			if bands > 16 && recallOf(j, bands-1, rows) > recall+1e-9 {
				t.Errorf("%d×%d for %d %% at %v: one band less is enough", bands, rows, num, recall)
			}
			if bands*rows > 320 || bands < 16 || rows > 5 {
				t.Errorf("%d×%d for %d %% at %v is out of bounds", bands, rows, num, recall)
			}
		}
	}
	for _, c := range []struct {
		num, den int64
		recall   float64
	}{{0, 1, .9}, {2, 1, .9}, {-1, 2, .9}, {1, 0, .9}, {1, 2, 0}, {1, 2, 1}, {1, 2, math.NaN()}, {1, 2, -1}, {1, 1000000, .9}} {
		if _, _, err := Bands(c.num, c.den, c.recall); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("Bands(%d, %d, %v): %v, want a usage error", c.num, c.den, c.recall, err)
		}
	}
}

func TestCurve(t *testing.T) {
	want := []plan.Point{
		{JaccardPercent: 30, RecallPPM: 38179}, {JaccardPercent: 35, RecallPPM: 80805},
		{JaccardPercent: 40, RecallPPM: 151839}, {JaccardPercent: 45, RecallPPM: 257701},
		{JaccardPercent: 50, RecallPPM: 398290}, {JaccardPercent: 55, RecallPPM: 562302},
		{JaccardPercent: 60, RecallPPM: 726156}, {JaccardPercent: 65, RecallPPM: 861002},
		{JaccardPercent: 70, RecallPPM: 947351}, {JaccardPercent: 75, RecallPPM: 986890},
		{JaccardPercent: 80, RecallPPM: 998257}, {JaccardPercent: 85, RecallPPM: 999916},
		{JaccardPercent: 90, RecallPPM: 999999}, {JaccardPercent: 95, RecallPPM: 1000000},
		{JaccardPercent: 100, RecallPPM: 1000000},
	}
	if diff := cmp.Diff(want, Curve(16, 5)); diff != "" {
		t.Errorf("Curve(16, 5) (-want +got):\n%s", diff)
	}
}
