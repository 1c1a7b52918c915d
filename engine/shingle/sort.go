package shingle

import (
	"math/bits"
	"slices"
)

// sorter sorts hashes. Because they are uniform, one distribution by the leading
// bits into about three buckets a hash almost sorts them.
type sorter struct {
	sorted []uint64
	begin  []uint32 // of each bucket
}

// fewHashes is up to where the library sorts at least as fast.
const fewHashes = 32

// sort returns the hashes in ascending order, valid until the next call. It may
// use their memory.
func (s *sorter) sort(hashes []uint64) []uint64 {
	n := len(hashes)
	if n <= fewHashes || n > 1<<31 {
		slices.Sort(hashes)
		return hashes
	}
	width := bits.Len(uint(n-1)) + 1
	shift := 64 - width
	if len(s.begin) < 1<<width {
		s.begin = make([]uint32, 1<<width)
	}
	begin := s.begin[:1<<width]
	clear(begin)
	for _, x := range hashes {
		begin[x>>shift]++
	}
	sum := uint32(0)
	for i, count := range begin {
		begin[i] = sum
		sum += count
	}
	s.sorted = slices.Grow(s.sorted[:0], n)[:n]
	for _, x := range hashes {
		next := &begin[x>>shift]
		s.sorted[*next] = x
		*next++
	}
	insertionSort(s.sorted)
	return s.sorted
}

// insertionSort sorts hashes that are almost in order: a few steps for each,
// unless shingles repeat.
func insertionSort(hashes []uint64) {
	for i := 1; i < len(hashes); i++ {
		x := hashes[i]
		if hashes[i-1] <= x {
			continue
		}
		j := i
		for ; j > 0 && hashes[j-1] > x; j-- {
			hashes[j] = hashes[j-1]
		}
		hashes[j] = x
		if i-j > fewHashes {
			slices.Sort(hashes)
			return
		}
	}
}
