package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/sweep"
)

// SweepData is what the page of a sweep shows.
type SweepData struct {
	Plan    plan.Plan // of the sweepable run
	Rows    []sweep.Row
	Courses []sweep.Course // of those who lose most
	Note    string         // a sentence on what is missing; empty: nothing
}

//go:embed sweep.html.tmpl
var sweepSource string

//go:embed sweep.css
var sweepStyle string

var sweepPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("sweep").Funcs(funcs).Funcs(sweepFuncs).Parse(sweepSource))
})

// WriteSweep writes the page of a sweep, self-contained as Write's.
func WriteSweep(w io.Writer, d SweepData) error {
	if err := sweepPage().Execute(w, newSweepView(d)); err != nil {
		return fmt.Errorf("write sweep page: %w", err)
	}
	return nil
}

type sweepView struct {
	SweepData
	Style     template.CSS
	First     sweep.Row
	Floor     string
	InputSize uint64
	Charts    []sweepChart
	Losers    []sweepLoser
	Marks     []string // thresholds at which Losers are shown
	Sizes     *sizeGrid
	Edges     []sweepEdge
}

// sweepChart draws what is lost against the threshold.
type sweepChart struct {
	Title, Label string
	Areas        []sweepArea
	Mark         string // x of the run's threshold; empty: outside
	Hits         []sweepHit
	X, Y         []tick
	Legend       []sweepLegend
}

type sweepArea struct{ Class, Points, Line string }

// sweepHit is a strip that says on hovering what is above it.
type sweepHit struct{ X, Width, Label string }

type sweepLegend struct{ Class, Text string }

type sweepLoser struct {
	sweep.Course
	At    []sweepLost
	Spark string // points, in a box of 100 × 24; the area below adds two corners
}

type sweepLost struct{ Threshold, Percent string }

// sizeGrid shows how many groups there are of each size at each threshold.
type sizeGrid struct {
	Label      string
	Height     int
	Columns    []tick
	Lines      []tick
	Cells      []sizeCell
	CellWidth  string
	CellHeight int
}

type sizeCell struct {
	X, Y, TextX, TextY, Text, Opacity, Label string
	Dark                                     bool // the text needs the light colour
}

type sweepEdge struct {
	From, To string // dropped at From, kept at To; To empty: there is no higher one
	Open     bool
	Samples  []sweepSample
}

type sweepSample struct {
	sweep.Sample
	Parts []worddiff.Part
}

func newSweepView(d SweepData) sweepView {
	v := sweepView{SweepData: d, Style: template.CSS(style + sweepStyle), Floor: fraction(d.Plan.NearDup.FloorNum, d.Plan.NearDup.FloorDen)}
	if len(d.Rows) == 0 {
		return v
	}
	v.First = d.Rows[0]
	for _, f := range d.Plan.Files {
		v.InputSize += uint64(max(f.Size, 0))
	}
	near := legend("near_dup", "near duplicates")
	exact := legend("exact_dup", "exact duplicates")
	counts := func(title string, get func(doc.Counts) uint64, spell func(uint64) string) {
		chart := newSweepChart(d, title, []sweepLegend{near, exact}, func(r *sweep.Row) []uint64 {
			return []uint64{get(r.Lost()), get(r.ExactDup)}
		}, get(v.First.In), func(r *sweep.Row) string {
			return fmt.Sprintf("%s: %s lost (%s), of them exact duplicates %s", r.Threshold,
				spell(get(r.Lost())), display.Percent(get(r.Lost()), get(r.In)), spell(get(r.ExactDup)))
		})
		v.Charts = append(v.Charts, chart)
	}
	counts("Documents lost", func(c doc.Counts) uint64 { return c.Documents }, display.Count)
	counts("Text lost", func(c doc.Counts) uint64 { return c.Bytes }, display.Bytes)
	counts("Tokens lost", func(c doc.Counts) uint64 { return c.Tokens }, display.Count)
	v.Charts = append(v.Charts, newSweepChart(d, "Contributors who lose",
		[]sweepLegend{legend("excluded", "some documents"), legend("near_dup", "all they have")},
		func(r *sweep.Row) []uint64 { return []uint64{r.Contributors.Losing, r.Contributors.LosingAll} }, v.First.Contributors.All,
		func(r *sweep.Row) string {
			return fmt.Sprintf("%s: %s lose documents, %s of them all they have", r.Threshold,
				display.Count(r.Contributors.Losing), display.Count(r.Contributors.LosingAll))
		}))
	marks := markRows(d)
	for _, i := range marks {
		v.Marks = append(v.Marks, d.Rows[i].Threshold)
	}
	for _, c := range d.Courses {
		l := sweepLoser{Course: c, Spark: spark(d.Rows, c)}
		for _, i := range marks {
			l.At = append(l.At, sweepLost{d.Rows[i].Threshold, display.Percent(c.Lost[i], c.Contributor.In.Tokens)})
		}
		v.Losers = append(v.Losers, l)
	}
	v.Sizes = newSizeGrid(d.Rows)
	v.Edges = edges(d)
	return v
}

