package report

import (
	"fmt"
	"strconv"

	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/plan"
)

// The drawings share one frame, in SVG user units that are about a pixel on
// a phone.
const (
	chartWidth  = 340
	chartHeight = 200
	plotLeft    = 44
	plotRight   = chartWidth - 8
	plotTop     = 12
	plotBottom  = chartHeight - 34
)

// maxBins is how many bars fit side by side on a phone.
const maxBins = 30

type tick struct {
	At    string // coordinate along its axis
	Label string
}

type column struct {
	X, Y, Width, Height string
	Label               string
}

// histogram is the drawing of Data.Scores.
type histogram struct {
	Label   string // the drawing in words
	Columns []column
	X, Y    []tick
}

// newHistogram draws the scores from the threshold up. Values of exactly 1,
// different texts with equal shingles, have a bar of their own.
func newHistogram(scores []uint64, n plan.NearDup) *histogram {
	var total uint64
	first := -1
	for i, c := range scores {
		total += c
		if c > 0 && first < 0 {
			first = i
		}
	}
	if total == 0 {
		return nil
	}
	if n.ThresholdDen > 0 {
		first = min(first, int(100*n.ThresholdNum/n.ThresholdDen))
	}
	first = min(first, 99)
	step := 1
	for (100-first+step-1)/step > maxBins {
		step++
	}
	type bin struct {
		low, high int // hundredths, high exclusive; equal for the bar of 1
		count     uint64
	}
	var bins []bin
	for low := first; low < 100; low += step {
		b := bin{low: low, high: min(low+step, 100)}
		for i := low; i < b.high && i < len(scores); i++ {
			b.count += scores[i]
		}
		bins = append(bins, b)
	}
	one := bin{low: 100, high: 100}
	if len(scores) > 100 {
		one.count = scores[100]
	}
	bins = append(bins, one)

	most := bins[0]
	for _, b := range bins {
		if b.count > most.count {
			most = b
		}
	}
	words := func(low, high int) string {
		if low == high {
			return "exactly 1"
		}
		return fmt.Sprintf("%s to %s", hundredths(low), hundredths(high))
	}
	h := &histogram{Label: fmt.Sprintf(
		"Histogram of the Jaccard similarity of %s near-duplicates to their witnesses; most, %s, at %s.",
		display.Count(total), display.Count(most.count), words(most.low, most.high))}
	slot := float64(plotRight-plotLeft) / float64(len(bins))
	top := niceCeiling(most.count)
	for i, b := range bins {
		x := plotLeft + slot*float64(i)
		height := float64(plotBottom-plotTop) * float64(b.count) / float64(top)
		if b.count > 0 {
			height = max(height, 1)
		}
		h.Columns = append(h.Columns, column{
			X: coordinate(x + slot*0.08), Width: coordinate(slot * 0.84),
			Y: coordinate(plotBottom - height), Height: coordinate(height),
			Label: fmt.Sprintf("%s: %s", words(b.low, b.high), display.Count(b.count)),
		})
		every := max(1, (len(bins)+4)/5)
		if b.low == 100 || (i%every == 0 && len(bins)-1-i >= every/2+1) {
			h.X = append(h.X, tick{coordinate(x + slot/2), hundredths(b.low)})
		}
	}
	h.Y = []tick{
		{coordinate(plotBottom), "0"},
		{coordinate((plotTop + plotBottom) / 2.0), shortCount(float64(top) / 2)},
		{coordinate(plotTop), shortCount(float64(top))},
	}
	return h
}

// curve is the drawing of the plan's predicted recall.
type curve struct {
	Label     string
	Line      string // points of the polyline
	Threshold string // x coordinate
	AtLabel   string // recall at the threshold, "–" if it is not on the curve
	X, Y      []tick
}

func newCurve(n plan.NearDup) *curve {
	if len(n.Curve) == 0 {
		return nil
	}
	x := func(hundredths float64) float64 { return plotLeft + (plotRight-plotLeft)*hundredths/100 }
	y := func(ppm float64) float64 { return plotBottom - (plotBottom-plotTop)*ppm/1e6 }
	c := &curve{AtLabel: "–"}
	t := 100.0
	if n.ThresholdDen > 0 {
		t = 100 * float64(n.ThresholdNum) / float64(n.ThresholdDen)
	}
	for i, p := range n.Curve {
		if i > 0 {
			c.Line += " "
		}
		c.Line += coordinate(x(float64(p.JaccardPercent))) + "," + coordinate(y(float64(p.RecallPPM)))
		if float64(p.JaccardPercent) == t {
			c.AtLabel = strconv.FormatFloat(float64(p.RecallPPM)/1e4, 'f', 2, 64) + " %"
		}
	}
	c.Threshold = coordinate(x(t))
	c.Label = fmt.Sprintf(
		"Predicted probability that a pair shares a bucket, by its Jaccard similarity; %s at the threshold %s.",
		c.AtLabel, threshold(n))
	for _, v := range []int{0, 25, 50, 75, 100} {
		c.X = append(c.X, tick{coordinate(x(float64(v))), hundredths(v)})
	}
	for _, v := range []int{0, 50, 100} {
		c.Y = append(c.Y, tick{coordinate(y(1e4 * float64(v))), strconv.Itoa(v) + " %"})
	}
	return c
}

// niceCeiling is the smallest of 1, 2, 4, 6, 8 × 10ⁿ that is at least n and
// even, so that the middle of an axis has a whole label.
func niceCeiling(n uint64) uint64 {
	for scale := uint64(1); ; scale *= 10 {
		for _, m := range []uint64{2, 4, 6, 8, 10} {
			if m*scale >= n || scale > 1e17 {
				return max(m*scale, n)
			}
		}
	}
}

// shortCount writes an axis label: 950, 1.5k, 20M.
func shortCount(v float64) string {
	unit := 0
	for v >= 1000 && unit < 4 {
		v /= 1000
		unit++
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + []string{"", "k", "M", "G", "T"}[unit]
}

func hundredths(v int) string { return strconv.FormatFloat(float64(v)/100, 'f', -1, 64) }

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
