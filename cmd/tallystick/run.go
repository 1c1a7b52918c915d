package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/task"
)

type runCmd struct {
	inputFlags     `embed:"" group:"Documents:"`
	rejectFlags    `embed:"" group:"Documents:"`
	tokenizerFlags `embed:"" group:"Counting:"`
	nearDupFlags   `embed:"" group:"Near duplicates:"`
	sweepableFlags `embed:"" group:"Near duplicates:"`
	policyFlags    `embed:"" group:"Who is first:"`
	creditFlags    `embed:"" group:"Credit:"`
	alarmFlags     `embed:"" group:"Alarms:"`
	auditFlags
	decideFlags
	outFlags
	Memory byteSize `placeholder:"SIZE" help:"Bound on memory, mapped files apart, such as 2GiB: what does not fit is sorted on disk (default: none); the results are the same."`
	Resume bool     `xor:"existing" help:"Go on with the unfinished run in the output folder."`
	Force  bool     `xor:"existing" help:"Replace the run in the output folder."`
	Strict bool     `help:"Stop before a tally is written if there is an alarm."`
}

type decideFlags struct {
	DecideTasks natural `default:"1" placeholder:"N" help:"Share what resolve decides out among so many tasks of a stage of its own, decide (default: 1, no such stage); the results are the same."`
}

type outFlags struct {
	Out      string `required:"" placeholder:"DIR" help:"Output folder, or s3://bucket/prefix; must be empty or new."`
	KeepWork bool   `help:"Keep the files passed between stages (DIR/.work)."`
}

// Help is shown by "tallystick run --help".
func (*runCmd) Help() string {
	return `Reads the inputs once, removes exact and near duplicates, counts the tokens of
every document exactly, and adds up per contributor. DIR gets tally.parquet,
tally.jsonl, decisions/, bitmaps/, rejects.jsonl, alarms.json, plan.json,
timings.json, report.html and manifest.json; docs/formats.md describes them.

Of several tokenizers, which count in the same pass, the first is the main one;
each further one adds columns named after it (its file or folder, or NAME). What
was made of them is kept for the next time in the user's cache folder, or that
which TALLYSTICK_CACHE names ("off": nowhere). It can be deleted at will.

Alarms tell what about the duplicates somebody should look at (alarms.json); with
--strict a run that has one stops before it writes a tally, and --resume without
--strict accepts it.

An audit compares a sample of the texts with every other one, without buckets:
audit.json has the recall that was measured, beside the one that plan.json
predicts. By default every run has one, of 0.1% of the texts, but of 100 at least
and 1,000 at most; not with --sweepable, --scope source, --reference or --against.
--audit SHARE samples exactly that share, --audit off none.

Examples:
  tallystick run corpus/ --tokenizer gpt2 --out out
  tallystick run 'shards/*.jsonl.zst' --tokenizer llama3/tokenizer.json \
      --contributor-field metadata.author --threshold 0.7 --out out
  tallystick run corpus/ --tokenizer llama3/tokenizer.json --tokenizer qwen=q/tokenizer.json --out out
  zstd -dc big.zst | tallystick run - --tokenizer gpt2 --out out
  tallystick run corpus/ --tokenizer gpt2 --credit shared --out out
  tallystick run s3://bucket/corpus --tokenizer gpt2 --out s3://bucket/runs/1
  tallystick run corpus/ --tokenizer gpt2 --audit 1% --out out
  tallystick run corpus/ --tokenizer gpt2 --strict --alarm-loss 20% --out out
  tallystick run corpus/ --tokenizer gpt2 --out out --resume
  tallystick run corpus/ --tokenizer gpt2 --priority source --source-rank wiki,books,web --out out
  tallystick run new/ --tokenizer gpt2 --reference benchmarks/ --out out
  tallystick run january/ --tokenizer gpt2 --index --out jan
  tallystick run february/ --tokenizer gpt2 --against jan --index --out feb

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished but more lines were
rejected than --max-rejects, 130 interrupted (resumable).`
}

// Run does the job.
func (c *runCmd) Run(ctx context.Context, env *environment) error {
	m := c.means(env)
	m.Memory = int64(c.Memory)
	r := rules(&c.inputFlags, &c.tokenizerFlags, &c.nearDupFlags)
	r.Floor = c.floor()
	if err := c.policyFlags.apply(&r); err != nil {
		return err
	}
	r.Credit, r.Alarms = c.Credit, c.limits()
	c.auditFlags.apply(&r)
	r.DecideTasks = int(min(c.DecideTasks, 1<<30))
	res, err := engine.Run(ctx, r, m, engine.RunOptions{
		Out: c.Out, Resume: c.Resume, Force: c.Force, KeepWork: c.KeepWork, Strict: c.Strict,
	})
	if err != nil {
		return err
	}
	env.close()
	if !env.output.Quiet {
		if err := engine.WriteSummary(env.stdout, res, env.width()); err != nil {
			return err
		}
	}
	if n := natural(res.Manifest.Totals.Rejected.Documents); n > c.MaxRejects {
		return errRejects{n, c.MaxRejects, object.Join(c.Out, "rejects.jsonl")}
	}
	return nil
}

func (c *runCmd) means(env *environment) request.Means {
	return means(&c.inputFlags, &c.countingFlags, env)
}

func means(in *inputFlags, counting *countingFlags, env *environment) request.Means {
	return request.Means{
		Engine: counting.Engine, CacheBytes: int64(counting.Cache), Parser: in.Parser, Workers: workers(in.Workers), Progress: env.progress(),
	}
}

