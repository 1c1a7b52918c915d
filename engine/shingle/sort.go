package shingle

import (
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/kernels/nearsort"
)

// sorter sorts hashes. Because they are uniform, one distribution by the leading
// bits almost sorts them: into about as many buckets as hashes, or a quarter of
// that where nearsort makes little of the difference.
type sorter struct {
	sorted  []uint64
	begin   []uint32 // of each bucket
	crowded []uint32 // buckets of more hashes than nearsort takes in any order
}

// fewHashes is up to where the library sorts at least as fast.
const fewHashes = 32

// distinct returns the hashes in ascending order without repeats, valid until the
// next call. It may use their memory.
func (s *sorter) distinct(hashes []uint64) []uint64 {
	n := len(hashes)
	if n <= fewHashes || n > 1<<31 {
		slices.Sort(hashes)
		return slices.Compact(hashes)
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
	for _, x := range hashes {
		begin[x>>shift]++
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
	s.sorted = slices.Grow(s.sorted[:0], n)[:n]
	for _, x := range hashes {
		next := &begin[x>>shift]
		s.sorted[*next] = x
		*next++
	}
	// Where shingles repeat, or chance would have it. By now, buckets begin where
	// the next one did.
	for _, i := range s.crowded {
		from := uint32(0)
		if i > 0 {
			from = begin[i-1]
		}
		slices.Sort(s.sorted[from:begin[i]])
	}
	return s.sorted[:nearsort.Distinct(s.sorted)]
}
