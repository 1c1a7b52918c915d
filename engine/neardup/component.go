package neardup

import "github.com/tallystick/tallystick/engine/docset"

// LargestComponent returns the size of the largest set of kept documents that
// hang together by shared buckets, directly or through others of them. dropped
// are the verdicts of Resolve. It is what a tool that takes clusters of buckets
// for duplicates would keep one document of; among documents that are no
// duplicates it stays small until the buckets percolate.
func LargestComponent(g Graph, dropped []Verdict) int {
	kept := docset.NewBits(g.Len())
	isDropped := make([]bool, g.Len())
	for _, v := range dropped {
		isDropped[v.Doc] = true
	}
	together := docset.NewForest(g.Len())
	first := make([]uint32, g.Buckets) // 1 + the first kept document of each bucket
	for d := range uint32(g.Len()) {
		if isDropped[d] {
			continue
		}
		kept.Add(d)
		for _, b := range g.Of(d) {
			if first[b] == 0 {
				first[b] = d + 1
				continue
			}
			together.Unite(d, first[b]-1)
		}
	}
	return together.Largest(kept)
}
