package neardup

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/shingleset"
)

// EmitFunc is given a proven pair of documents a < b, the size of the
// intersection of their shingle sets and that of the union. An error ends the
// search.
type EmitFunc func(a, b uint32, overlap, union int) error

// Pairs emits every pair of documents that share a bucket and have a true
// Jaccard of at least num/den: once, ascending by a, then b, from the caller's
// goroutine. Its cost grows with the square of the buckets' sizes.
func Pairs(ctx context.Context, g Graph, sets shingleset.Sets, num, den int64, workers int, emit EmitFunc) error {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return err
	}
	begin, members := transpose(g.Buckets, g.Offsets, g.IDs)
	later := func(gather *gatherer, a uint32) {
		room := 0
		for _, b := range g.Of(a) {
			room += len(since(members[begin[b]:begin[b+1]], a+1))
		}
		gather.reset(room)
		for _, b := range g.Of(a) {
			for _, other := range since(members[begin[b]:begin[b+1]], a+1) {
				gather.add(other)
			}
		}
	}
	return provePairs(ctx, g.Len(), sets, threshold, workers, later, emit)
}

// pair is a proven partner of a document.
type pair struct {
	other          uint32
	overlap, union int
}

// provePairs proves, for every document, the candidates that gather finds
// among the later ones, and emits those that reach the threshold in order.
// Gather starts with a reset and is called from several goroutines.
func provePairs(ctx context.Context, n int, sets shingleset.Sets, threshold ratio, workers int, gather func(g *gatherer, a uint32), emit EmitFunc) error {
	workers = max(workers, 1)
	gatherers := make([]gatherer, workers)
	provers := make([]prover, workers)
	for w := range provers {
		provers[w] = prover{sets: sets, threshold: threshold}
	}
	proven := make([][]pair, batchSize)

	each := func(w int, a uint32) error {
		at := a % batchSize
		proven[at] = proven[at][:0]
		gather(&gatherers[w], a)
		s := provers[w].subject(a)
		for _, c := range gatherers[w].found {
			total := s.size + sets.Size(c.doc)
			o, ok, err := provers[w].overlap(&s, c.doc, threshold.toReach(total))
			if err != nil {
				return err
			}
			if ok {
				proven[at] = append(proven[at], pair{c.doc, o, total - o})
			}
		}
		slices.SortFunc(proven[at], func(p, q pair) int { return cmp.Compare(p.other, q.other) })
		return nil
	}
	emitBatch := func(lo, hi uint32) error {
		for a := lo; a < hi; a++ {
			for _, p := range proven[a%batchSize] {
				if err := emit(a, p.other, p.overlap, p.union); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return inBatches(ctx, n, batchSize, workers, each, emitBatch)
}
