package resolve

import (
	"context"

	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// Again is resolve of a plan that differs from that of the finished sweepable run
// from in its threshold alone: from what that run kept.
func Again(ctx context.Context, t *task.Task, from *task.Job) error {
	r := newResolver(t)
	defer r.Close()
	if err := sweepable.LoadGraph(ctx, from, r.Nodes); err != nil {
		return err
	}
	for i := range r.All {
		r.places.Add(r.All[i].Place)
	}
	r.number = r.places.Number()
	var err error
	if r.scanned, err = t.Records(ctx, task.Scan); err != nil {
		return err
	}
	if err := r.describeNodes(ctx); err != nil {
		return err
	}
	docs := r.Graph.Len()
	if r.Sets, err = sweepable.LoadSets(ctx, from, t.ScratchDir(), docs, func(rank uint32) (uint32, bool) { return rank, int(rank) < docs }); err != nil {
		return err
	}
	if err := r.decide(ctx); err != nil {
		return err
	}
	if err := sweepable.TakeNodes(ctx, t, from); err != nil {
		return err
	}
	return r.write(ctx)
}
