package engine

import (
	"context"
	"fmt"
	"os"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/threshold"
)

// Rethreshold writes to o.Out the run that a finished sweepable run would have
// been at another threshold, from what it kept: byte for byte what `run` with
// the same floor and that threshold writes.
func Rethreshold(ctx context.Context, dir, at string, m request.Means, o RunOptions) (Result, error) {
	fail := func(err error) (Result, error) { return Result{}, err }
	if err := checkMemory(m); err != nil {
		return fail(err)
	}
	defer bound(m)()
	from, sealed, err := threshold.Open(ctx, dir, m)
	if err != nil {
		return fail(err)
	}
	p := from.Plan
	if p.AuditPPM > 0 {
		return fail(fmt.Errorf("%w: %s was audited at its threshold, and an audit at another one reads the corpus: make the sweepable run without --audit", doc.ErrUsage, dir))
	}
	if p.NearDup.ThresholdNum, p.NearDup.ThresholdDen, err = neardup.ParseThreshold(at); err != nil {
		return fail(err)
	}
	if err := neardup.AboveFloor(p.NearDup); err != nil {
		return fail(err)
	}
	if p.RunID, err = p.ComputeRunID(); err != nil {
		return fail(err)
	}
	again := func(job *task.Job) ([]progress.Timing, error) { return decideAgain(ctx, job, from, &sealed, m) }
	if object.IsName(o.Out) {
		return rethresholdRemote(ctx, p, again, m, o)
	}
	release, err := folder.Occupy(o.Out, "rethreshold")
	if err != nil {
		return fail(err)
	}
	defer release()
	if err := notItself(dir, o.Out); err != nil {
		return fail(err)
	}
	if err := folder.Make(ctx, o.Out, o.Force, p); err != nil {
		return fail(err)
	}
	job, err := newJob(p, nil, m, o.Out)
	if err != nil {
		return fail(err)
	}
	job.Strict = o.Strict
	timings, err := again(job)
	if err != nil {
		return fail(err)
	}
	return finish(ctx, job, m, timings, o)
}

// decideAgain does all stages of job with what the run from kept, whose manifest
// is sealed, and returns their timings.
func decideAgain(ctx context.Context, job, from *task.Job, sealed *manifest.Manifest, m request.Means) ([]progress.Timing, error) {
	var engines []string
	if t, err := readTimings(from.Dir); err == nil { // they only describe
		engines = []string{t.Machine.Engine}
	}
	track := progress.Start(m.Progress, "rethreshold", 0, "bytes")
	stopWatching := track.Watch()
	defer stopWatching()
	if err := stage.Rethreshold(ctx, job, from, engines, sealed); err != nil {
		return nil, err
	}
	stopWatching()
	timings := []progress.Timing{track.End(1, 0)}
	for _, name := range []task.Stage{task.Tally, task.Seal} {
		t, err := runStage(ctx, job, name, m)
		if err != nil {
			return nil, err
		}
		timings = append(timings, t)
	}
	return timings, nil
}

// notItself refuses an output folder without a name, or that of the run itself.
func notItself(from, out string) error {
	if out == "" {
		return fmt.Errorf("%w: the output folder needs a name", doc.ErrUsage)
	}
	if a, err := os.Stat(from); err == nil {
		if b, err := os.Stat(out); err == nil && os.SameFile(a, b) {
			return fmt.Errorf("%w: the output folder is that of the run itself", doc.ErrUsage)
		}
	}
	return nil
}
