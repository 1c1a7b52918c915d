package neardup

import "math/bits"

// candidate is a document that shares buckets with another.
type candidate struct {
	doc    uint32
	shared uint32
}

// gatherer collects the distinct documents of several lists, counting how
// often each is met, in time linear in the lists. It belongs to one goroutine.
type gatherer struct {
	found  []candidate // in the order they were first met
	slots  []uint32    // hash table: 1 + index in found, 0 for free
	table  []uint32    // the part of slots in use, a power of two long
	shift  int         // 64 − log₂ of that length
	sorted []candidate
	begin  []int
}

// reset forgets what was gathered and makes room for n additions.
func (g *gatherer) reset(n int) {
	// Backwards, the probes that led to a slot lead to it again.
	for i := len(g.found) - 1; i >= 0; i-- {
		g.table[g.slot(g.found[i].doc)] = 0
	}
	g.found = g.found[:0]
	width := max(bits.Len(uint(2*n)), 6)
	if 1<<width > len(g.slots) {
		g.slots = make([]uint32, 1<<width)
	}
	g.table = g.slots[:1<<width]
	g.shift = 64 - width
}

// slot returns where d is in the table, or the free slot where it goes.
func (g *gatherer) slot(d uint32) int {
	// Fibonacci hashing (Knuth, TAOCP 6.4) spreads dense and regular ranks.
	s := int(uint64(d) * 0x9e3779b97f4a7c15 >> g.shift)
	for g.table[s] != 0 && g.found[g.table[s]-1].doc != d {
		s = (s + 1) & (len(g.table) - 1)
	}
	return s
}

// add counts d once more and reports whether it is new.
func (g *gatherer) add(d uint32) bool {
	s := g.slot(d)
	if i := g.table[s]; i != 0 {
		g.found[i-1].shared++
		return false
	}
	g.found = append(g.found, candidate{doc: d, shared: 1})
	g.table[s] = uint32(len(g.found))
	return true
}

// bySharing returns what was gathered, the documents met most often first and
// otherwise in the order they were met: with a likely best partner first, the
// proofs of the others end early. Valid until the next call.
func (g *gatherer) bySharing() []candidate {
	if len(g.found) < 2 {
		return g.found
	}
	var most uint32
	for _, c := range g.found {
		most = max(most, c.shared)
	}
	// Counting sort: begin[n] is where the next document met n times goes.
	g.begin = append(g.begin[:0], make([]int, most+1)...)
	for _, c := range g.found {
		g.begin[c.shared]++
	}
	at := 0
	for n := int(most); n > 0; n-- {
		g.begin[n], at = at, at+g.begin[n]
	}
	g.sorted = append(g.sorted[:0], g.found...)
	for _, c := range g.found {
		g.sorted[g.begin[c.shared]] = c
		g.begin[c.shared]++
	}
	return g.sorted
}
