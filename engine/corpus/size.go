package corpus

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// TotalSize is the size of all inputs that can be measured, in bytes.
func TotalSize(ctx context.Context, paths []string) int64 {
	var total atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(statsAtOnce)
	for _, p := range paths {
		group.Go(func() error {
			if size, err := Size(ctx, p); err == nil {
				total.Add(size)
			}
			return nil
		})
	}
	_ = group.Wait() // no error is returned above
	return total.Load()
}

// statsAtOnce is how many inputs are measured at once: each object takes a
// request.
const statsAtOnce = 32
