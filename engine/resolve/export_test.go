package resolve

import (
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
)

// DoIn is Do in a room of so many bytes; MergeIn is Merge in one, AgainIn Again.
var (
	DoIn    = resolveIn
	MergeIn = mergeIn
	AgainIn = againIn
)

// ShareOf returns the documents of a task of decide, and the groups that it reads.
func ShareOf(ctx context.Context, t *task.Task, scanned, matched []task.Record) (own []doc.Place, groups [][]doc.Place, err error) {
	r := newResolver(t)
	r.scanned, r.matched = scanned, matched
	if err := r.sharing(ctx); err != nil {
		return nil, nil, err
	}
	if r.isShare() {
		if err := r.takeShare(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, kind := range []string{"exact", "buckets"} {
		err := r.readGroups(ctx, kind, func(members []doc.Place) error {
			groups = append(groups, slices.Clone(members))
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return slices.Collect(r.places.All()), groups, nil
}
