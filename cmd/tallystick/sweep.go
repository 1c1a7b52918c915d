package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/threshold"
)

type sweepCmd struct {
	Inputs        []string `arg:"" name:"input" help:"The folder of a sweepable run, or s3://bucket/prefix of one; or files, folders, globs, s3://bucket/prefix, or - for standard input: JSONL, plain, .gz or .zst."`
	documentFlags `embed:"" group:"Documents:"`
	rejectFlags   `embed:"" group:"Documents:"`
	Tokenizer     []string `sep:"none" group:"Counting:" placeholder:"[NAME=]FILE" help:"A tokenizer.json or a built-in one (${builtins}; default: ${default_tokenizer})."`
	countingFlags `embed:"" group:"Counting:"`

	Floor     string   `group:"Near duplicates:" placeholder:"F" help:"Lowest threshold (default: that of the run; ${default_floor} for inputs)."`
	Recall    float64  `group:"Near duplicates:" default:"0.99" placeholder:"R" help:"Least predicted recall at the floor; chooses the bands (default: 0.99)."`
	Shingle   natural  `group:"Near duplicates:" name:"shingle-words" default:"5" placeholder:"N" help:"As in run (default: 5)."`
	Seed      uint64   `group:"Near duplicates:" default:"1" placeholder:"N" help:"As in run (default: 1)."`
	ShardSize byteSize `group:"Near duplicates:" placeholder:"SIZE" help:"As in run."`

	Step    string   `group:"What is shown:" default:"0.05" placeholder:"S" help:"Between thresholds; of the last one, samples score less than this above it (default: 0.05)."`
	At      []string `group:"What is shown:" placeholder:"T" help:"These thresholds alone."`
	Format  string   `group:"What is shown:" enum:"table,tsv,jsonl" default:"table" help:"table: for people; tsv: totals; jsonl: all there is."`
	HTML    string   `group:"What is shown:" placeholder:"FILE" help:"Also write a page with curves, losers and samples."`
	Losers  natural  `group:"What is shown:" default:"10" placeholder:"N" help:"Contributors who lose most, listed per threshold in jsonl and the page; 0: all (default: 10)."`
	Samples natural  `group:"What is shown:" default:"3" placeholder:"N" help:"Documents on the edge, per threshold (default: 3)."`
	Out     string   `group:"What is shown:" placeholder:"DIR" help:"Keep the sweepable run of the inputs here (a folder, or s3://bucket/prefix), for rethreshold and explain; must be empty or new."`
}

// Help is shown by "tallystick sweep --help".
func (*sweepCmd) Help() string {
	return `For every threshold from the floor to 1: the documents, text and tokens that would
be lost as duplicates, how many contributors would lose some or all they have, how
large the groups are, who loses most, and documents on the edge, dropped with a score
below the next threshold, with the words in which they differ from the witness.

A group is a kept document and those that it is the witness of. Each threshold is
decided as a run decides, from true Jaccard scores; "recall" is the predicted
probability that a pair of just that score is looked at.

The folder of a run with --sweepable is swept without reading the corpus, but for
the samples. Of inputs such a run is made first. What a run in a store kept is
copied to a temporary folder (TMPDIR) first.

Examples:
  tallystick sweep corpus/ --html sweep.html
  tallystick sweep corpus/ --tokenizer gpt2 --floor 0.4 --step 0.02 --format tsv
  tallystick run corpus/ --tokenizer gpt2 --sweepable --out out
  tallystick sweep out --at 0.7,0.75,0.8 --format jsonl
  tallystick rethreshold out --threshold 0.75 --out out75`
}

