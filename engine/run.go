// Package engine composes the stages of a job: it does their tasks in this
// process or one at a time, in a folder or an object store, and writes what
// describes a run rather than decides it (timings.json, report.html). The plan is
// made by package request, and what the folder holds is looked after by package
// folder.
package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// RunOptions say what to do with an output folder that is in use.
type RunOptions struct {
	Out      string
	Resume   bool // go on with an unfinished run of the same plan
	Force    bool // replace an earlier run
	KeepWork bool // keep the files passed between stages
	Strict   bool // fail before a tally is written if there is an alarm

	// Of tasks alone: scan writes its keys as Parquet, match reads what an
	// engine made of them, a file, folder or glob.
	ParquetKeys bool
	Candidates  string
}

// Result is a finished run.
type Result struct {
	Plan     plan.Plan
	Manifest manifest.Manifest
	Timings  []progress.Timing
	Dir      string

	report report.Data
}

// Run does the whole job in this process.
func Run(ctx context.Context, r request.Rules, m request.Means, o RunOptions) (Result, error) {
	if err := checkMemory(m); err != nil {
		return Result{}, err
	}
	defer bound(m)()
	if object.IsName(o.Out) {
		return runRemote(ctx, r, m, o)
	}
	release, err := folder.Occupy(o.Out, "run")
	if err != nil {
		return Result{}, err
	}
	defer release()
	scan := early{means: m, dir: o.Out}
	defer scan.stop()
	p, err := prepare(ctx, r, m, o, func(draft request.Prepared) { scan.begin(ctx, draft) })
	if err != nil {
		scan.discard()
		return Result{}, err
	}
	scan.planned(&p.Plan)
	job, err := newJob(p.Plan, p.Counters, m, o.Out)
	if err != nil {
		return Result{}, err
	}
	job.Strict = o.Strict
	if o.Resume && folder.Sealed(ctx, job.Plan, o.Out) {
		if m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("the run in %s is finished and whole", o.Out))
		}
		if o.Strict {
			if err := folder.RefuseAlarms(o.Out); err != nil {
				return Result{}, err
			}
		}
		return finish(ctx, job, m, oldTimings(job), o)
	}
	if err := folder.Unseal(ctx, o.Out); err != nil {
		return Result{}, err
	}
	timings, err := runStages(ctx, job, p.Timing, m, scan.do)
	if err != nil {
		return Result{}, err
	}
	return finish(ctx, job, m, timings, o)
}

// taskDoer does a task unless it is done, and says in fresh whether it did.
type taskDoer func(ctx context.Context, job *task.Job, name task.Stage, number int) (rec task.Record, fresh bool, err error)

// runStages does all stages, and returns their timings after that of planning.
func runStages(ctx context.Context, job *task.Job, planning progress.Timing, m request.Means, do taskDoer) ([]progress.Timing, error) {
	timings := []progress.Timing{planning}
	for _, name := range job.Stages() {
		t, err := runStageBy(ctx, job, name, m, do)
		if err != nil {
			return nil, err
		}
		timings = append(timings, t)
	}
	return timings, nil
}

// oldTimings are those that a finished run left, if they can be read: nothing
// depends on them.
func oldTimings(job *task.Job) []progress.Timing {
	t, err := readTimings(job.Dir)
	if err != nil || t.RunID != job.Plan.RunID {
		return nil
	}
	return t.Stages
}

// Prepare makes the output folder and plan.json in it, or finds the plan of an
// unfinished run there.
func Prepare(ctx context.Context, r request.Rules, m request.Means, o RunOptions) (request.Prepared, error) {
	if object.IsName(o.Out) {
		return prepareRemote(ctx, r, m, o)
	}
	release, err := folder.Occupy(o.Out, "plan")
	if err != nil {
		return request.Prepared{}, err
	}
	defer release()
	return prepare(ctx, r, m, o, nil)
}

