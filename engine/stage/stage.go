// Package stage does the stages of a job one task at a time: scan (a task per
// shard), match (a task per partition), decide (as many as the plan says, or none),
// resolve (one), tally (a task per shard), seal (one). A task reads named files and
// writes named files; the same task gives the same bytes whoever does it.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/resolve"
	"github.com/tallystick/tallystick/engine/task"
)

// taskRun is a task under way: what all tasks have, and what only some stages do.
type taskRun struct {
	*task.Task
	sums *string // where scan leaves the checksum of a shard whose plan has none
}

// Do runs one task unless its record shows that it is done, and returns the
// record. fresh is false for a task that an earlier run had finished.
func Do(ctx context.Context, j *task.Job, n task.Stage, number int) (rec task.Record, fresh bool, err error) {
	total, err := j.Tasks(n)
	if err != nil {
		return task.Record{}, false, err
	}
	if number < 0 || number >= total {
		return task.Record{}, false, fmt.Errorf("%w: stage %s has tasks 0 to %d, not %d", doc.ErrUsage, n, total-1, number)
	}
	if rec, err := j.Checked(ctx, n, number); err == nil && wroteKeys(j, &rec) {
		return rec, false, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, doc.ErrCorrupt) {
		return task.Record{}, false, err
	}
	start := time.Now()
	t := &taskRun{Task: j.Begin(n, number)}
	defer t.Abort()
	run := map[task.Stage]func(context.Context, *taskRun) error{
		task.Scan: scan, task.Match: match, task.Decide: resolveAll, task.Resolve: resolveAll, task.Tally: tallyShard, task.Seal: seal,
	}[n]
	if err := run(ctx, t); err != nil {
		return task.Record{}, false, fmt.Errorf("%s task %d: %w", n, number, err)
	}
	t.Record.Seconds = time.Since(start).Seconds()
	if err := t.Commit(ctx); err != nil {
		return task.Record{}, false, fmt.Errorf("%s task %d: %w", n, number, err)
	}
	return t.Record, true, nil
}

// ScanDraft scans a shard of a draft, a plan that has as yet no run id and of the
// shard no checksum, which it returns. The files are visible then; who knows the
// run id writes the record, which lacks it.
func ScanDraft(ctx context.Context, j *task.Job, number int) (rec task.Record, sum string, err error) {
	start := time.Now()
	t := &taskRun{Task: j.Begin(task.Scan, number), sums: &sum}
	defer t.Abort()
	if err := scan(ctx, t); err != nil {
		return task.Record{}, "", err
	}
	t.Record.Seconds = time.Since(start).Seconds()
	if err := t.Publish(); err != nil {
		return task.Record{}, "", err
	}
	return t.Record, sum, nil
}

// resolveAll is a task of decide or resolve, which package resolve does.
func resolveAll(ctx context.Context, t *taskRun) error {
	scanned, err := t.Records(ctx, task.Scan)
	if err != nil {
		return err
	}
	matched, err := t.Records(ctx, task.Match)
	if err != nil {
		return err
	}
	if err := checkCandidates(matched); err != nil {
		return err
	}
	if t.Record.Stage == task.Decide || t.Plan.DecideTasks == 0 {
		return resolve.Do(ctx, t.Task, scanned, matched)
	}
	decided, err := t.Records(ctx, task.Decide)
	if err != nil {
		return err
	}
	return resolve.Merge(ctx, t.Task, scanned, matched, decided)
}