type planCmd struct {
	inputFlags     `embed:"" group:"Documents:"`
	tokenizerFlags `embed:"" group:"Counting:"`
	nearDupFlags   `embed:"" group:"Near duplicates:"`
	sweepableFlags `embed:"" group:"Near duplicates:"`
	policyFlags    `embed:"" group:"Who is first:"`
	creditFlags    `embed:"" group:"Credit:"`
	alarmFlags     `embed:"" group:"Alarms:"`
	auditFlags
	decideFlags
	Out           string `required:"" placeholder:"DIR" help:"Output folder, or s3://bucket/prefix; must be empty or new."`
	Force         bool   `help:"Replace the run in the output folder."`
	estimateFlags `embed:"" group:"Estimate:"`
}

// Help is shown by "tallystick plan --help".
func (*planCmd) Help() string {
	return `Writes DIR/plan.json: the inputs with sizes and digests, the shards, the rules,
and the recall that the bands promise. Then every task of every stage can be
done by another process:

  tallystick plan corpus/ --tokenizer gpt2 --out out
  tallystick stage scan    --plan out/plan.json --task 0     (a task per shard)
  tallystick stage match   --plan out/plan.json --task 0     (a task per partition)
  tallystick stage resolve --plan out/plan.json
  tallystick stage tally   --plan out/plan.json --task 0     (a task per shard)
  tallystick stage seal    --plan out/plan.json

"tallystick run" does the same in one process, with the same bytes.

resolve is one task, the longest where many documents are like others.
--decide-tasks N adds a stage before it with N tasks, which decide about a share of
the documents each; resolve then puts together what they decided. It changes
nothing but the plan and so the run id.

  tallystick plan corpus/ --tokenizer gpt2 --out out --decide-tasks 16
  tallystick stage decide  --plan out/plan.json --task 0     (0 to 15; after match)

--estimate does all stages with a sample of the corpus, which takes some seconds,
and shows what a run takes on so many machines: tasks, memory, files, bytes moved
and time of every stage. It also leaves that in DIR/estimate.json, from which
"tallystick cluster" takes memory and time of its jobs. docs/scale.md says how far
such figures were from real runs.

  tallystick plan corpus/ --tokenizer gpt2 --out out --estimate
  tallystick plan corpus/ --tokenizer gpt2 --out out --estimate --machines 128 --cores 16
  tallystick plan corpus/ --tokenizer gpt2 --out out --estimate --json | jq .seconds.expected`
}

// Run makes the plan and prints what it holds.
func (c *planCmd) Run(ctx context.Context, env *environment) error {
	m := means(&c.inputFlags, &c.countingFlags, env)
	r := rules(&c.inputFlags, &c.tokenizerFlags, &c.nearDupFlags)
	r.Floor = c.floor()
	if err := c.policyFlags.apply(&r); err != nil {
		return err
	}
	r.Credit, r.Alarms = c.Credit, c.limits()
	c.auditFlags.apply(&r)
	r.DecideTasks = int(min(c.DecideTasks, 1<<30))
	if err := c.estimateFlags.check(); err != nil {
		return err
	}
	prepared, err := engine.Prepare(ctx, r, m, engine.RunOptions{Out: c.Out, Force: c.Force})
	if err != nil {
		return err
	}
	p := prepared.Plan
	var expected estimate.File
	if c.Estimate {
		if expected, err = engine.Estimate(ctx, prepared, m, c.Out, c.options()); err != nil {
			return fmt.Errorf("%w (the plan is made: %s)", err, object.Join(c.Out, task.PlanFile))
		}
	}
	env.close()
	out := env.stdout
	if c.JSON {
		return expected.Write(out)
	}
	if env.output.Quiet {
		return nil
	}
	fmt.Fprintf(out, "plan        %s\n", object.Join(c.Out, task.PlanFile))
	fmt.Fprintf(out, "run id      %s\n", p.RunID)
	fmt.Fprintf(out, "inputs      %s, %s, %s\n", number(len(p.Files), "file"), number(len(p.Shards), "shard"), number(p.Partitions, "partition"))
	for _, t := range p.Tokenizers() {
		fmt.Fprintf(out, "tokenizer   %s (%s)", t.Name, t.SHA256[:12])
		if t.Label != "" {
			fmt.Fprintf(out, " as %s", t.Label)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "near dups   Jaccard >= %d/%d, %d bands x %d rows, seed %d\n",
		p.NearDup.ThresholdNum, p.NearDup.ThresholdDen, p.NearDup.Bands, p.NearDup.Rows, p.Seed)
	for _, line := range append(p.Policy(), p.Chain()...) {
		fmt.Fprintf(out, "%-11s %s\n", line[0], line[1])
	}
	fmt.Fprintf(out, "\npredicted recall of pairs by their Jaccard\n")
	for _, pt := range p.NearDup.Curve {
		if pt.JaccardPercent%5 == 0 {
			fmt.Fprintf(out, "  %.2f  %.4f\n", float64(pt.JaccardPercent)/100, float64(pt.RecallPPM)/1e6)
		}
	}
	var tasks []string
	job := task.Job{Plan: p}
	for _, name := range job.Stages() {
		n, err := job.Tasks(name)
		if err != nil {
			return err
		}
		tasks = append(tasks, fmt.Sprintf("%s %s", name, taskNumbers(n)))
	}
	fmt.Fprintf(out, "\ntasks       %s\n", strings.Join(tasks, ", "))
	if c.Estimate {
		fmt.Fprintln(out)
		return expected.WriteTable(out)
	}
	return nil
}

// taskNumbers says which numbers n tasks have.
func taskNumbers(n int) string {
	switch n {
	case 0:
		return "none"
	case 1:
		return "0"
	}
	return fmt.Sprintf("0..%d", n-1)
}

// number says how many things of a kind there are.
func number(n int, kind string) string {
	if n != 1 {
		kind += "s"
	}
	return fmt.Sprintf("%d %s", n, kind)
}
