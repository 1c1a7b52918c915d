package neardup

import "context"

// Standing are documents that are kept whatever they resemble: those of a
// reference corpus, or those that earlier runs kept. They come before all
// others in priority order.
type Standing struct {
	First uint32 // how many documents stand: the ranks below it
	// Alone says that no other document is a witness.
	Alone bool
}

// ResolveAfter is Resolve with standing documents: a document that stands is
// kept; any other one is dropped by the definition of Resolve, where with
// Alone only a document that stands counts as already kept.
func ResolveAfter(ctx context.Context, g Graph, sets Sets, num, den int64, workers int, standing Standing) ([]Verdict, Stats, error) {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return nil, Stats{}, err
	}
	r := newResolution(g, sets, threshold, workers)
	r.standing = standing
	return r.run(ctx)
}
