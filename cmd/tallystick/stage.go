package main

import (
	"context"
	"fmt"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

type stageCmd struct {
	Name       string   `arg:"" enum:"scan,match,decide,resolve,tally,seal" help:"scan, match, decide, resolve, tally or seal."`
	PlanFile   string   `name:"plan" required:"" placeholder:"FILE" help:"The plan.json in the output folder."`
	Task       natural  `default:"0" env:"JOB_COMPLETION_INDEX" placeholder:"I" help:"Which task of the stage (default: $$JOB_COMPLETION_INDEX, as Kubernetes sets it, or 0)."`
	PerJob     natural  `name:"tasks-per-job" default:"1" placeholder:"N" help:"Do tasks I*N to I*N+N-1, as many of them as there are, at once as many as there are workers (default: 1)."`
	Tokenizer  []string `sep:"none" placeholder:"[NAME=]FILE" help:"Where the plan's tokenizer is here, if not where it was; of several by name, or in their order."`
	Engine     string   `enum:"auto,native,hf" default:"auto" help:"As in run."`
	Cache      byteSize `placeholder:"SIZE" help:"As in run."`
	Parser     string   `enum:"native,simdjson" default:"native" help:"As in run."`
	Workers    natural  `default:"0" placeholder:"N" help:"As in run."`
	Memory     byteSize `placeholder:"SIZE" help:"As in run."`
	KeepWork   bool     `help:"Keep the files passed between stages (DIR/.work) after seal."`
	Strict     bool     `help:"seal: stop before a tally is written if there is an alarm."`
	MaxRejects natural  `default:"0" placeholder:"N" help:"seal: exit with 3 if more lines than this were rejected (default: 0)."`
	BandFormat string   `enum:"native,parquet" default:"native" help:"scan: write the keys of documents for our own match (native), or as Parquet for an engine that runs docs/match.sql."`
	Candidates string   `placeholder:"PATH" help:"match: take the groups that such an engine found: a Parquet file, a folder of them, or a glob."`
}

// Help is shown by "tallystick stage --help".
func (*stageCmd) Help() string {
	return `A task reads the files of earlier stages and writes its own, whole or not at
all. A task that is done already is not done again.

Two processes may do the same task at once: the files are the same.

Examples, as array jobs of Slurm and Kubernetes ("tallystick cluster" writes them):
  tallystick stage scan --plan out/plan.json --task $SLURM_ARRAY_TASK_ID
  tallystick stage tally --plan out/plan.json --tasks-per-job 16    (index from the environment)
  tallystick stage decide --plan out/plan.json --task 3    (of a plan with --decide-tasks)

Match can be left to Spark, DuckDB or BigQuery, with the same result; see
docs/operations.md:
  tallystick stage scan  --plan out/plan.json --task 0 --band-format parquet
  tallystick stage match --plan out/plan.json --task 0 --candidates candidates/

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 sealed, but more lines were rejected
than --max-rejects, 130 interrupted (the task left nothing behind).`
}

// Run does the task.
func (c *stageCmd) Run(ctx context.Context, env *environment) error {
	if c.BandFormat != "native" && c.Name != string(task.Scan) || c.Candidates != "" && c.Name != string(task.Match) {
		return fmt.Errorf("%w: --band-format is for stage scan, --candidates for stage match", doc.ErrUsage)
	}
	p, err := folder.LoadPlan(c.PlanFile)
	if err != nil {
		return err
	}
	m := request.Means{
		Engine: c.Engine, CacheBytes: int64(c.Cache), Parser: c.Parser, Workers: workers(c.Workers), Memory: int64(c.Memory),
		Progress: env.progress(),
	}
	var counters []*tokenize.Counter
	if c.Name == string(task.Scan) { // no other stage counts, or needs the file
		if counters, err = request.OpenCounters(p, c.Tokenizer, m); err != nil {
			return err
		}
	}
	out, per := object.Dir(c.PlanFile), max(1, c.PerJob)
	if c.Task > 1<<30 || per > 1<<30 {
		return fmt.Errorf("%w: no stage has so many tasks", doc.ErrUsage)
	}
	recs, err := engine.RunTasks(ctx, p, counters, m, engine.RunOptions{
		Out: out, KeepWork: c.KeepWork, Strict: c.Strict, ParquetKeys: c.BandFormat == "parquet", Candidates: c.Candidates,
	}, task.Stage(c.Name), int(c.Task*per), int(per))
	if err != nil {
		return err
	}
	if !env.output.Quiet && !env.output.JSONLog {
		for _, rec := range recs {
			fmt.Fprintf(env.stderr, "%s task %d: done, %d files, %.2f s\n", rec.Stage, rec.Task, len(rec.Files)+len(rec.Work), rec.Seconds)
		}
	}
	if c.Name != string(task.Seal) {
		return nil
	}
	sealed, err := folder.ReadManifest(out)
	if err != nil {
		return err
	}
	if n := natural(sealed.Totals.Rejected.Documents); n > c.MaxRejects {
		return errRejects{n, c.MaxRejects, object.Join(out, "rejects.jsonl")}
	}
	return nil
}