func legend(class, text string) sweepLegend { return sweepLegend{class, text} }

// fraction spells num/den as a decimal.
func fraction(num, den int64) string {
	return threshold(plan.NearDup{ThresholdNum: num, ThresholdDen: den})
}

// position returns where a threshold lies between the first and the last row,
// from 0 to 1.
func position(rows []sweep.Row, at string) float64 {
	x := func(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v }
	low, high := x(rows[0].Threshold), x(rows[len(rows)-1].Threshold)
	if high == low {
		return 0.5
	}
	return (x(at) - low) / (high - low)
}

// newSweepChart draws the layers that get returns, each part of the one before
// it, as shares of whole.
func newSweepChart(d SweepData, title string, legends []sweepLegend, get func(*sweep.Row) []uint64, whole uint64, say func(*sweep.Row) string) sweepChart {
	c := sweepChart{Title: title, Legend: legends}
	var most uint64
	for i := range d.Rows {
		most = max(most, get(&d.Rows[i])[0])
	}
	top := niceShare(most, whole)
	x := func(at string) float64 { return plotLeft + (plotRight-plotLeft)*position(d.Rows, at) }
	y := func(n uint64) float64 {
		if whole == 0 {
			return plotBottom
		}
		return plotBottom - (plotBottom-plotTop)*float64(n)/float64(whole)/top
	}
	for layer, l := range legends {
		var line []string
		for i := range d.Rows {
			r := &d.Rows[i]
			line = append(line, coordinate(x(r.Threshold))+","+coordinate(y(get(r)[layer])))
		}
		first, last := d.Rows[0].Threshold, d.Rows[len(d.Rows)-1].Threshold
		points := fmt.Sprintf("%s,%d %s %s,%d", coordinate(x(first)), plotBottom, strings.Join(line, " "), coordinate(x(last)), plotBottom)
		c.Areas = append(c.Areas, sweepArea{l.Class, points, strings.Join(line, " ")})
	}
	run := fraction(d.Plan.NearDup.ThresholdNum, d.Plan.NearDup.ThresholdDen)
	if p := position(d.Rows, run); len(d.Rows) > 1 && p >= 0 && p <= 1 {
		c.Mark = coordinate(x(run))
	}
	for i := range d.Rows {
		left, right := x(d.Rows[i].Threshold), x(d.Rows[i].Threshold)
		if i > 0 {
			left = (left + x(d.Rows[i-1].Threshold)) / 2
		}
		if i+1 < len(d.Rows) {
			right = (right + x(d.Rows[i+1].Threshold)) / 2
		}
		c.Hits = append(c.Hits, sweepHit{coordinate(left), coordinate(max(right-left, 1)), say(&d.Rows[i])})
	}
	every := (len(d.Rows) + 5) / 6
	for i := 0; i < len(d.Rows); i += every {
		c.X = append(c.X, tick{coordinate(x(d.Rows[i].Threshold)), d.Rows[i].Threshold})
	}
	for _, share := range []float64{0, 0.5, 1} {
		c.Y = append(c.Y, tick{coordinate(plotBottom - (plotBottom-plotTop)*share), strconv.FormatFloat(100*top*share, 'f', -1, 64) + " %"})
	}
	c.Label = fmt.Sprintf("%s, by threshold. %s. %s.", title, say(&d.Rows[0]), say(&d.Rows[len(d.Rows)-1]))
	return c
}

// niceShare is the top of an axis for part of whole: 1, 2, 4, 6 or 8 times a
// power of ten, in percent, and never above the whole; as a fraction.
func niceShare(part, whole uint64) float64 {
	if part == 0 || whole == 0 {
		return 0.01
	}
	share := 100 * float64(part) / float64(whole)
	scale := math.Pow(10, math.Floor(math.Log10(share)))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if m*scale >= share {
			return min(m*scale, 100) / 100
		}
	}
	return min(10*scale, 100) / 100
}

// markRows are the rows at which losers are shown: the first, that of the
// run's threshold or the nearest, and the last, with one between each.
func markRows(d SweepData) []int {
	run := position(d.Rows, fraction(d.Plan.NearDup.ThresholdNum, d.Plan.NearDup.ThresholdDen))
	nearest := 0
	for i := range d.Rows {
		if math.Abs(position(d.Rows, d.Rows[i].Threshold)-run) < math.Abs(position(d.Rows, d.Rows[nearest].Threshold)-run) {
			nearest = i
		}
	}
	last := len(d.Rows) - 1
	var out []int
	for _, i := range []int{0, nearest / 2, nearest, (nearest + last + 1) / 2, last} {
		if len(out) == 0 || out[len(out)-1] < i {
			out = append(out, i)
		}
	}
	return out
}

