package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// doTask does one task where others can see that it is being done.
func doTask(ctx context.Context, job *task.Job, name task.Stage, number int) (rec task.Record, fresh bool, err error) {
	if o, ok := job.Out.(*folder.Remote); ok {
		l, err := o.Announce(ctx, name, number)
		if err != nil {
			return rec, false, err
		}
		defer l.Release()
		return stage.Do(ctx, job, name, number)
	}
	defer folder.AnnounceLasting(job.Dir, name, number)()
	return stage.Do(ctx, job, name, number)
}

// RunTasks does the tasks of one stage of the plan in o.Out from the number first
// on, n of them or as many as there are, m.Workers at a time, as a cluster job
// does, and returns their records. The last task of all also writes the report.
// No other command may be alone in the folder; other tasks may run in it, the
// same ones included.
func RunTasks(ctx context.Context, p plan.Plan, counters []*tokenize.Counter, m request.Means, o RunOptions, name task.Stage, first, n int) ([]task.Record, error) {
	if err := checkMemory(m); err != nil {
		return nil, err
	}
	defer bound(m)()
	job := &task.Job{Plan: p}
	total, err := job.Tasks(name)
	if err != nil {
		return nil, err
	}
	if total == 0 && name == task.Decide {
		return nil, fmt.Errorf("%w: this plan has no stage decide: resolve decides everything (plan --decide-tasks)", doc.ErrUsage)
	}
	if total == 0 {
		return nil, fmt.Errorf("%w: stage %s has no tasks, as there is nothing in the inputs", doc.ErrUsage, name)
	}
	if first < 0 || first >= total {
		return nil, fmt.Errorf("%w: stage %s has tasks 0 to %d, not %d", doc.ErrUsage, name, total-1, first)
	}
	if object.IsName(o.Out) {
		if o.ParquetKeys || o.Candidates != "" {
			return nil, fmt.Errorf("%w: a join by another engine needs an output folder that is local, not %s", doc.ErrUsage, o.Out)
		}
		return runTasksRemote(ctx, p, counters, m, o, name, first, min(n, total-first))
	}
	// A scheduler repeats tasks, also when all are done.
	repeated := func() ([]task.Record, error) {
		if name == task.Seal && o.Strict {
			return []task.Record{{Stage: name, RunID: p.RunID}}, folder.RefuseAlarms(o.Out)
		}
		recs := make([]task.Record, min(n, total-first))
		for i := range recs {
			recs[i] = task.Record{Stage: name, Task: first + i, RunID: p.RunID}
		}
		return recs, nil
	}
	if folder.Settled(ctx, p, o.Out) {
		if name == task.Seal {
			folder.ClearDebris(ctx, o.Out)
		}
		return repeated()
	}
	if job, err = newJob(p, counters, m, o.Out); err != nil {
		return nil, err
	}
	job.Out, job.Unsynced = store.NewLocal(o.Out), false // others go on with its files, maybe elsewhere
	job.Strict, job.ParquetKeys = o.Strict, o.ParquetKeys
	if o.Candidates != "" {
		if job.Candidates, err = candidateFiles(o.Candidates); err != nil {
			return nil, err
		}
	}
	job.Fence = func() error { return folder.Fence(o.Out, p.RunID) }
	job.Gather = new(task.Gather)
	recs, err := announcedTasks(ctx, job, m, o, name, first, min(n, total-first))
	if err != nil {
		// Files are taken away from a task that is late when the run is sealed.
		if ctx.Err() == nil && errors.Is(err, fs.ErrNotExist) && folder.Sealed(ctx, p, o.Out) {
			folder.ClearDebris(ctx, o.Out)
			return repeated()
		}
		return nil, err
	}
	if name != task.Seal && folder.Settled(ctx, p, o.Out) {
		folder.ClearDebris(ctx, o.Out)
	}
	return recs, nil
}

// tellTasks does n tasks of a stage, several at once, and reports each. fresh is false for a
// task that was done before, which has read nothing of the input.
func tellTasks(ctx context.Context, job *task.Job, m request.Means, name task.Stage, n int, do func(ctx context.Context, i int) (rec task.Record, fresh bool, err error)) ([]task.Record, error) {
	recs := make([]task.Record, n)
	track := progress.Start(m.Progress, string(name), int64(n), "tasks")
	var bytes atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(job.AtOnce(name))
	for i := range recs {
		group.Go(func() error {
			rec, fresh, err := do(ctx, i)
			track.Add(1)
			if recs[i] = rec; fresh {
				bytes.Add(rec.Bytes)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	track.End(n, bytes.Load())
	return recs, nil
}

// announcedTasks does tasks of a job where others can see it: the first as long as the
// job takes, which keeps out who would be alone, the others once they last.
func announcedTasks(ctx context.Context, job *task.Job, m request.Means, o RunOptions, name task.Stage, first, n int) ([]task.Record, error) {
	l, err := folder.Announce(o.Out, name, first)
	if err != nil {
		return nil, err
	}
	defer l.Release()
	if err := folder.RefuseOccupied(o.Out); err != nil {
		return nil, err
	}
	recs, err := tellTasks(ctx, job, m, name, n, func(ctx context.Context, i int) (task.Record, bool, error) {
		if i > 0 {
			if err := folder.RefuseOccupied(o.Out); err != nil { // by who took this process for dead
				return task.Record{}, false, err
			}
			defer folder.AnnounceLasting(o.Out, name, first+i)()
		}
		return runTask(ctx, job, m, o, name, first+i)
	})
	return recs, cmp.Or(err, job.Gather.Commit(ctx)) // what is done is not lost with the rest
}

func runTask(ctx context.Context, job *task.Job, m request.Means, o RunOptions, name task.Stage, number int) (rec task.Record, fresh bool, err error) {
	rec, fresh, err = stage.Do(ctx, job, name, number)
	if err == nil && name == task.Seal { // what follows reads what it wrote
		err = job.Gather.Commit(ctx)
	}
	if err != nil || name != task.Seal {
		return rec, fresh, err
	}
	if o.Strict && !fresh { // it was done before, without
		if err := folder.RefuseAlarms(o.Out); err != nil {
			return rec, fresh, err
		}
	}
	timings, err := taskTimings(ctx, job)
	if err != nil {
		return rec, fresh, err
	}
	_, err = finish(ctx, job, m, timings, o)
	return rec, fresh, err
}

// taskTimings derives timings from task records, where the tasks ran in other
// processes: seconds are then sums over tasks.
func taskTimings(ctx context.Context, job *task.Job) ([]progress.Timing, error) {
	var out []progress.Timing
	for _, name := range job.Stages() {
		recs, err := job.Records(ctx, name)
		if err != nil {
			return nil, err
		}
		t := progress.Timing{Stage: string(name), Tasks: len(recs)}
		for _, r := range recs {
			t.Seconds += r.Seconds
			t.Bytes += r.Bytes
		}
		if t.Bytes > 0 && t.Seconds > 0 {
			t.MBPerSecond = float64(t.Bytes) / 1e6 / t.Seconds
		}
		out = append(out, t)
	}
	return out, nil
}
