package shingle

import (
	"math/bits"
	"slices"
)

// sorter sorts hashes. Because they are uniform, one distribution by the
// leading bits into as many buckets as there are hashes almost sorts them.
type sorter struct {
	sorted []uint64
	begin  []uint32 // of each bucket, then its end
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
	width := bits.Len(uint(n - 1))
	shift := 64 - width
	if len(s.begin) < 1<<width+1 {
		s.begin = make([]uint32, 1<<width+1)
	}
	begin := s.begin[:1<<width+1]
	clear(begin)
	for _, x := range hashes {
		begin[x>>shift+1]++
	}
	sum := uint32(0)
	for i, count := range begin {
		sum += count
		begin[i] = sum
	}
	s.sorted = slices.Grow(s.sorted[:0], n)[:n]
	for _, x := range hashes {
		b := x >> shift
		s.sorted[begin[b]] = x
		begin[b]++
	}
	// Each bucket now begins where the one before it ends: begin[b-1].
	first := uint32(0)
	for _, end := range begin[:1<<width] {
		if bucket := s.sorted[first:end]; len(bucket) > 1 {
			sortBucket(bucket)
		}
		first = end
	}
	return s.sorted
}

// sortBucket sorts a bucket, which is short unless shingles repeat.
func sortBucket(b []uint64) {
	if len(b) > fewHashes {
		slices.Sort(b)
		return
	}
	for i := 1; i < len(b); i++ {
		x := b[i]
		j := i
		for ; j > 0 && b[j-1] > x; j-- {
			b[j] = b[j-1]
		}
		b[j] = x
	}
}
