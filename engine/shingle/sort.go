package shingle

import (
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/kernels/nearsort"
)

// sorter sorts hashes. Because they are uniform, one distribution by the leading
// bits almost sorts them: into about as many buckets as hashes, or a quarter of
// that where nearsort makes little of the difference. Of many hashes, those that
// repeat soon are left out before, and what is left goes through two distributions:
// else neither they nor their buckets stay in the near caches.
type sorter struct {
	sorted  []uint64
	begin   []uint32 // of each bucket
	crowded []uint32 // buckets of more hashes than nearsort takes in any order
	seen    []uint64 // by leading bits, the last hash that had them
}

const (
	fewHashes  = 32      // up to where the library sorts at least as fast
	someHashes = 1 << 14 // more than so many are looked at for repeats
	manyHashes = 1 << 18 // more than so many are distributed twice
	partWidth  = 7       // bits of the first distribution of many
	seenWidth  = 14      // log2 of the length of seen
	lookBlock  = 1 << 11 // hashes looked at together for repeats
	lookAgain  = 1 << 14 // taken as they are after a block with too few repeats
)

// distinct returns the hashes in ascending order without repeats, valid until the
// next call. It may use their memory.
func (s *sorter) distinct(hashes []uint64) []uint64 {
	if len(hashes) > someHashes {
		hashes = s.dropRepeats(hashes)
	}
	n := len(hashes)
	s.sorted = slices.Grow(s.sorted[:0], n)[:n]
	if n <= manyHashes {
		return s.sort(s.sorted, hashes, 0)
	}
	var begin [1 << partWidth]int
	for _, x := range hashes {
		begin[x>>(64-partWidth)]++
	}
	sum := 0
	for i, count := range begin {
		begin[i] = sum
		sum += count
	}
	for _, x := range hashes {
		next := &begin[x>>(64-partWidth)]
		s.sorted[*next] = x
		*next++
	}
	out, from := hashes[:0], 0
	for _, end := range begin { // where the next part began
		out = append(out, s.sort(hashes[from:end], s.sorted[from:end], partWidth)...)
		from = end
	}
	return out
}

// dropRepeats leaves out, in place, hashes that no other one with the same leading bits
// came after since they came last: most repeats of texts that repeat much. It looks at
// all of a text only where that finds enough.
func (s *sorter) dropRepeats(hashes []uint64) []uint64 {
	if s.seen == nil {
		s.seen = make([]uint64, 1<<seenWidth)
	}
	seen := (*[1 << seenWidth]uint64)(s.seen)
	clear(seen[:])
	seen[0] = 1 << 63 // no hash with those leading bits
	n := 0
	for at := 0; at < len(hashes); {
		before := n
		block := hashes[at:min(at+lookBlock, len(hashes))]
		for _, x := range block {
			last := &seen[x>>(64-seenWidth)]
			hashes[n] = x
			n += one(*last != x)
			*last = x
		}
		at += len(block)
		if 4*(n-before) > 3*len(block) {
			taken := copy(hashes[n:], hashes[at:min(at+lookAgain, len(hashes))])
			n, at = n+taken, at+taken
		}
	}
	return hashes[:n]
}

// sort returns the hashes of from in ascending order without repeats, in memory of to,
// as many, or of from. All have the same leading bits, skip of them.
func (s *sorter) sort(to, from []uint64, skip int) []uint64 {
	n := len(from)
	if n <= fewHashes || n > 1<<31 {
		slices.Sort(from)
		return slices.Compact(from)
	}
	width := bits.Len(uint(n - 1))
	if nearsort.Eights() {
		width -= 2
	}
	shift := 64 - width
	if len(s.begin) < 1<<width {
		s.begin = make([]uint32, 1<<width)
	}
	begin := s.begin[:1<<width]
	clear(begin)
	for _, x := range from {
		begin[x<<(skip&63)>>(shift&63)]++
	}
	s.crowded = s.crowded[:0]
	sum := uint32(0)
	for i, count := range begin {
		begin[i] = sum
		sum += count
		if count > nearsort.Reach+1 {
			s.crowded = append(s.crowded, uint32(i))
		}
	}
	for _, x := range from {
		next := &begin[x<<(skip&63)>>(shift&63)]
		to[*next] = x
		*next++
	}
	// Where shingles repeat, or chance would have it. By now, buckets begin where
	// the next one did.
	for _, i := range s.crowded {
		first := uint32(0)
		if i > 0 {
			first = begin[i-1]
		}
		slices.Sort(to[first:begin[i]])
	}
	return to[:nearsort.Distinct(to)]
}
