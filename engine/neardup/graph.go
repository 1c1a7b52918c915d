package neardup

import (
	"fmt"
	"math"
)

// Graph holds the buckets of each document. Documents are numbered by rank;
// buckets densely from 0, in any order that does not depend on the machine.
type Graph struct {
	// Offsets has one more element than there are documents: the buckets of
	// document d are IDs[Offsets[d]:Offsets[d+1]], distinct and ascending.
	Offsets []uint64
	IDs     []uint32
	// Buckets is the number of buckets; every id is less.
	Buckets int
	// Large says of each bucket whether it has more than HotBucket documents, where
	// some of them are in other graphs; nil: all are here.
	Large []bool
}

// Len returns the number of documents.
func (g Graph) Len() int { return len(g.Offsets) - 1 }

// Of returns the buckets of document d.
func (g Graph) Of(d uint32) []uint32 { return g.IDs[g.Offsets[d]:g.Offsets[d+1]] }

// shared returns how many buckets two documents have in common.
func (g Graph) shared(a, b uint32) int {
	x, y := g.Of(a), g.Of(b)
	n := 0
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] < y[0]:
			x = x[1:]
		case x[0] > y[0]:
			y = y[1:]
		default:
			n++
			x, y = x[1:], y[1:]
		}
	}
	return n
}

// NewGraph makes the graph of docs documents from the members of each bucket:
// bucket i is members[offsets[i]:offsets[i+1]], the ranks of its documents,
// each once, in any order.
func NewGraph(docs int, offsets []uint64, members []uint32) (Graph, error) {
	if docs < 0 || docs > math.MaxUint32 {
		return Graph{}, fmt.Errorf("graph of %d documents: at most %d can be numbered", docs, uint32(math.MaxUint32))
	}
	buckets := max(len(offsets)-1, 0)
	if buckets > math.MaxUint32 {
		return Graph{}, fmt.Errorf("graph of %d buckets: at most %d can be numbered", buckets, uint32(math.MaxUint32))
	}
	for _, d := range members {
		if int(d) >= docs {
			return Graph{}, fmt.Errorf("bucket member %d of %d documents", d, docs)
		}
	}
	g := Graph{Buckets: buckets}
	g.Offsets, g.IDs = transpose(docs, offsets, members)
	return g, nil
}

// transpose turns lists (list i is items[offsets[i]:offsets[i+1]], each item
// less than n) into, for every item, the ascending indices of its lists.
func transpose(n int, offsets []uint64, items []uint32) ([]uint64, []uint32) {
	starts := make([]uint64, n+1)
	for _, x := range items {
		starts[x+1]++
	}
	for x := range n {
		starts[x+1] += starts[x]
	}
	lists := make([]uint32, len(items))
	// Filling moves each start to its end; one step back restores them.
	for i := 0; i+1 < len(offsets); i++ {
		for _, x := range items[offsets[i]:offsets[i+1]] {
			lists[starts[x]] = uint32(i)
			starts[x]++
		}
	}
	copy(starts[1:], starts[:n])
	starts[0] = 0
	return starts, lists
}
