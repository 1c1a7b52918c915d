package neardup

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Shingles ordered from rare to frequent, two sets that need an overlap of at
// least ⌈t·n⌉ of one's n elements have one in common among its first
// n − ⌈t·n⌉ + 1: its prefix. An index of prefixes so finds every pair that
// reaches t, and few others: what many documents have is in few prefixes.
// (Chaudhuri et al. 2006; Bayardo et al. 2007; with the positional filter of
// Xiao et al., "Efficient similarity joins for near duplicate detection",
// 2008.)

// frequencyOrder numbers the shingles that at least two of its documents have:
// from rare to frequent, then by hash.
type frequencyOrder struct {
	shingles []uint64 // ascending
	numbers  []uint32 // of each
	begin    []uint32 // by the leading bits of a shingle: where to look in shingles
	shift    int
}

// newFrequencyOrder takes 8 bytes for each shingle of each document while it
// works, and about 20 for each distinct one that several have.
func newFrequencyOrder(ctx context.Context, docs []uint32, sets Sets) (*frequencyOrder, error) {
	total := 0
	for _, d := range docs {
		total += sets.Size(d)
	}
	all := make([]uint64, 0, total)
	var set []uint64
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if set, err = sets.Load(d, set); err != nil {
			return nil, err
		}
		all = append(all, set...)
	}
	sortByKey(all, func(x *uint64) uint64 { return *x })

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
	if uint64(len(shared)) > math.MaxUint32 {
		return nil, fmt.Errorf("%d distinct shingles in several documents: at most %d can be numbered", len(shared), uint32(math.MaxUint32))
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

// prefixIndex knows the prefixes of some documents and finds, among those that
// were added, the ones that may reach the threshold with another. It takes 12
// bytes for each document, and 12 for each shingle of a prefix that several
// documents have; no other shingle needs a posting.
type prefixIndex struct {
	sets      Sets
	threshold ratio

	// The prefix of document d is first unique[d] shingles that no other
	// document has, then shingles[begin[d]:][:count[d]].
	unique   []uint32
	begin    []uint64
	count    []uint32
	shingles []uint32

	// The documents with shingle s in their prefix, of those added, are
	// postings[lists[s]:][:used[s]], ascending, with its position in each.
	lists     []uint64
	used      []uint32
	postings  []uint32
	positions []uint32
}

// newPrefixIndex makes an index for docs, ranks less than n, without adding
// any.
func newPrefixIndex(ctx context.Context, n int, docs []uint32, sets Sets, threshold ratio) (*prefixIndex, error) {
	order, err := newFrequencyOrder(ctx, docs, sets)
	if err != nil {
		return nil, fmt.Errorf("order shingles by frequency: %w", err)
	}
	x := &prefixIndex{
		sets:      sets,
		threshold: threshold,
		unique:    make([]uint32, n),
		begin:     make([]uint64, n),
		count:     make([]uint32, n),
		lists:     make([]uint64, len(order.shingles)+1),
		used:      make([]uint32, len(order.shingles)),
	}
	var set []uint64
	var numbers []uint32
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if set, err = sets.Load(d, set); err != nil {
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
		needed := int((threshold.num*uint64(len(set)) + threshold.den - 1) / threshold.den)
		prefix := len(set) - needed + 1
		numbers = numbers[:min(max(prefix-unique, 0), len(numbers))]
		for _, s := range numbers {
			x.lists[s+1]++
		}
		x.unique[d], x.begin[d], x.count[d] = uint32(unique), uint64(len(x.shingles)), uint32(len(numbers))
		x.shingles = append(x.shingles, numbers...)
	}
	for s := 1; s < len(x.lists); s++ {
		x.lists[s] += x.lists[s-1]
	}
	x.postings = make([]uint32, len(x.shingles))
	x.positions = make([]uint32, len(x.shingles))
	return x, nil
}

func (x *prefixIndex) prefix(d uint32) []uint32 {
	return x.shingles[x.begin[d]:][:x.count[d]]
}

// of returns the documents with shingle s in their prefix.
func (x *prefixIndex) of(s uint32) []uint32 {
	return x.postings[x.lists[s]:][:x.used[s]]
}

// add makes d, later than all before, one that can be found.
func (x *prefixIndex) add(d uint32) {
	for i, s := range x.prefix(d) {
		at := x.lists[s] + uint64(x.used[s])
		x.postings[at], x.positions[at] = d, x.unique[d]+uint32(i)
		x.used[s]++
	}
}

// room bounds the number of additions that gather makes.
func (x *prefixIndex) room(d, from uint32) int {
	n := 0
	for _, s := range x.prefix(d) {
		n += len(since(x.of(s), from))
	}
	return n
}

// gather adds to g the documents, no earlier than from, that by their prefixes
// and sizes may reach the threshold with d.
func (x *prefixIndex) gather(g *gatherer, d, from uint32) {
	size := x.sets.Size(d)
	for i, s := range x.prefix(d) {
		found := since(x.of(s), from)
		at := x.lists[s] + uint64(int(x.used[s])-len(found))
		rest := size - int(x.unique[d]) - i
		for k, other := range found {
			otherSize := x.sets.Size(other)
			// If this is the first common shingle, nothing before it is
			// common. If not, the pair was judged at the first, and the
			// bound here is no looser.
			otherRest := otherSize - int(x.positions[at+uint64(k)])
			if min(rest, otherRest) >= x.threshold.toReach(size+otherSize) {
				g.add(other)
			}
		}
	}
}

// since returns the end of the ascending list docs that is not before from.
func since(docs []uint32, from uint32) []uint32 {
	if from == 0 {
		return docs
	}
	i, _ := slices.BinarySearch(docs, from)
	return docs[i:]
}
