package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// runRemote is Run for an object store.
func runRemote(ctx context.Context, r Rules, m Means, opt RunOptions) (Result, error) {
	o, err := openRemote(opt.Out)
	if err != nil {
		return Result{}, err
	}
	defer o.close()
	p, err := prepareInStore(ctx, o, r, m, opt)
	if err != nil {
		return Result{}, err
	}
	job := jobIn(ctx, o, p.Plan, p.Counters, m, opt.Strict)
	if opt.Resume && o.sealed(ctx, p.Plan) {
		if m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("the run in %s is finished and whole", o.url))
		}
		if opt.Strict {
			if err := o.refuseAlarms(ctx); err != nil {
				return Result{}, err
			}
		}
		return finishIn(ctx, o, job, m, nil, opt)
	}
	timings, err := runStages(ctx, job, p.Timing, m)
	if err != nil {
		return Result{}, err
	}
	return finishIn(ctx, o, job, m, timings, opt)
}

// prepareRemote is Prepare for an object store.
func prepareRemote(ctx context.Context, r Rules, m Means, opt RunOptions) (Prepared, error) {
	o, err := openRemote(opt.Out)
	if err != nil {
		return Prepared{}, err
	}
	defer o.close()
	return prepareInStore(ctx, o, r, m, opt)
}

// runTasksRemote is RunTasks for an object store.
func runTasksRemote(ctx context.Context, p plan.Plan, counters []*tokenize.Counter, m Means, opt RunOptions, name stage.Name, first, n int) ([]stage.Record, error) {
	o, err := openRemote(opt.Out)
	if err != nil {
		return nil, err
	}
	defer o.close()
	recs := make([]stage.Record, n)
	if o.sealed(ctx, p) { // a scheduler repeats tasks, also when all are done
		for i := range recs {
			recs[i] = stage.Record{Stage: name, Task: first + i, RunID: p.RunID}
		}
		if name == stage.Seal && opt.Strict {
			return recs, o.refuseAlarms(ctx)
		}
		return recs, nil
	}
	job := jobIn(ctx, o, p, counters, m, opt.Strict)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(job.AtOnce(name))
	for i := range recs {
		group.Go(func() (err error) {
			recs[i], _, err = job.Do(groupCtx, name, first+i)
			return err
		})
	}
	if err := group.Wait(); err != nil || name != stage.Seal {
		return recs, err
	}
	timings, err := taskTimings(ctx, job)
	if err != nil {
		return recs, err
	}
	_, err = finishIn(ctx, o, job, m, timings, opt)
	return recs, err
}

func prepareInStore(ctx context.Context, o *remote, r Rules, m Means, opt RunOptions) (Prepared, error) {
	if slices.Contains(r.Inputs, "-") {
		return Prepared{}, fmt.Errorf("%w: standard input is kept in the output folder, which must be local for that; copy it to %s first", doc.ErrUsage, o.url)
	}
	claimed, err := o.claim(ctx, opt.Resume, opt.Force)
	if err != nil {
		return Prepared{}, err
	}
	p, err := MakePlan(ctx, r, m, "")
	if err != nil {
		return Prepared{}, err
	}
	return p, claimed.begin(ctx, p.Plan)
}

func jobIn(ctx context.Context, o *remote, p plan.Plan, counters []*tokenize.Counter, m Means, strict bool) *stage.Job {
	return &stage.Job{
		Plan: p, Out: o, Dir: o.url, Scratch: o.scratch, Counters: forStage(counters),
		Parser: m.Parser, Workers: m.Workers, Memory: m.Memory, Flows: newFlows(m), Strict: strict,
		Fence: func() error { return o.fence(ctx, p.RunID) },
	}
}

// finishIn describes a sealed run, from local copies of what the report shows,
// and removes the work files.
func finishIn(ctx context.Context, o *remote, job *stage.Job, m Means, timings []Timing, opt RunOptions) (Result, error) {
	res := Result{Plan: job.Plan, Timings: timings, Dir: o.url}
	var err error
	if res.Manifest, err = o.manifest(ctx); err != nil {
		return res, err
	}
	local := *job
	local.Dir = filepath.Join(o.scratch, "report")
	local.Out = store.NewLocal(local.Dir)
	work, err := o.fetch(ctx, local.Out)
	if err != nil {
		return res, err
	}
	if timings == nil {
		res.Timings = oldTimings(&local)
	}
	if err := describe(ctx, &local, m, &res); err != nil {
		return res, err
	}
	res.report.Dir = o.url
	if err := o.put(ctx, local.Out, timingsFile, reportFile); err != nil {
		return res, err
	}
	return res, o.tidy(ctx, work, opt.KeepWork)
}
