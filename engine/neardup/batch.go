package neardup

import (
	"cmp"
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
		hi := min(lo+size, n)
		if err := spread(ctx, uint32(lo), uint32(hi), workers, errs[:hi-lo], each); err != nil {
			return err
		}
		if err := after(uint32(lo), uint32(hi)); err != nil {
			return err
		}
	}
	return nil
}

// spread calls fn(w, d) for d = lo … hi−1, spread over workers w = 0 … workers−1, and
// returns the error of the least d that has one. errs is room for one of each.
func spread(ctx context.Context, lo, hi uint32, workers int, errs []error, fn func(w int, d uint32) error) error {
	clear(errs)
	var next atomic.Uint32
	next.Store(lo)
	work := func(w int) {
		for ctx.Err() == nil {
			d := next.Add(1) - 1
			if d >= hi {
				return
			}
			errs[d-lo] = fn(w, d)
		}
	}
	var others sync.WaitGroup
	for w := 1; w < workers; w++ {
		others.Go(func() { work(w) })
	}
	work(0)
	others.Wait()
	return cmp.Or(ctx.Err(), cmp.Or(errs...))
}
