package engine

import (
	"bytes"
	"context"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/kernels"
)

// EstimateOptions say for which machines a plan is estimated, and from how much.
type EstimateOptions struct {
	Fleet      estimate.Fleet
	SampleSize int64 // bytes; 0: estimate.DefaultSize
}

// Estimate does all stages with a sample of the corpus of a plan in the output
// folder out, and leaves there what that tells of the whole, estimate.json.
func Estimate(ctx context.Context, p request.Prepared, m request.Means, out string, o EstimateOptions) (estimate.File, error) {
	fail := func(err error) (estimate.File, error) { return estimate.File{}, err }
	job := &task.Job{Plan: p.Plan, Dir: out}
	var to store.Store = store.NewLocal(out)
	if o.Fleet.Store = object.IsName(out); o.Fleet.Store {
		var err error
		if to, err = store.At(out); err != nil {
			return fail(fmt.Errorf("%w: output folder: %w", doc.ErrUsage, err))
		}
	}
	track := progress.Start(m.Progress, "estimate", 0, "bytes")
	s, err := estimate.Rehearse(ctx, p.Plan, forStage(p.Counters), estimate.Options{
		Size: o.SampleSize, Out: to, Parser: m.Parser, Files: job.File, Longest: p.Longest,
		Report: func(ctx context.Context, job *task.Job) error {
			sealed, err := folder.ReadManifest(job.Dir)
			if err != nil {
				return err
			}
			return describe(ctx, job, m, &Result{Plan: job.Plan, Manifest: sealed, Dir: job.Dir})
		},
	})
	if err != nil {
		return fail(err)
	}
	track.End(1, 0)
	e := estimate.New(p.Plan, s, o.Fleet, kernels.Features().Name)
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		return fail(err)
	}
	return e, task.WriteBytes(ctx, to, estimate.Name, b.Bytes())
}
