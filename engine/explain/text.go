package explain

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/sweepable"
)

// WriteText prints explanations for people.
func WriteText(w io.Writer, p plan.Plan, found []Explanation) error {
	var b strings.Builder
	for i := range found {
		if i > 0 {
			b.WriteByte('\n')
		}
		printExplanation(&b, p, &found[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// label makes what somebody else wrote safe to print on a line.
func label(s string) string {
	if s == "" {
		return ""
	}
	return display.Name(s, math.MaxInt/2)
}

// tokensOf spells the tokens of a dropped document by each tokenizer.
func tokensOf(p plan.Plan, d *decision.Row) string {
	if len(d.Further) == 0 {
		return strconv.FormatInt(d.Tokens, 10)
	}
	text := fmt.Sprintf("%d (%s)", d.Tokens, p.Tokenizer.Label)
	for i, n := range d.Further {
		text += fmt.Sprintf(", %d (%s)", n, p.Further[i].Label)
	}
	return text
}

func whyKept(p plan.Plan, e *Explanation) string {
	switch {
	case e.Origin != "":
		return "it comes before all of this delivery"
	case p.Scope == plan.ScopeSource:
		return "no earlier kept document of its source duplicates it"
	case p.Scope == plan.ScopeReference:
		return "it duplicates nothing in the reference corpus"
	}
	return "no earlier kept document duplicates it"
}

func printExplanation(w *strings.Builder, p plan.Plan, e *Explanation) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	if e.ID != "" {
		row("document", "%s", label(e.ID))
	}
	row("place", "%s:%d", label(e.File), e.Line)
	if e.Origin != "" {
		row("part of", "%s, which is not tallied here", e.Origin)
	}
	row("contributor", "%s", label(e.Contributor))
	row("class", "%s", e.Class)
	switch e.Class {
	case doc.Rejected:
		row("reason", "%s", e.Reason)
	case doc.Kept:
		row("why", "%s", whyKept(p, e))
		for _, w := range e.Witnessed {
			row("witness of", "%s:%d  %s  by %s  %s, Jaccard %.6f", label(p.Files[p.Shards[w.Shard].File].Path), w.Line, label(w.ID), label(w.Contributor), w.Class, w.Jaccard)
		}
	default:
		d := e.Decision
		row("tokens", "%s", tokensOf(p, d))
		row("witness", "%s:%d  %s", label(p.Files[p.Shards[d.WitnessShard].File].Path), d.WitnessLine, label(d.WitnessID))
		if origin := p.Origin(int(d.WitnessShard)); origin != "" {
			row("", "by %s, of %s", label(d.WitnessContributor), origin)
		} else {
			row("", "by %s, kept: it comes first in priority order", label(d.WitnessContributor))
		}
		for _, line := range p.Policy() {
			row(line[0], "%s", line[1])
		}
		if e.Class == doc.ExactDup {
			row("score", "1 (the texts are equal byte for byte)")
			break
		}
		row("score", "%.6f = %d / %d shingles, threshold %d/%d", d.Jaccard, d.Overlap, d.Union, p.NearDup.ThresholdNum, p.NearDup.ThresholdDen)
		row("buckets", "%d shared%s", d.SharedBuckets, someKeys(e.Buckets))
		if len(e.Diff) > 0 {
			printDiff(w, e.Diff)
		}
	}
	for i, n := range e.Neighbours {
		name := ""
		if i == 0 {
			name = "near it"
		}
		row(name, "%.6f = %d / %d shingles, kept: %s by %s", float64(n.Overlap)/float64(max(n.Union, 1)), n.Overlap, n.Union, refText(n.Ref), label(n.Ref.Contributor))
	}
	for _, o := range e.At {
		at := o.From
		if o.To != o.From {
			at += "–" + o.To
		}
		switch {
		case o.Class == doc.Kept:
			row("at "+at, "kept")
		case o.Class == doc.NearDup:
			row("at "+at, "%s of %s, Jaccard %.6f", o.Class, refText(*o.Witness), float64(o.Overlap)/float64(o.Union))
		default:
			row("at "+at, "%s of %s", o.Class, refText(*o.Witness))
		}
	}
}

func refText(r sweep.Ref) string {
	place := fmt.Sprintf("%s:%d", label(r.File), r.Line)
	if r.ID == "" {
		return place
	}
	return place + "  " + label(r.ID)
}

// mostKeys are shown of the keys that two documents share.
const mostKeys = 4

func someKeys(keys []uint64) string {
	var b strings.Builder
	for i, k := range keys[:min(len(keys), mostKeys)] {
		b.WriteString(map[bool]string{true: ": ", false: " "}[i == 0])
		fmt.Fprintf(&b, "%016x", k)
	}
	if len(keys) > mostKeys {
		b.WriteString(" …")
	}
	return b.String()
}

// printDiff prints a difference as wdiff does, indented.
func printDiff(w *strings.Builder, parts []worddiff.Part) {
	var b strings.Builder
	for _, p := range parts {
		text := p.Text
		switch p.Kind {
		case worddiff.Removed:
			b.WriteString("[-" + text + "-]")
		case worddiff.Added:
			b.WriteString("{+" + text + "+}")
		case worddiff.Skipped:
			fmt.Fprintf(&b, " … %d words … ", p.Words)
		default:
			b.WriteString(text)
		}
	}
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name := ""
		if i == 0 {
			name = "difference"
		}
		fmt.Fprintf(w, "%-12s %s\n", name, label(strings.TrimSpace(line)))
	}
}

// explanationJSON is how WriteJSON spells an Explanation.
type explanationJSON struct {
	sweep.Ref
	Class      string          `json:"class"`
	Reason     doc.Reason      `json:"reason,omitempty"`
	Tokens     *int64          `json:"dropped_tokens,omitempty"` // of a dropped document
	Witness    *sweep.Ref      `json:"witness,omitempty"`
	Score      *scoreJSON      `json:"score,omitempty"` // of a near_dup
	Threshold  string          `json:"threshold"`
	Shared     int32           `json:"shared_buckets,omitempty"`
	Bands      int             `json:"bands"`
	Keys       []string        `json:"bucket_keys,omitempty"`
	Diff       []worddiff.Part `json:"diff,omitempty"`
	WitnessOf  []witnessedJSON `json:"witness_of,omitempty"`
	Neighbours []witnessedJSON `json:"neighbours,omitempty"`
	At         []outcomeJSON   `json:"at,omitempty"`
}

type scoreJSON struct {
	Overlap int64   `json:"overlap"`
	Union   int64   `json:"union"`
	Jaccard float64 `json:"jaccard"`
}

type witnessedJSON struct {
	sweep.Ref
	Class string     `json:"class"`
	Score *scoreJSON `json:"score,omitempty"`
}

type outcomeJSON struct {
	From    string     `json:"from"`
	To      string     `json:"to"`
	Class   string     `json:"class"`
	Witness *sweep.Ref `json:"witness,omitempty"`
	Score   *scoreJSON `json:"score,omitempty"`
}

// newScore is nil where there is none: equal bytes are no matter of shingles.
func newScore(overlap, union int64) *scoreJSON {
	if union == 0 {
		return nil
	}
	return &scoreJSON{overlap, union, float64(overlap) / float64(union)}
}

// WriteJSON prints explanations as one array.
func WriteJSON(w io.Writer, p plan.Plan, found []Explanation) error {
	all := make([]explanationJSON, 0, len(found))
	for i := range found {
		all = append(all, newExplanationJSON(p, &found[i]))
	}
	return jsonfile.Write(w, "explanations", all)
}

func newExplanationJSON(p plan.Plan, e *Explanation) explanationJSON {
	j := explanationJSON{
		Ref:   sweep.Ref{ID: e.ID, File: e.File, Line: e.Line, Contributor: e.Contributor},
		Class: e.Class.String(), Reason: e.Reason, Diff: e.Diff,
		Threshold: neardup.Decimal(p.NearDup.ThresholdNum, p.NearDup.ThresholdDen), Bands: p.NearDup.Bands,
	}
	for _, k := range e.Buckets {
		j.Keys = append(j.Keys, fmt.Sprintf("%016x", k))
	}
	if d := e.Decision; d != nil {
		j.Tokens, j.Shared, j.Score = &d.Tokens, d.SharedBuckets, newScore(d.Overlap, d.Union)
		j.Witness = &sweep.Ref{
			ID: d.WitnessID, File: p.Files[p.Shards[d.WitnessShard].File].Path, Line: d.WitnessLine, Contributor: d.WitnessContributor,
		}
	}
	for _, d := range e.Witnessed {
		j.WitnessOf = append(j.WitnessOf, witnessedJSON{
			Ref:   sweep.Ref{ID: d.ID, File: p.Files[p.Shards[d.Shard].File].Path, Line: d.Line, Contributor: d.Contributor},
			Class: d.Class, Score: newScore(d.Overlap, d.Union),
		})
	}
	for _, n := range e.Neighbours {
		j.Neighbours = append(j.Neighbours, neighbourJSON(n))
	}
	for _, o := range e.At {
		j.At = append(j.At, outcomeJSON{o.From, o.To, o.Class.String(), o.Witness, newScore(int64(o.Overlap), int64(o.Union))})
	}
	return j
}

func neighbourJSON(n sweepable.Neighbour) witnessedJSON {
	return witnessedJSON{Ref: n.Ref, Class: doc.Kept.String(), Score: newScore(int64(n.Overlap), int64(n.Union))}
}
