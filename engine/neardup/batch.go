package neardup

import (
	"context"
	"sync"
	"sync/atomic"
)

// batchSize is how many documents are looked at in parallel before their
// results are used, in order. It is a constant, not a tunable: the statistics
// of Resolve depend on it.
const batchSize = 1024

// inBatches goes through the documents 0 … n−1 in batches of size: each(w, d) for
// every document of a batch, spread over workers w = 0 … workers−1, and when
// all are done after(lo, hi), alone, for the batch lo … hi−1. It stops at the
// first error: of several in one batch, at the earliest document's.
func inBatches(ctx context.Context, n, size, workers int, each func(w int, d uint32) error, after func(lo, hi uint32) error) error {
	errs := make([]error, size)
	for lo := 0; lo < n; lo += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+size, n)
		var next atomic.Int64
		next.Store(int64(lo))
		work := func(w int) {
			for {
				d := int(next.Add(1)) - 1
				if d >= hi || ctx.Err() != nil {
					return
				}
				errs[d-lo] = each(w, uint32(d))
			}
		}
		var others sync.WaitGroup
		for w := 1; w < workers; w++ {
			others.Go(func() { work(w) })
		}
		work(0)
		others.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, err := range errs[:hi-lo] {
			if err != nil {
				return err
			}
		}
		if err := after(uint32(lo), uint32(hi)); err != nil {
			return err
		}
	}
	return nil
}
