package neardup

import (
	"context"
	"fmt"

	"github.com/tallystick/tallystick/engine/shingleset"
)

// ExactPairs emits every pair of the n documents with a true Jaccard of at
// least num/den, whether or not they share a bucket: once, ascending by a,
// then b, from the caller's goroutine. It is a prefix-filter join; its memory
// grows with the corpus, by about 8 bytes for each shingle of each document.
func ExactPairs(ctx context.Context, n int, sets shingleset.Sets, num, den int64, workers int, emit EmitFunc) error {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return err
	}
	docs := make([]uint32, n)
	for d := range docs {
		docs[d] = uint32(d)
	}
	index, err := newPrefixIndex(ctx, n, docs, sets, threshold)
	if err != nil {
		return fmt.Errorf("exact pairs: %w", err)
	}
	for _, d := range docs {
		index.add(d)
	}
	later := func(g *gatherer, a uint32) {
		g.reset(index.room(a, a+1))
		index.gather(g, a, a+1)
	}
	return provePairs(ctx, n, sets, threshold, workers, later, emit)
}
