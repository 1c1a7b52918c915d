// Package report shows a finished run to people: report.html, one page that
// needs nothing else, and the summary at the end of `tallystick run`. It
// shows and never decides: every figure in it stands in another file of the
// run, in full.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/selfsum"
	"github.com/tallystick/tallystick/engine/plan"
)

// Data is what a report shows. Slices are shown in the order given.
type Data struct {
	Dir     string    // output folder, as the user named it
	Version string    // of tallystick
	Plan    plan.Plan // configuration and inputs

	Classes          [doc.NumClasses]doc.Counts // what became of all lines
	Contributors     []ContributorRow           // the largest by tokens in, descending
	ContributorCount int                        // of the whole run
	Further          []TokenizerTotals          // the plan's further tokenizers
	Flows            []Flow                     // the largest by tokens, descending
	FlowCount        int                        // of the whole run

	// Scores is the histogram of proven Jaccard values of near_dup
	// documents: Scores[i] counts those in [i/100, (i+1)/100), Scores[100]
	// those of exactly 1. It may be shorter.
	Scores []uint64

	Rejects []RejectReason // by lines, descending
	Notes   []string       // whole sentences on what the reader should know of this run

	Seconds float64 // wall time of the run
	Stages  []StageTiming
	Machine string // processor, cores, memory
	Engine  string // that counted: "native" or "hf"
	Kernels string // chosen for this processor

	Files []File // of the output folder
}

// TokenizerTotals are the tokens of all lines by one further tokenizer.
type TokenizerTotals struct {
	Name   string
	Tokens doc.ClassTokens
}

// In is the sum over the classes.
func (t TokenizerTotals) In() uint64 { return t.Tokens.In() }

// ContributorRow is one contributor's tally.
type ContributorRow struct {
	Name    string
	Classes [doc.NumClasses]doc.Counts
}

// In is the sum over the classes.
func (r ContributorRow) In() doc.Counts { return sum(r.Classes) }

// Flow is what one contributor lost as duplicates of another's documents
// (or of earlier ones of their own: From and To are then equal).
type Flow struct {
	From, To string // contributor of the dropped documents, and of their witnesses
	Exact    doc.Counts
	Near     doc.Counts
}

// RejectReason counts the lines rejected for one reason and names the first.
type RejectReason struct {
	Reason doc.Reason
	Lines  uint64
	File   string
	Line   int64 // one-based
	Offset int64 // of the line's first byte in the decompressed file
}

// StageTiming is one stage's share of the run.
type StageTiming struct {
	Name    string
	Seconds float64
	Bytes   uint64 // read, decompressed; 0 if that says nothing about the stage
	Peak    uint64 // peak resident memory in bytes, 0 if unknown
	Tasks   int
}

// File is one file of the output folder.
type File struct {
	Name string // relative to the folder, with slashes
	Size uint64
	What string // a few words
}

func sum(classes [doc.NumClasses]doc.Counts) doc.Counts {
	var c doc.Counts
	for _, x := range classes {
		c.Add(x)
	}
	return c
}

//go:embed page.html.tmpl
var pageSource string

//go:embed style.css
var style string

// page is parsed when first needed: most commands write no report.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(funcs).Parse(pageSource))
})

// Write writes report.html: one page with inline style and drawings, no
// script and no reference to anything outside the output folder. Whatever
// contributors put in their names is shown as text. The last line has the digest of
// the page (package selfsum).
func Write(w io.Writer, d Data) error {
	var b bytes.Buffer
	err := page().Execute(&b, newView(d))
	if err == nil {
		const end = " -->\n"
		b.WriteString("<!-- SHA-256 of this page without these digits: " + end)
		var sealed []byte
		if sealed, err = selfsum.Fill(b.Bytes(), end); err == nil {
			_, err = w.Write(sealed)
		}
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
