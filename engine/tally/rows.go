package tally

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/extsort"
)

// rows are the sums of contributors as they grow. Most have documents of one class
// only, so a row is its name and a list of sums by class, in far less memory than a
// Row, and none of it is allocated by itself. The zero value is empty.
type rows struct {
	index  []rowSlot // a power of two, at most half of them taken
	seed   maphash.Seed
	blocks [][]row // of blockRows each, but for the last one
	lists  [][]uint64
	listed int              // sums in lists
	names  *strings.Builder // where names go until it is full
}

// row is that of one contributor.
type row struct {
	name  string
	begin uint64 // of the name: beginning
	first uint32 // of its sums, plus one; 0: it has none
}

// rowSlot finds a row by the hash of its name. It holds no name: a look-up goes to
// one slot and to the row, which the caller needs anyway.
type rowSlot struct {
	hash uint32
	next uint32 // row plus one; 0 where the slot is free
}

// What sums of one class are, in words: their class and the next of the row, as in
// row.first, then the documents and so on; behind the tokens those by the further
// tokenizers.
const (
	sumLink = iota
	sumDocuments
	sumBytes
	sumTokens
	sumWords // without further tokenizers

	classBits = 8 // of a link
)

const (
	blockRows = 256     // bounds what is copied where rows grow
	nameBlock = 1 << 14 // bytes
)

func (r *rows) len() int {
	n := len(r.blocks)
	if n == 0 {
		return 0
	}
	return (n-1)*blockRows + len(r.blocks[n-1])
}

func (r *rows) at(i int) *row { return &r.blocks[i/blockRows][i%blockRows] }

// look returns the row of a contributor, a new one if it was not known.
func (r *rows) look(contributor []byte) (i int, known bool) {
	if r.index == nil {
		r.index, r.seed = make([]rowSlot, 16), maphash.MakeSeed()
	}
	hash := uint32(maphash.Bytes(r.seed, contributor))
	begin := extsort.Prefix(contributor)
	mask := uint32(len(r.index) - 1)
	for at := hash & mask; r.index[at].next != 0; at = (at + 1) & mask {
		if s := r.index[at]; s.hash == hash {
			row := r.at(int(s.next - 1))
			if row.begin == begin && len(row.name) == len(contributor) && (len(contributor) <= 8 || row.name == string(contributor)) {
				return int(s.next - 1), true
			}
		}
	}
	i = r.len()
	if i%blockRows == 0 {
		var block []row // the first one grows: most tallies are small
		if i > 0 {
			block = make([]row, 0, blockRows)
		}
		r.blocks = append(r.blocks, block)
	}
	last := &r.blocks[len(r.blocks)-1]
	*last = append(*last, row{name: r.keep(contributor), begin: begin})
	if 2*(i+1) > len(r.index) {
		r.growIndex()
	}
	put(r.index, rowSlot{hash, uint32(i) + 1})
	return i, false
}

// keep returns a copy of a name.
func (r *rows) keep(name []byte) string {
	if r.names == nil || r.names.Cap()-r.names.Len() < len(name) {
		r.names = new(strings.Builder)
		size := nameBlock
		if len(r.blocks) == 1 {
			size = min(size, 32*(len(r.blocks[0])+1))
		}
		r.names.Grow(max(size, len(name)))
	}
	from := r.names.Len()
	r.names.Write(name)
	return r.names.String()[from:]
}

func (r *rows) growIndex() {
	index := make([]rowSlot, 2*len(r.index))
	for _, s := range r.index {
		if s.next != 0 {
			put(index, s)
		}
	}
	r.index = index
}

func put(index []rowSlot, s rowSlot) {
	mask := uint32(len(index) - 1)
	at := s.hash & mask
	for index[at].next != 0 {
		at = (at + 1) & mask
	}
	index[at] = s
}

// sums returns those of a row and class, new ones of 0 if it was not known.
func (r *rows) sums(i int, class doc.Class, further int) (sums []uint64, known bool) {
	link := &r.at(i).first
	first := *link
	for next := first; next != 0; {
		sums = r.list(int(next-1), further)
		if doc.Class(sums[sumLink]&(1<<classBits-1)) == class {
			return sums, true
		}
		next = uint32(sums[sumLink] >> classBits)
	}
	n := r.listed
	width := sumWords + further
	if n%blockRows == 0 {
		var block []uint64
		if n > 0 {
			block = make([]uint64, 0, blockRows*width)
		}
		r.lists = append(r.lists, block)
	}
	last := &r.lists[len(r.lists)-1]
	*last = slices.Grow(*last, width)[:len(*last)+width]
	r.listed++
	*link = uint32(n) + 1
	sums = r.list(n, further)
	sums[sumLink] = uint64(first)<<classBits | uint64(class)
	return sums, false
}

func (r *rows) list(i, further int) []uint64 {
	width := sumWords + further
	return r.lists[i/blockRows][i%blockRows*width:][:width]
}

// fill sets what to is of a row; it has room for the further tokenizers.
func (r *rows) fill(to *Row, i int) {
	row := r.at(i)
	to.Contributor, to.Class = row.name, [doc.NumClasses]doc.Counts{}
	clear(to.Further)
	for next := row.first; next != 0; {
		sums := r.list(int(next-1), len(to.Further))
		class := sums[sumLink] & (1<<classBits - 1)
		to.Class[class] = doc.Counts{Documents: sums[sumDocuments], Bytes: sums[sumBytes], Tokens: sums[sumTokens]}
		for k := range to.Further {
			to.Further[k][class] = sums[sumWords+k]
		}
		next = uint32(sums[sumLink] >> classBits)
	}
}

// order returns the rows in ascending order of the contributor.
func (r *rows) order() []int {
	// Most names differ in their first bytes.
	names, spare := make([]named, 0, r.len()), make([]named, r.len())
	for _, block := range r.blocks {
		for i := range block {
			names = append(names, named{block[i].begin, len(names)})
		}
	}
	names = sortNamed(names, spare)
	for lo := 0; lo < len(names); {
		hi := lo + 1
		for hi < len(names) && names[hi].begin == names[lo].begin {
			hi++
		}
		if hi-lo > 1 {
			slices.SortFunc(names[lo:hi], func(a, b named) int { return cmp.Compare(r.at(a.row).name, r.at(b.row).name) })
		}
		lo = hi
	}
	order := make([]int, len(names))
	for at := range names {
		order[at] = names[at].row
	}
	return order
}

// named is a row by the beginning of its name.
type named struct {
	begin uint64
	row   int
}

// sortNamed sorts by the beginnings, in the memory of either: a byte after the other
// from the least on, but for those that all names share.
func sortNamed(from, to []named) []named {
	var counts [8][256]uint32
	for i := range from {
		for d, b := 0, from[i].begin; d < len(counts); d, b = d+1, b>>8 {
			counts[d][b&0xff]++
		}
	}
	for d := range counts {
		next, shift := &counts[d], 8*d
		if len(from) == 0 || int(next[from[0].begin>>shift&0xff]) == len(from) {
			continue
		}
		sum := uint32(0)
		for v, n := range next {
			next[v] = sum
			sum += n
		}
		for i := range from {
			at := &next[from[i].begin>>shift&0xff]
			to[*at] = from[i]
			*at++
		}
		from, to = to, from
	}
	return from
}
