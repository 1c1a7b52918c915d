package neardup

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
)

// ExactPairs emits every pair of the n documents with a true Jaccard of at
// least num/den, whether or not they share a bucket: once, ascending by a,
// then b, from the caller's goroutine.
//
// It is a prefix-filter join with a positional filter (Chaudhuri et al. 2006;
// Bayardo et al. 2007; Xiao et al. "Efficient similarity joins for near
// duplicate detection", 2008). Shingles are ordered from rare to frequent. In
// that order, two sets that need an overlap of at least ⌈t·n⌉ of a set's n
// elements have one in common among its first n − ⌈t·n⌉ + 1: its prefix. Only
// prefixes are indexed, and of those no shingle that a single document has.
//
// Memory is 8 bytes for each shingle of each document while the order is made,
// then about 20 for each distinct one that several documents have and 12 for
// each of them in a prefix.
func ExactPairs(ctx context.Context, n int, sets Sets, num, den int64, workers int, emit EmitFunc) error {
	threshold, err := newThreshold(num, den)
	if err != nil {
		return err
	}
	order, err := newFrequencyOrder(ctx, n, sets)
	if err != nil {
		return err
	}
	index, err := newPrefixIndex(ctx, n, sets, threshold, order)
	if err != nil {
		return err
	}
	return provePairs(ctx, n, sets, num, den, workers, index.later, emit)
}

// frequencyOrder numbers the shingles that at least two documents have: from
// rare to frequent, then by hash.
type frequencyOrder struct {
	shingles []uint64 // ascending
	numbers  []uint32 // of each
	begin    []uint32 // by the leading bits of a shingle: where to look in shingles
	shift    int
}

func newFrequencyOrder(ctx context.Context, n int, sets Sets) (*frequencyOrder, error) {
	total := 0
	for d := range n {
		total += sets.Size(uint32(d))
	}
	all := make([]uint64, 0, total)
	var set []uint64
	for d := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if set, err = sets.Load(uint32(d), set); err != nil {
			return nil, err
		}
		all = append(all, set...)
	}
	slices.Sort(all)

	// Collapse to the distinct shingles that repeat, with their frequencies.
	var frequencies []uint32
	shared := all[:0]
	most := uint32(0)
	for lo := 0; lo < len(all); {
		hi := lo + 1
		for hi < len(all) && all[hi] == all[lo] {
			hi++
		}
		if f := uint32(hi - lo); f > 1 {
			shared = append(shared, all[lo])
			frequencies = append(frequencies, f)
			most = max(most, f)
		}
		lo = hi
	}
	if uint64(len(shared)) > 1<<32-1 {
		return nil, fmt.Errorf("exact pairs: %d distinct shingles in several documents, at most %d can be numbered", len(shared), uint64(1<<32-1))
	}

	o := &frequencyOrder{shingles: slices.Clone(shared)}
	// Counting sort by frequency, stable in the hash.
	next := make([]uint32, most+2)
	for _, f := range frequencies {
		next[f+1]++
	}
	for f := 1; f < len(next); f++ {
		next[f] += next[f-1]
	}
	o.numbers = frequencies
	for i, f := range frequencies {
		o.numbers[i] = next[f]
		next[f]++
	}

	// Hashes are uniform: with about one to a cell, a look-up ends at once.
	width := bits.Len(uint(len(o.shingles)))
	o.shift = 64 - width
	o.begin = make([]uint32, 1<<width+1)
	for _, x := range o.shingles {
		o.begin[x>>o.shift+1]++
	}
	for i := 1; i < len(o.begin); i++ {
		o.begin[i] += o.begin[i-1]
	}
	return o, nil
}

// number returns the number of a shingle, false if a single document has it.
func (o *frequencyOrder) number(shingle uint64) (uint32, bool) {
	cell := shingle >> o.shift
	for i := o.begin[cell]; i < o.begin[cell+1]; i++ {
		if o.shingles[i] == shingle {
			return o.numbers[i], true
		}
	}
	return 0, false
}

// prefixIndex holds the prefixes of all documents and, for each shingle, the
// documents that have it in theirs.
type prefixIndex struct {
	sets      Sets
	threshold ratio

	// The prefix of document d is unique[d] shingles that no other document
	// has, then shingles[begin[d]:begin[d+1]].
	unique   []uint32
	begin    []uint64
	shingles []uint32

	// The postings of shingle s are documents postings[lists[s]:lists[s+1]],
	// ascending, and the shingle's position in the set of each.
	lists     []uint64
	postings  []uint32
	positions []uint32
}

func newPrefixIndex(ctx context.Context, n int, sets Sets, threshold ratio, order *frequencyOrder) (*prefixIndex, error) {
	x := &prefixIndex{
		sets:      sets,
		threshold: threshold,
		unique:    make([]uint32, n),
		begin:     make([]uint64, n+1),
		lists:     make([]uint64, len(order.shingles)+1),
	}
	var (
		set     []uint64
		numbers []uint32
		err     error
	)
	for d := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if set, err = sets.Load(uint32(d), set); err != nil {
			return nil, err
		}
		numbers = numbers[:0]
		for _, shingle := range set {
			if s, ok := order.number(shingle); ok {
				numbers = append(numbers, s)
			}
		}
		slices.Sort(numbers)
		unique := len(set) - len(numbers)
		x.unique[d] = uint32(unique)
		// A set that overlaps in all of its n elements at best needs t·n.
		prefix := len(set) - int((threshold.num*uint64(len(set))+threshold.den-1)/threshold.den) + 1
		for _, s := range numbers[:min(max(prefix-unique, 0), len(numbers))] {
			x.shingles = append(x.shingles, s)
			x.lists[s+1]++
		}
		x.begin[d+1] = uint64(len(x.shingles))
	}

	for s := 1; s < len(x.lists); s++ {
		x.lists[s] += x.lists[s-1]
	}
	x.postings = make([]uint32, len(x.shingles))
	x.positions = make([]uint32, len(x.shingles))
	for d := range n {
		for i, s := range x.prefix(uint32(d)) {
			x.postings[x.lists[s]] = uint32(d)
			x.positions[x.lists[s]] = x.unique[d] + uint32(i)
			x.lists[s]++
		}
	}
	copy(x.lists[1:], x.lists)
	x.lists[0] = 0
	return x, nil
}

func (x *prefixIndex) prefix(d uint32) []uint32 {
	return x.shingles[x.begin[d]:x.begin[d+1]]
}

// later gathers the documents after a that have a shingle of their prefix in
// that of a and can, by their sizes and the position of the first such
// shingle, still reach the threshold.
func (x *prefixIndex) later(g *gatherer, a uint32) {
	room := 0
	for _, s := range x.prefix(a) {
		room += len(after(x.postings[x.lists[s]:x.lists[s+1]], a))
	}
	g.reset(room)
	size := x.sets.Size(a)
	for i, s := range x.prefix(a) {
		postings := x.postings[x.lists[s]:x.lists[s+1]]
		positions := x.positions[x.lists[s]:x.lists[s+1]]
		rest := size - int(x.unique[a]) - i
		skip := len(postings) - len(after(postings, a))
		for p := skip; p < len(postings); p++ {
			b := postings[p]
			other := x.sets.Size(b)
			// If this is the first common shingle, nothing before it is
			// common. If not, the pair was judged at the first, and the
			// bound here is no looser.
			if min(rest, other-int(positions[p])) >= x.threshold.toReach(size+other) {
				g.add(b)
			}
		}
	}
}
