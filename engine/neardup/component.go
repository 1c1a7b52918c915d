package neardup

// LargestComponent returns the size of the largest set of kept documents that
// hang together by shared buckets, directly or through others of them. dropped
// are the verdicts of Resolve. It is what a tool that takes clusters of buckets
// for duplicates would keep one document of; among documents that are no
// duplicates it stays small until the buckets percolate.
func LargestComponent(g Graph, dropped []Verdict) int {
	parent := make([]uint32, g.Len())
	for d := range parent {
		parent[d] = uint32(d)
	}
	isDropped := make([]bool, g.Len())
	for _, v := range dropped {
		isDropped[v.Doc] = true
	}
	// Halving paths (Tarjan and van Leeuwen 1984), the smaller number on top.
	find := func(d uint32) uint32 {
		for parent[d] != d {
			parent[d] = parent[parent[d]]
			d = parent[d]
		}
		return d
	}
	first := make([]uint32, g.Buckets) // 1 + the first kept document of each bucket
	for d := range uint32(g.Len()) {
		if isDropped[d] {
			continue
		}
		for _, b := range g.Of(d) {
			if first[b] == 0 {
				first[b] = d + 1
				continue
			}
			x, y := find(d), find(first[b]-1)
			parent[max(x, y)] = min(x, y)
		}
	}
	sizes := make([]uint32, g.Len())
	largest := 0
	for d := range uint32(g.Len()) {
		if !isDropped[d] {
			top := find(d)
			sizes[top]++
			largest = max(largest, int(sizes[top]))
		}
	}
	return largest
}
