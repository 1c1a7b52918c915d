package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/object"
)

// How many rows of each kind the summary shows, and the least width in which
// it is laid out.
const (
	summaryContributors = 5
	summaryFlows        = 3
	summaryRejects      = 5
	minSummaryWidth     = 60
)

// Summary writes the end of `tallystick run` for a terminal of the given
// width in columns: the totals by class, who brought and lost the most, what
// was rejected, the time, and the files to look at next. Only paths may be
// wider than width.
func Summary(w io.Writer, d Data, width int) error {
	width = max(width, minSummaryWidth)
	var b strings.Builder
	in := sum(d.Classes)

	contributors := "contributors"
	if d.ContributorCount == 1 {
		contributors = "contributor"
	}
	fmt.Fprintf(&b, "run %.12s: %s, threshold %s, %s %s\n\n", d.Plan.RunID,
		display.Name(d.Plan.Tokenizer.Name, width-58), threshold(d.Plan.NearDup), display.Count(uint64(max(d.ContributorCount, 0))), contributors)
	classTable(d.Classes, in).Write(&b, 2)

	if len(d.Further) > 0 {
		t := display.Table{Head: []string{"further tokenizers", "tokens in", "kept", ""}, Right: []bool{false, true, true, true}}
		for _, f := range d.Further {
			t.Add(display.Name(f.Name, width-44), display.Count(f.In()), display.Count(f.Tokens[doc.Kept]), display.Percent(f.Tokens[doc.Kept], f.In()))
		}
		b.WriteByte('\n')
		t.Write(&b, 2)
	}
	if rows := d.Contributors[:min(len(d.Contributors), summaryContributors)]; len(rows) > 0 {
		t := display.Table{Head: []string{"top contributors", "tokens in", "kept", ""}, Right: []bool{false, true, true, true}}
		for _, r := range rows {
			kept := r.Classes[doc.Kept].Tokens
			t.Add(display.Name(r.Name, width-44), display.Count(r.In().Tokens), display.Count(kept), display.Percent(kept, r.In().Tokens))
		}
		b.WriteByte('\n')
		t.Write(&b, 2)
	}
	if rows := flowRows(d.Flows[:min(len(d.Flows), summaryFlows)]); len(rows) > 0 {
		t := display.Table{Head: []string{"most duplicated", "of", "documents", "tokens"}, Right: []bool{false, false, true, true}}
		for _, r := range rows {
			of := "their own"
			if !r.Own {
				of = display.Name(r.To, (width-34)/2)
			}
			t.Add(display.Name(r.From, (width-34)/2), of, display.Count(r.Documents), display.Count(r.Tokens))
		}
		b.WriteByte('\n')
		t.Write(&b, 2)
	}
	if len(d.Rejects) > 0 {
		t := display.Table{Head: []string{"rejected", "lines", "first at"}, Right: []bool{false, true}}
		for _, r := range d.Rejects[:min(len(d.Rejects), summaryRejects)] {
			t.Add(string(r.Reason), display.Count(r.Lines), fmt.Sprintf("%s:%d", display.Name(r.File, 4*width), r.Line))
		}
		b.WriteByte('\n')
		t.Write(&b, 2)
	}
	for i, n := range d.Notes {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  note: %s\n", display.Name(n, noteWidth))
	}

	var stages []string
	for _, s := range d.Stages {
		text := s.Name + " " + seconds(s.Seconds)
		if r := rate(s.Bytes, s.Seconds); r != "–" {
			text += " (" + r + ")"
		}
		stages = append(stages, text)
	}
	fmt.Fprintf(&b, "\n  %s in all", seconds(d.Seconds))
	if len(stages) > 0 {
		b.WriteString(": ")
	}
	wrap(&b, stages, ", ", width, 4)

	fmt.Fprintf(&b, "\n  %s\n  %s\n", object.Join(d.Dir, "tally.parquet"), object.Join(d.Dir, "report.html"))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func classTable(classes [doc.NumClasses]doc.Counts, in doc.Counts) *display.Table {
	t := &display.Table{
		Head:  []string{"", "documents", "text", "tokens", "of tokens"},
		Right: []bool{false, true, true, true, true},
	}
	add := func(name string, c doc.Counts) {
		t.Add(name, display.Count(c.Documents), display.Bytes(c.Bytes), display.Count(c.Tokens), display.Percent(c.Tokens, in.Tokens))
	}
	add("in", in)
	for c, counts := range classes {
		add(doc.Class(c).String(), counts)
	}
	return t
}

// wrap appends the parts to the last line of b, starting new lines, indented,
// where one would grow beyond width, and ends the line.
func wrap(b *strings.Builder, parts []string, separator string, width, indent int) {
	column := display.Width(b.String()[strings.LastIndexByte(b.String(), '\n')+1:])
	for i, p := range parts {
		if i < len(parts)-1 {
			p += separator
		}
		if column+display.Width(strings.TrimRight(p, " ")) > width {
			s := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(s + "\n" + strings.Repeat(" ", indent))
			column = indent
		}
		b.WriteString(p)
		column += display.Width(p)
	}
	b.WriteByte('\n')
}
