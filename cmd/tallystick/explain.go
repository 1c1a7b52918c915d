package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

type explainCmd struct {
	Dir string `arg:"" help:"Output folder of a finished run."`
	ID  string `arg:"" help:"Id of a document, or FILE:LINE."`
}

// Help is shown by "tallystick explain --help".
func (*explainCmd) Help() string {
	return `Says what became of a document: its class and, if it was dropped, the kept
document it duplicates and the score. Several documents may share an id; all are
shown. A kept document is looked up in the inputs, which must still be there.

Example:
  tallystick explain out reference/7.4/Get-Help.md`
}

// Run explains.
func (c *explainCmd) Run(ctx context.Context, env *environment) error {
	p, found, err := engine.Explain(ctx, c.Dir, c.ID)
	if len(found) == 0 && err != nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(env.stderr, "tallystick: kept documents are not shown:", err)
	}
	for i := range found {
		if i > 0 {
			fmt.Fprintln(env.stdout)
		}
		printExplanation(env.stdout, p, &found[i])
	}
	return nil
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

func printExplanation(w io.Writer, p plan.Plan, e *engine.Explanation) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	if e.ID != "" {
		row("document", "%s", escapeTSV(e.ID))
	}
	row("place", "%s:%d", e.File, e.Line)
	row("contributor", "%s", escapeTSV(e.Contributor))
	row("class", "%s", e.Class)
	switch e.Class {
	case doc.Rejected:
		row("reason", "%s", e.Reason)
	case doc.Kept:
		row("why", "no earlier kept document duplicates it")
		for _, w := range e.Witnessed {
			row("witness of", "%s:%d  %s  by %s  %s, Jaccard %.6f", p.Files[p.Shards[w.Shard].File].Path, w.Line, escapeTSV(w.ID), escapeTSV(w.Contributor), w.Class, w.Jaccard)
		}
	default:
		d := e.Decision
		row("tokens", "%s", tokensOf(p, d))
		row("witness", "%s:%d  %s", p.Files[p.Shards[d.WitnessShard].File].Path, d.WitnessLine, escapeTSV(d.WitnessID))
		row("", "by %s, kept: it comes first in priority order", escapeTSV(d.WitnessContributor))
		if e.Class == doc.ExactDup {
			row("score", "1 (the texts are equal byte for byte)")
			return
		}
		row("score", "%.6f = %d / %d shingles, threshold %d/%d", d.Jaccard, d.Overlap, d.Union, p.NearDup.ThresholdNum, p.NearDup.ThresholdDen)
		row("buckets", "%d shared", d.SharedBuckets)
	}
}
