package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// runRemote is Run for an object store.
func runRemote(ctx context.Context, r request.Rules, m request.Means, opt RunOptions) (Result, error) {
	o, err := folder.OpenRemote(opt.Out)
	if err != nil {
		return Result{}, err
	}
	defer o.Close()
	release, err := o.Occupy(ctx, "run")
	if err != nil {
		return Result{}, err
	}
	defer release()
	p, err := prepareInStore(ctx, o, r, m, opt)
	if err != nil {
		return Result{}, err
	}
	job := jobIn(ctx, o, p.Plan, p.Counters, m, opt.Strict)
	if opt.Resume && o.Sealed(ctx, p.Plan) {
		if m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("the run in %s is finished and whole", o.URL))
		}
		if opt.Strict {
			if err := o.RefuseAlarms(ctx); err != nil {
				return Result{}, err
			}
		}
		return finishIn(ctx, o, job, m, nil, opt)
	}
	timings, err := runStages(ctx, job, p.Timing, m, doTask)
	if err != nil {
		return Result{}, err
	}
	return finishIn(ctx, o, job, m, timings, opt)
}

// prepareRemote is Prepare for an object store.
func prepareRemote(ctx context.Context, r request.Rules, m request.Means, opt RunOptions) (request.Prepared, error) {
	o, err := folder.OpenRemote(opt.Out)
	if err != nil {
		return request.Prepared{}, err
	}
	defer o.Close()
	release, err := o.Occupy(ctx, "plan")
	if err != nil {
		return request.Prepared{}, err
	}
	defer release()
	return prepareInStore(ctx, o, r, m, opt)
}

// rethresholdRemote is the part of Rethreshold that writes, for an object store:
// again does the stages of a job of the plan p.
func rethresholdRemote(ctx context.Context, p plan.Plan, again func(*task.Job) ([]progress.Timing, error), m request.Means, opt RunOptions) (Result, error) {
	o, err := folder.OpenRemote(opt.Out)
	if err != nil {
		return Result{}, err
	}
	defer o.Close()
	release, err := o.Occupy(ctx, "rethreshold")
	if err != nil {
		return Result{}, err
	}
	defer release()
	claimed, err := o.Claim(ctx, false, opt.Force)
	if err != nil {
		return Result{}, err
	}
	if err := claimed.Begin(ctx, p); err != nil {
		return Result{}, err
	}
	job := jobIn(ctx, o, p, nil, m, opt.Strict)
	timings, err := again(job)
	if err != nil {
		return Result{}, err
	}
	return finishIn(ctx, o, job, m, timings, opt)
}

// runTasksRemote is RunTasks for an object store.
func runTasksRemote(ctx context.Context, p plan.Plan, counters []*tokenize.Counter, m request.Means, opt RunOptions, name task.Stage, first, n int) ([]task.Record, error) {
	o, err := folder.OpenRemote(opt.Out)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	// A scheduler repeats tasks, also when all are done.
	repeated := func() ([]task.Record, error) {
		recs := make([]task.Record, n)
		for i := range recs {
			recs[i] = task.Record{Stage: name, Task: first + i, RunID: p.RunID}
		}
		if name == task.Seal && opt.Strict {
			return recs, o.RefuseAlarms(ctx)
		}
		return recs, nil
	}
	if o.Settled(ctx, p) {
		return repeated()
	}
	job := jobIn(ctx, o, p, counters, m, opt.Strict)
	recs, err := tellTasks(ctx, job, m, name, n, func(ctx context.Context, i int) (task.Record, bool, error) {
		return runTaskIn(ctx, o, job, m, opt, name, first+i)
	})
	// Files are taken away from a task that is late when the run is sealed.
	if ctx.Err() == nil && errors.Is(err, fs.ErrNotExist) && o.Sealed(ctx, p) {
		o.ClearDebris(ctx)
		return repeated()
	}
	if err == nil && name != task.Seal && o.Settled(ctx, p) {
		o.ClearDebris(ctx)
	}
	return recs, err
}

// runTaskIn is runTask for an object store.
func runTaskIn(ctx context.Context, o *folder.Remote, job *task.Job, m request.Means, opt RunOptions, name task.Stage, number int) (rec task.Record, fresh bool, err error) {
	l, err := o.Announce(ctx, name, number)
	if err != nil {
		return rec, false, err
	}
	defer l.Release()
	if err := o.RefuseOccupied(ctx); err != nil {
		return rec, false, err
	}
	rec, fresh, err = stage.Do(ctx, job, name, number)
	if err != nil || name != task.Seal {
		return rec, fresh, err
	}
	if opt.Strict && !fresh { // it was done before, without
		if err := o.RefuseAlarms(ctx); err != nil {
			return rec, fresh, err
		}
	}
	timings, err := taskTimings(ctx, job)
	if err != nil {
		return rec, fresh, err
	}
	_, err = finishIn(ctx, o, job, m, timings, opt)
	return rec, fresh, err
}

// prepareInStore is prepare for an object store.
func prepareInStore(ctx context.Context, o *folder.Remote, r request.Rules, m request.Means, opt RunOptions) (request.Prepared, error) {
	if slices.Contains(r.Inputs, "-") {
		return request.Prepared{}, fmt.Errorf("%w: standard input is kept in the output folder, which must be local for that; copy it to %s first", doc.ErrUsage, o.URL)
	}
	claimed, err := o.Claim(ctx, opt.Resume, opt.Force)
	if err != nil {
		return request.Prepared{}, err
	}
	p, err := request.MakePlan(ctx, r, m, o.URL)
	if err != nil {
		return request.Prepared{}, err
	}
	return p, claimed.Begin(ctx, p.Plan)
}

// jobIn is newJob for an object store.
func jobIn(ctx context.Context, o *folder.Remote, p plan.Plan, counters []*tokenize.Counter, m request.Means, strict bool) *task.Job {
	return &task.Job{
		Plan: p, Out: o, Dir: o.URL, Scratch: o.Scratch, Counters: forStage(counters),
		Parser: m.Parser, Workers: m.Workers, Memory: m.Memory, Strict: strict,
		Known: new(sync.Map),
		Fence: func() error { return o.Fence(ctx, p.RunID) },
	}
}

// finishIn is finish for an object store: the report is made from local copies of
// what it shows.
func finishIn(ctx context.Context, o *folder.Remote, job *task.Job, m request.Means, timings []progress.Timing, opt RunOptions) (Result, error) {
	res := Result{Plan: job.Plan, Timings: timings, Dir: o.URL}
	var err error
	if res.Manifest, err = o.Manifest(ctx); err != nil {
		return res, err
	}
	local := *job
	local.Dir = filepath.Join(o.Scratch, "report")
	local.Out = store.NewLocal(local.Dir)
	work, err := o.CopyRun(ctx, local.Out)
	if err != nil {
		return res, err
	}
	if timings == nil {
		res.Timings = oldTimings(&local)
	}
	if err := describe(ctx, &local, m, &res); err != nil {
		return res, err
	}
	res.report.Dir = o.URL
	if err := o.Put(ctx, local.Out, timingsFile, reportFile); err != nil {
		return res, err
	}
	return res, o.Tidy(ctx, work, opt.KeepWork)
}