// spark draws what a contributor loses in a box of 100 × 24, as a share of all
// they have.
func spark(rows []sweep.Row, c sweep.Course) string {
	var points []string
	for i, lost := range c.Lost {
		x := 100 * position(rows, rows[i].Threshold)
		points = append(points, coordinate(x)+","+coordinate(24-22*float64(lost)/float64(max(1, c.Contributor.In.Tokens))))
	}
	return strings.Join(points, " ")
}

// maxSizeColumns fit side by side on a phone.
const maxSizeColumns = 11

func newSizeGrid(rows []sweep.Row) *sizeGrid {
	var most, largest uint64
	for _, r := range rows {
		largest = max(largest, r.Groups.Largest)
		for _, s := range r.Groups.Sizes {
			most = max(most, s.Groups)
		}
	}
	if largest == 0 {
		return nil
	}
	classes := []sweep.Size{{From: 2, To: 2}}
	for last := classes[0]; last.To < largest; {
		last = sweep.Size{From: last.To + 1, To: 2 * last.To}
		classes = append(classes, last)
	}
	var shown []sweep.Row
	columns := min(len(rows), maxSizeColumns)
	for i := range columns {
		shown = append(shown, rows[i*max(len(rows)-1, 0)/max(columns-1, 1)])
	}
	const left, cellHeight = 62, 19
	width := float64(plotRight-left) / float64(columns)
	g := &sizeGrid{Height: cellHeight*len(classes) + 24, CellWidth: coordinate(width - 1), CellHeight: cellHeight - 1}
	every := 1
	if columns > maxSizeColumns/2 {
		every = 2 // labels would touch each other
	}
	for column, r := range shown {
		if column%every == 0 {
			g.Columns = append(g.Columns, tick{coordinate(left + width*(float64(column)+0.5)), r.Threshold})
		}
		for _, s := range r.Groups.Sizes {
			line := 0
			for classes[line].To != s.To {
				line++
			}
			share := math.Log1p(float64(s.Groups)) / math.Log1p(float64(most))
			y := cellHeight * (len(classes) - 1 - line)
			g.Cells = append(g.Cells, sizeCell{
				X: coordinate(left + width*float64(column)), Y: strconv.Itoa(y),
				TextX: coordinate(left + width*(float64(column)+0.5)), TextY: strconv.Itoa(y + 13),
				Text: tiny(s.Groups), Opacity: strconv.FormatFloat(0.1+0.65*share, 'f', 2, 64), Dark: share > 0.85,
				Label: fmt.Sprintf("%s groups of %s at %s", display.Count(s.Groups), sizeWords(s), r.Threshold),
			})
		}
	}
	for line, s := range classes {
		g.Lines = append(g.Lines, tick{strconv.Itoa(cellHeight*(len(classes)-1-line) + 13), sizeWords(s)})
	}
	g.Label = fmt.Sprintf("Groups by size and threshold; the largest has %s documents.", display.Count(largest))
	return g
}

func sizeWords(s sweep.Size) string {
	if s.From == s.To {
		return display.Count(s.From)
	}
	return shortCount(float64(s.From)) + "–" + shortCount(float64(s.To))
}

// tiny spells a count in at most four characters.
func tiny(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	v, unit := float64(n), 0
	for v >= 999.5 {
		v /= 1000
		unit++
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + []string{"", "k", "M", "G", "T", "P", "E"}[unit]
}

func edges(d SweepData) []sweepEdge {
	var out []sweepEdge
	run := position(d.Rows, fraction(d.Plan.NearDup.ThresholdNum, d.Plan.NearDup.ThresholdDen))
	for i := range d.Rows {
		r := &d.Rows[i]
		if len(r.Samples) == 0 {
			continue
		}
		e := sweepEdge{From: r.Threshold}
		to := math.Inf(1)
		if i+1 < len(d.Rows) {
			e.To = d.Rows[i+1].Threshold
			to = position(d.Rows, e.To)
		}
		// The two on either side of the run's threshold.
		e.Open = to == run || position(d.Rows, r.Threshold) <= run && run < to
		for _, s := range r.Samples {
			e.Samples = append(e.Samples, sweepSample{s, s.Diff})
		}
		out = append(out, e)
	}
	return out
}

var sweepFuncs = template.FuncMap{
	"recall":  sweep.Recall,
	"jaccard": func(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) },
	"passage": passage,
	"wide":    func(n uint32) uint64 { return uint64(n) },
	"last":    func(rows []sweep.Row) int { return len(rows) - 1 },
	"lostOf":  func(r sweep.Row) doc.Counts { return r.Lost() },
}

// passage makes a text that somebody else wrote safe to show over several
// lines: what does not show, or changes the direction, is spelt as display.Name
// spells it.
func passage(s string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(s, "\n") {
		text := strings.TrimSuffix(line, "\n")
		text = strings.TrimSuffix(text, "\r")
		for i, part := range strings.Split(text, "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			if part != "" {
				b.WriteString(display.Name(part, math.MaxInt/2))
			}
		}
		if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
