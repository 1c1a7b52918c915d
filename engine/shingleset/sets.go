package shingleset

import "math"

// Sets gives the shingle sets of documents, which are numbered from 0. It is safe for concurrent
// use. A document whose set was never stored has the empty set, which is
// nobody's duplicate.
type Sets interface {
	// Size returns the number of shingles.
	Size(d uint32) int
	// Parity returns the parity bitmap of the set; not to be changed.
	Parity(d uint32) []uint64
	// Load returns the set, ascending, not to be changed. It may be in the buffer,
	// which is the caller's and may grow.
	Load(d uint32, buffer *[]uint64) ([]uint64, error)
	// Overlap returns how many shingles two sets have in common, if that is known
	// without them.
	Overlap(a, b uint32) (overlap int, ok bool)
}

// MaxSize bounds a set so that the products of sizes in a proof stay within
// 64 bits. Such a set needs a text of more than 4 GB.
const MaxSize = math.MaxInt32
