package neardup

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/shingleset"
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
func newFrequencyOrder(ctx context.Context, docs []uint32, sets shingleset.Sets) (*frequencyOrder, error) {
	total := 0
	for _, d := range docs {
		total += sets.Size(d)
	}
	all := make([]uint64, 0, total)
	var buffer []uint64
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		set, err := sets.Load(d, &buffer)
		if err != nil {
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
// were added, the ones that may reach the threshold with another.
//
// A shingle at position x of a set of size n and y of another can be the first
// that they share only if their Jaccard is at most (n − x) / (n + y): what is
// before it finds no partner. So the documents with a shingle are kept apart
// by its position, in cells, and only those with y ≤ (n − x)/t − n are looked
// at. It takes 16 bytes for each document, 8 for each shingle of a prefix that
// several documents have, and 16 for each cell.
type prefixIndex struct {
	sets      shingleset.Sets
	threshold ratio

	// The prefix of document d has unique[d] shingles that no other document
	// has; the cells of the others are prefixes[begin[d]:][:count[d]].
	unique   []uint32
	begin    []uint64
	count    []uint32
	prefixes []uint32

	// The cells of a shingle are adjacent and ascend by position. The
	// documents of cell c, of those added, are postings[start[c]:][:used[c]],
	// ascending.
	first    []uint32 // of the shingle's cells, for each cell
	position []uint32
	start    []uint64
	used     []uint32
	postings []uint32
}

// newPrefixIndex makes an index for docs, ranks less than n, without adding
// any.
func newPrefixIndex(ctx context.Context, n int, docs []uint32, sets shingleset.Sets, threshold ratio) (*prefixIndex, error) {
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
	}
	var entries []prefixEntry
	var buffer []uint64
	var numbers []uint32
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		set, err := sets.Load(d, &buffer)
		if err != nil {
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
		prefix := len(set) - threshold.ofSize(len(set)) + 1
		numbers = numbers[:min(max(prefix-unique, 0), len(numbers))]
		x.unique[d], x.begin[d], x.count[d] = uint32(unique), uint64(len(entries)), uint32(len(numbers))
		for i, s := range numbers {
			entries = append(entries, prefixEntry{shingle: s, position: uint32(unique + i), at: uint64(len(entries))})
		}
	}
	if err := x.layOut(entries); err != nil {
		return nil, err
	}
	return x, nil
}

// prefixEntry is a shingle of a document's prefix.
type prefixEntry struct {
	shingle, position uint32
	at                uint64 // in prefixIndex.prefixes
}

// layOut gives every pair of shingle and position a cell with room for all of
// its documents.
func (x *prefixIndex) layOut(entries []prefixEntry) error {
	sortByKey(entries, func(e *prefixEntry) uint64 { return uint64(e.shingle)<<32 | uint64(e.position) })
	x.prefixes = make([]uint32, len(entries))
	x.postings = make([]uint32, len(entries))
	for i, e := range entries {
		sameShingle := i > 0 && e.shingle == entries[i-1].shingle
		if !sameShingle || e.position != entries[i-1].position {
			cell := len(x.position)
			if uint64(cell) >= math.MaxUint32 {
				return fmt.Errorf("prefix index: more than %d cells", cell)
			}
			first := uint32(cell)
			if sameShingle {
				first = x.first[cell-1]
			}
			x.first = append(x.first, first)
			x.position = append(x.position, e.position)
			x.start = append(x.start, uint64(i))
		}
		x.prefixes[e.at] = uint32(len(x.position) - 1)
	}
	x.used = make([]uint32, len(x.position))
	return nil
}

func (x *prefixIndex) prefix(d uint32) []uint32 {
	return x.prefixes[x.begin[d]:][:x.count[d]]
}

// add makes d, later than all before, one that can be found.
func (x *prefixIndex) add(d uint32) {
	for _, c := range x.prefix(d) {
		x.postings[x.start[c]+uint64(x.used[c])] = d
		x.used[c]++
	}
}

// cells calls fn for the documents, no earlier than from, of each cell in
// which d may find a partner.
func (x *prefixIndex) cells(d, from uint32, fn func(docs []uint32)) {
	size := uint64(x.sets.Size(d))
	for i, c := range x.prefix(d) {
		rest := size - uint64(x.unique[d]) - uint64(i)
		// The last position y with rest / (size + y) ≥ t.
		last := rest*x.threshold.den/x.threshold.num - size
		first := x.first[c]
		for k := first; int(k) < len(x.first) && x.first[k] == first && uint64(x.position[k]) <= last; k++ {
			if found := since(x.postings[x.start[k]:][:x.used[k]], from); len(found) > 0 {
				fn(found)
			}
		}
	}
}

// room bounds the number of additions that gather makes.
func (x *prefixIndex) room(d, from uint32) int {
	n := 0
	x.cells(d, from, func(docs []uint32) { n += len(docs) })
	return n
}

// gather adds to g the documents, no earlier than from, that may reach the
// threshold with d.
func (x *prefixIndex) gather(g *gatherer, d, from uint32) {
	x.cells(d, from, func(docs []uint32) {
		for _, other := range docs {
			g.add(other)
		}
	})
}

// since returns the end of the ascending list docs that is not before from.
func since(docs []uint32, from uint32) []uint32 {
	if from == 0 {
		return docs
	}
	i, _ := slices.BinarySearch(docs, from)
	return docs[i:]
}