// newJob is the job of a process that does all tasks in a local folder.
func newJob(p plan.Plan, counters []*tokenize.Counter, m request.Means, dir string) (*task.Job, error) {
	if err := os.MkdirAll(filepath.Join(dir, task.WorkDir), 0o777); err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return &task.Job{
		Plan: p, Out: store.NewLocal(dir).Late(task.WorkDir), Dir: dir, Counters: forStage(counters),
		Parser: m.Parser, Workers: m.Workers, Memory: m.Memory,
		Known:    new(sync.Map),
		Unsynced: true, // before it goes on with a task's files it compares them with its record
	}, nil
}

// runStage does every task of a stage that is not done yet, on all workers.
func runStage(ctx context.Context, job *task.Job, name task.Stage, m request.Means) (progress.Timing, error) {
	return runStageBy(ctx, job, name, m, doTask)
}

func runStageBy(ctx context.Context, job *task.Job, name task.Stage, m request.Means, do taskDoer) (progress.Timing, error) {
	tasks, err := job.Tasks(name)
	if err != nil {
		return progress.Timing{}, err
	}
	var total int64
	unit := "tasks"
	switch name {
	case task.Scan:
		unit = "bytes"
		for _, s := range job.Plan.Shards {
			if s.Index == "" { // else there is nothing to parse
				total += s.Length
			}
		}
	case task.Decide, task.Resolve:
		unit = "bytes" // of the texts to compare; how many is not known before
	case task.Tally:
		unit = "documents"
	default:
		total = int64(tasks)
	}
	track := progress.Start(m.Progress, string(name), total, unit)
	stopWatching := track.Watch()
	defer stopWatching()
	job.Advance = nil
	if unit != "tasks" {
		job.Advance = track.Add
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(job.AtOnce(name))
	defer func() {
		corpus.DropDecoders()
		if m.Memory > 0 {
			debug.FreeOSMemory() // the next stage may never ask for so much that the collector comes
		}
	}()
	var bytes atomic.Int64
	space := watchSpace(&job.Plan, job.Dir, m.Progress)
	for i := range tasks {
		group.Go(func() error {
			rec, fresh, err := do(ctx, job, name, i)
			if err != nil {
				return err
			}
			if name == task.Scan {
				space.add(job.Plan.Shards[i].Length, &rec)
			}
			switch {
			case unit == "tasks":
				track.Add(1)
			case !fresh && name == task.Scan && job.Plan.Shards[i].Index == "":
				track.Add(job.Plan.Shards[i].Length)
			}
			if fresh {
				bytes.Add(rec.Bytes)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return progress.Timing{}, err
	}
	stopWatching()
	return track.End(tasks, bytes.Load()), nil
}

// finish describes a sealed run and removes the work folder.
func finish(ctx context.Context, job *task.Job, m request.Means, timings []progress.Timing, o RunOptions) (Result, error) {
	res := Result{Plan: job.Plan, Timings: timings, Dir: o.Out}
	b, err := os.ReadFile(filepath.Join(o.Out, manifest.Name))
	if err != nil {
		return res, err
	}
	if res.Manifest, err = manifest.Parse(b); err != nil {
		return res, err
	}
	if note := unseenNote(res.Manifest.UnseenSources); note != "" && m.Progress != nil {
		m.Progress.Notice(note)
	}
	if err := describe(ctx, job, m, &res); err != nil {
		return res, err
	}
	return res, folder.Tidy(ctx, o.Out, o.KeepWork)
}

// forStage returns the counters as a job wants them.
func forStage(counters []*tokenize.Counter) []task.Counter {
	out := make([]task.Counter, len(counters))
	for i, c := range counters {
		out[i] = c
	}
	return out
}

// prepare is Prepare for who occupies the folder. draft is told what the plan will be
// (request.MakePlanFrom) if the folder is empty.
func prepare(ctx context.Context, r request.Rules, m request.Means, o RunOptions, draft func(request.Prepared)) (request.Prepared, error) {
	claimed, err := folder.Claim(ctx, o.Out, o.Resume, o.Force)
	if err != nil {
		return request.Prepared{}, err
	}
	if !claimed.IsNew() {
		draft = nil
	}
	p, err := request.MakePlanFrom(ctx, r, m, o.Out, draft)
	if err != nil {
		return request.Prepared{}, err
	}
	return p, claimed.Begin(ctx, p.Plan)
}
