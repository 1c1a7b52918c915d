package task

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
)

// Done reads what the tasks of a stage left: the record of each that is done,
// nil for each that must be (or must be again: its record is damaged, or that
// of another plan). The files that a record names are not looked at.
func (j *Job) Done(ctx context.Context, n Stage) ([]*Record, error) {
	total, err := j.Tasks(n)
	if err != nil {
		return nil, err
	}
	out := make([]*Record, total)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range out {
		group.Go(func() error {
			rec, err := j.record(ctx, n, i)
			switch {
			case err == nil:
				out[i] = &rec
			case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, doc.ErrCorrupt):
				return err
			}
			return nil
		})
	}
	return out, group.Wait()
}