// Run sweeps.
func (c *sweepCmd) Run(ctx context.Context, env *environment) error {
	if c.HTML != "" {
		if err := folder.RefuseInRun(c.HTML); err != nil {
			return err
		}
	}
	dir, cleanup, err := scratch()
	if err != nil {
		return err
	}
	defer cleanup()
	m := request.Means{
		Engine: c.Engine, CacheBytes: int64(c.Cache), Parser: c.Parser, Workers: workers(c.Workers), Progress: env.progress(),
	}
	o := threshold.Options{
		At: c.At, Floor: c.Floor, Step: c.Step, Losers: int(c.Losers), Samples: int(c.Samples), Scratch: dir,
	}
	run, rejected := c.Inputs[0], natural(0)
	if ofRun := len(c.Inputs) == 1 && folder.IsRun(ctx, run); ofRun {
		if len(c.Tokenizer) > 0 || c.Out != "" {
			return fmt.Errorf("%w: %s is a finished run: it has counted already, and --tokenizer and --out are for inputs", doc.ErrUsage, run)
		}
	} else {
		if run = c.Out; run == "" {
			run = filepath.Join(dir, "run")
		}
		if err := o.Check(cmp.Or(c.Floor, defaultFloor)); err != nil {
			return err
		}
		if rejected, err = c.runOnInputs(ctx, m, run); err != nil {
			return err
		}
	}
	copied, forget, err := localRun(ctx, run, sweepFiles)
	defer forget()
	if err != nil {
		return err
	}
	res, err := threshold.Sweep(ctx, copied, o, m)
	if err != nil {
		return errOfCopy{err, copied, run}
	}
	env.close()
	if res.NoText != nil && c.Samples > 0 && (c.Format == "jsonl" || c.HTML != "") {
		fmt.Fprintln(env.stderr, "tallystick: samples are shown without their texts:", res.NoText)
	}
	if c.HTML != "" {
		err := store.WriteFile(ctx, c.HTML, func(w io.Writer) error { return threshold.WritePage(w, res) })
		if err != nil {
			return err
		}
	}
	write := map[string]func(io.Writer, []sweep.Row) error{"table": sweep.WriteTable, "tsv": sweep.WriteTSV, "jsonl": sweep.WriteJSONL}[c.Format]
	if err := write(env.stdout, res.Rows); err != nil {
		return err
	}
	if rejected > c.MaxRejects {
		return errRejects{rejected: rejected, allowed: c.MaxRejects}
	}
	return nil
}

// runOnInputs makes a sweepable run, in which the work files stay: standard
// input is among them.
func (c *sweepCmd) runOnInputs(ctx context.Context, m request.Means, out string) (rejected natural, err error) {
	tokenizers := c.Tokenizer
	if len(tokenizers) == 0 {
		tokenizers = []string{defaultTokenizer}
	}
	floor := cmp.Or(c.Floor, defaultFloor)
	threshold := "0.8"
	if num, den, err := neardup.ParseThreshold(floor); err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	} else if 5*num > 4*den {
		threshold = floor
	}
	res, err := engine.Run(ctx, request.Rules{
		Inputs: c.Inputs, Tokenizers: tokenizers, AddedTokens: c.AddedTokens, Fields: c.fields(),
		Threshold: threshold, Floor: floor, Shingle: shingleWords(c.Shingle), Recall: c.Recall, Seed: c.Seed, ShardSize: int64(c.ShardSize), MaxLine: int64(c.MaxLine),
	}, m, engine.RunOptions{Out: out, KeepWork: c.Out == "" && slices.Contains(c.Inputs, "-")})
	return natural(res.Manifest.Totals.Rejected.Documents), err
}

type rethresholdCmd struct {
	Dir       string  `arg:"" help:"Output folder of a finished run with --sweepable, or s3://bucket/prefix."`
	Threshold string  `required:"" placeholder:"T" help:"Jaccard at which a document is a near duplicate; not below the floor of the run."`
	Out       string  `required:"" placeholder:"DIR" help:"Output folder, or s3://bucket/prefix; must be empty or new."`
	Force     bool    `help:"Replace the run in the output folder."`
	Strict    bool    `help:"Stop before a tally is written if there is an alarm."`
	Workers   natural `default:"0" placeholder:"N" help:"Goroutines that work (default: one per core); the results are the same."`

	Memory byteSize `placeholder:"SIZE" help:"Bound on memory, as in run."`
}

// Help is shown by "tallystick rethreshold --help".
func (*rethresholdCmd) Help() string {
	return `Writes a complete run at another threshold, without reading the corpus: byte for
byte what "tallystick run --sweepable" with the same floor writes at that threshold.
What a run in a store kept is copied to a temporary folder (TMPDIR) first.

Examples:
  tallystick run corpus/ --tokenizer gpt2 --sweepable --out out
  tallystick rethreshold out --threshold 0.75 --out out75
  tallystick rethreshold s3://bucket/runs/1 --threshold 0.75 --out s3://bucket/runs/1-75
  tallystick verify out75 --inputs`
}

// Run decides again.
func (c *rethresholdCmd) Run(ctx context.Context, env *environment) error {
	m := request.Means{Parser: "native", Workers: workers(c.Workers), Memory: int64(c.Memory), Progress: env.progress()}
	if object.IsName(c.Dir) && folder.CleanInput(c.Dir) == folder.CleanInput(c.Out) {
		return fmt.Errorf("%w: the output folder is that of the run itself", doc.ErrUsage)
	}
	copied, forget, err := localRun(ctx, c.Dir, sweepFiles)
	defer forget()
	if err != nil {
		return err
	}
	res, err := engine.Rethreshold(ctx, copied, c.Threshold, m, engine.RunOptions{Out: c.Out, Force: c.Force, Strict: c.Strict})
	if err != nil {
		return errOfCopy{err, copied, c.Dir}
	}
	env.close()
	if env.output.Quiet {
		return nil
	}
	return engine.WriteSummary(env.stdout, res, env.width())
}
