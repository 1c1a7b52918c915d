package neardup

import "github.com/tallystick/tallystick/engine/docset"

// batchFamilies are the documents of a batch by whom they hang together with by buckets
// that they share within it: no decision about one depends on those of others.
type batchFamilies struct {
	graph    Graph
	together docset.Forest // of the places of the documents in the batch
	next     []uint32      // the place of the next one of its family; 0: it is the last
	last     []uint32      // of each bucket 1 + the last document that was met in it
	lo       uint32
}

// find finds the families of documents lo … hi−1 for so many workers. For one they
// are one family.
func (f *batchFamilies) find(lo, hi uint32, workers int) {
	n := int(hi - lo)
	if len(f.next) < n {
		f.together, f.next = docset.NewForest(n), make([]uint32, n)
	}
	f.lo = lo
	f.together.Reset()
	if workers == 1 {
		clear(f.together)
	} else {
		f.unite(lo, hi)
	}
	last := make([]uint32, n) // of each family
	for i := range uint32(n) {
		top := f.together.Find(i)
		if f.next[i] = 0; top != i {
			f.next[last[top]] = i
		}
		last[top] = i
	}
}

func (f *batchFamilies) unite(lo, hi uint32) {
	if f.last == nil {
		f.last = make([]uint32, f.graph.Buckets)
	}
	for d := lo; d < hi; d++ {
		for _, b := range f.graph.Of(d) {
			if f.last[b] > lo {
				f.together.Unite(d-lo, f.last[b]-1-lo)
			}
			f.last[b] = d + 1
		}
	}
}

// each calls fn for the documents of the family that begins with d, if one does, in
// their order.
func (f *batchFamilies) each(d uint32, fn func(d uint32) error) error {
	i := d - f.lo
	if f.together[i] != i {
		return nil
	}
	for {
		if err := fn(f.lo + i); err != nil {
			return err
		}
		if i = f.next[i]; i == 0 {
			return nil
		}
	}
}
