package report

import (
	"fmt"
	"html/template"
	"math"
	"path"
	"strconv"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/plan"
)

// view is Data with everything worked out that a template cannot.
type view struct {
	Data
	Style      template.CSS
	In         doc.Counts
	Rows       []classRow
	Bar        []segment
	People     []personRow
	Exchanges  []flowRow
	Timings    []timingRow
	Histogram  *histogram // nil if nothing was near_dup
	Curve      *curve     // nil if the plan predicts nothing
	InputSize  uint64     // of the delivery, bytes on disk
	InputFiles int
	Facts      []fact
}

type classRow struct {
	Class doc.Class
	Means string
	doc.Counts
	Share string // of the tokens
}

// segment is one class's part of a stacked bar.
type segment struct {
	Class   doc.Class
	Percent string // CSS length
	Label   string
}

type personRow struct {
	ContributorRow
	Bar []segment
}

type flowRow struct {
	Flow
	Own       bool
	Documents uint64
	Tokens    uint64
	Bar       []segment // of the largest flow's tokens
}

type timingRow struct {
	StageTiming
	Percent string // of the longest stage's time, CSS length
	Rate    string
}

type fact struct{ Name, Value string }

// maxInputs is how many input files the page lists.
const maxInputs = 200

var classMeans = [doc.NumClasses]string{
	doc.Kept:     "counted and credited",
	doc.ExactDup: "equal, byte for byte, to an earlier document",
	doc.NearDup:  "proven at or above the threshold against a kept document",
	doc.Excluded: "left out by a rule of the plan",
	doc.Rejected: "line that could not be used",
}

func newView(d Data) view {
	v := view{Data: d, Style: template.CSS(style), In: sum(d.Classes)}
	for c, counts := range d.Classes {
		v.Rows = append(v.Rows, classRow{
			doc.Class(c), classMeans[c], counts, display.Percent(counts.Tokens, v.In.Tokens),
		})
	}
	v.Bar = bar(d.Classes)
	for _, r := range d.Contributors {
		v.People = append(v.People, personRow{r, bar(r.Classes)})
	}
	v.Exchanges = flowRows(d.Flows)
	v.Timings = timingRows(d.Stages)
	v.Histogram = newHistogram(d.Scores, d.Plan.NearDup)
	v.Curve = newCurve(d.Plan.NearDup)
	for _, f := range d.Plan.Files {
		if !f.IsStanding() {
			v.InputSize += uint64(max(f.Size, 0))
			v.InputFiles++
		}
	}
	v.Facts = facts(d)
	return v
}

// bar divides tokens by class. A class that has any is always visible.
func bar(classes [doc.NumClasses]doc.Counts) []segment {
	in := sum(classes).Tokens
	var out []segment
	for c, counts := range classes {
		if counts.Tokens == 0 {
			continue
		}
		out = append(out, segment{
			Class:   doc.Class(c),
			Percent: percent(float64(counts.Tokens), float64(in)),
			Label:   fmt.Sprintf("%s %s", doc.Class(c), display.Percent(counts.Tokens, in)),
		})
	}
	return out
}

func flowRows(flows []Flow) []flowRow {
	var rows []flowRow
	var most uint64
	for _, f := range flows {
		r := flowRow{
			Flow:      f,
			Own:       f.From == f.To,
			Documents: f.Exact.Documents + f.Near.Documents,
			Tokens:    f.Exact.Tokens + f.Near.Tokens,
		}
		most = max(most, r.Tokens)
		rows = append(rows, r)
	}
	for i := range rows {
		r := &rows[i]
		for _, s := range []struct {
			class  doc.Class
			tokens uint64
		}{{doc.ExactDup, r.Exact.Tokens}, {doc.NearDup, r.Near.Tokens}} {
			if s.tokens > 0 {
				r.Bar = append(r.Bar, segment{Class: s.class, Percent: percent(float64(s.tokens), float64(most))})
			}
		}
	}
	return rows
}

func timingRows(stages []StageTiming) []timingRow {
	var most float64
	for _, s := range stages {
		most = max(most, s.Seconds)
	}
	var rows []timingRow
	for _, s := range stages {
		rows = append(rows, timingRow{
			StageTiming: s,
			Percent:     percent(s.Seconds, most),
			Rate:        rate(s.Bytes, s.Seconds),
		})
	}
	return rows
}

