package neardup

import "math/bits"

// Sieve finds most of the keys that only one record has, before any record is
// sorted or even stored: in most corpora nearly all. It takes 2 to 4 bytes for
// each key.
//
// It is two sets of bits. A key's low bits name its bit, which is set in the
// first set when the key is added, and in the second when it was set already. A
// key that was added twice is always found; of single ones one in eight to
// sixteen is found too, because another has its bit.
type Sieve struct {
	once, twice []uint64
	mask        uint64 // of the number of bits
}

// bitsPerKey is the least number of bits of each set for a key.
const bitsPerKey = 8

// NewSieve returns a sieve for about n keys.
func NewSieve(n int) *Sieve {
	size := uint64(1) << bits.Len64(uint64(max(n, 64/bitsPerKey))*bitsPerKey-1)
	return &Sieve{make([]uint64, size/64), make([]uint64, size/64), size - 1}
}

// Add adds a key, whose low bits are to be as good as random.
func (s *Sieve) Add(key uint64) {
	word, bit := key&s.mask/64, uint64(1)<<(key%64)
	s.twice[word] |= s.once[word] & bit
	s.once[word] |= bit
}

// Repeats reports whether the key may have been added twice. It does so for every
// key that was.
func (s *Sieve) Repeats(key uint64) bool {
	return s.twice[key&s.mask/64]&(1<<(key%64)) != 0
}
