package main

import (
	"context"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/explain"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
)

type explainCmd struct {
	Dir        string  `arg:"" help:"Output folder of a finished run."`
	ID         string  `arg:"" help:"Id of a document, or FILE:LINE."`
	Format     string  `enum:"text,json" default:"text" help:"text or json (default: text)."`
	Step       string  `default:"0.05" placeholder:"S" help:"Between the other thresholds that a sweepable run is asked about (default: 0.05)."`
	Neighbours natural `default:"5" placeholder:"N" help:"Most similar kept documents shown of a sweepable run (default: 5)."`
}

// Help is shown by "tallystick explain --help".
func (*explainCmd) Help() string {
	return `Says what became of a document and why: its class and, if it was dropped, the
kept document it duplicates, the score, the buckets that the two share, and the
words in which they differ: [-only in the kept one-] {+only in the dropped one+}.
Several documents may share an id; all are shown.

Of a run with --sweepable also: the most similar kept documents, and what would
become of it at other thresholds. Of another run a kept document is looked up in
the inputs, which must still be there; texts are always read from them.

Examples:
  tallystick explain out reference/7.4/Get-Help.md
  tallystick explain out corpus/a.jsonl:17 --format json`
}

// Run explains.
func (c *explainCmd) Run(ctx context.Context, env *environment) error {
	dir, cleanup, err := scratch()
	if err != nil {
		return err
	}
	defer cleanup()
	run, forget, err := localRun(ctx, c.Dir, wholeRun)
	defer forget()
	if err != nil {
		return err
	}
	o := explain.Options{Step: c.Step, Neighbours: int(c.Neighbours), Scratch: dir}
	p, found, err := explain.Find(ctx, run, c.ID, o, request.Means{Parser: "native", Workers: workers(0)})
	if len(found) == 0 && err != nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(env.stderr, "tallystick: kept documents are not shown:", err)
	}
	for i := range found {
		if found[i].NoText != nil {
			fmt.Fprintln(env.stderr, "tallystick: texts are not compared:", found[i].NoText)
			break
		}
	}
	write := map[string]func(io.Writer, plan.Plan, []explain.Explanation) error{
		"text": explain.WriteText, "json": explain.WriteJSON,
	}[c.Format]
	return write(env.stdout, p, found)
}