// rate is in MB/s (10⁶ bytes), "–" where there is nothing to divide.
func rate(bytes uint64, seconds float64) string {
	if bytes == 0 || seconds <= 0 {
		return "–"
	}
	return strconv.FormatFloat(float64(bytes)/1e6/seconds, 'f', 1, 64) + " MB/s"
}

// percent is a CSS length.
func percent(part, whole float64) string {
	if whole <= 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*part/whole, 'f', 2, 64) + "%"
}

func seconds(s float64) string {
	switch {
	case s < 0.0995:
		return strconv.FormatFloat(s*1000, 'f', 0, 64) + " ms"
	case s < 99.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + " s"
	}
	whole := uint64(math.Round(s))
	if whole < 3600 {
		return fmt.Sprintf("%d min %02d s", whole/60, whole%60)
	}
	return fmt.Sprintf("%s h %02d min", display.Count(whole/3600), whole%3600/60)
}

// threshold writes the exact fraction, as a decimal where that is short.
func threshold(n plan.NearDup) string {
	if n.ThresholdDen <= 0 {
		return "–"
	}
	t := float64(n.ThresholdNum) / float64(n.ThresholdDen)
	s := strconv.FormatFloat(t, 'g', -1, 64)
	if len(s) > 6 {
		return fmt.Sprintf("%d/%d", n.ThresholdNum, n.ThresholdDen)
	}
	return s
}

func facts(d Data) []fact {
	p, n := d.Plan, d.Plan.NearDup
	all := []fact{{"run id", p.RunID}}
	for _, t := range p.Tokenizers() {
		name := "tokenizer"
		if t.Label != "" {
			name += " " + t.Label
		}
		all = append(all, fact{name, t.Name}, fact{name + " SHA-256", t.SHA256})
	}
	all = append(all, []fact{
		{"added tokens", p.Tokenizer.AddedTokens},
		{"threshold", "Jaccard ≥ " + threshold(n)},
		{"bands × rows", fmt.Sprintf("%d × %d", n.Bands, n.Rows)},
		{"target recall", n.Recall},
		{"seed", strconv.FormatUint(p.Seed, 10)},
	}...)
	for _, line := range p.Policy() {
		all = append(all, fact{line[0], line[1]})
	}
	all = append(all, []fact{
		{"fields", fmt.Sprintf("text = %s, id = %s, contributor = %s, created = %s",
			p.Fields.Text, p.Fields.ID, p.Fields.Contributor, p.Fields.Created)},
		{"rules", fmt.Sprintf("%s, %s, %s, %s, %s, %s",
			p.Rules.Document, p.Rules.Shingle, p.Rules.WordHash, p.Rules.Sketch, p.Rules.ExactKey, p.Rules.Priority)},
		{"counted by", d.Engine},
		{"machine", d.Machine},
		{"kernels", d.Kernels},
		{"tallystick", d.Version},
	}...)
	var known []fact
	for _, f := range all {
		if f.Value != "" {
			known = append(known, f)
		}
	}
	return known
}

// How much the page shows of a name, a path and a sentence.
const (
	nameWidth = 64
	pathWidth = 256
	noteWidth = 1000
)

var funcs = template.FuncMap{
	"count":     display.Count,
	"bytes":     display.Bytes,
	"percent":   display.Percent,
	"name":      func(s string) string { return display.Name(s, nameWidth) },
	"path":      func(s string) string { return display.Name(s, pathWidth) },
	"note":      func(s string) string { return display.Name(s, noteWidth) },
	"seconds":   seconds,
	"short":     func(s string) string { return s[:min(len(s), 12)] },
	"href":      func(s string) string { return "./" + path.Clean("/" + s)[1:] },
	"int":       func(n int) uint64 { return uint64(max(n, 0)) },
	"inputs":    func(f []plan.File) []plan.File { return f[:min(len(f), maxInputs)] },
	"beyond":    func(total, shown int) uint64 { return uint64(max(total-shown, 0)) },
	"signed":    func(n int64) uint64 { return uint64(max(n, 0)) },
	"lost":      func(in, kept doc.Counts) uint64 { return in.Tokens - kept.Tokens },
	"threshold": threshold,
	"maxInputs": func() int { return maxInputs },
}
