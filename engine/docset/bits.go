package docset

import "math/bits"

// Bits is a set of numbers below a bound.
type Bits []uint64

// NewBits returns an empty set of numbers below n.
func NewBits(n int) Bits { return make(Bits, (n+63)/64) }

// Add puts n, which is below the bound, into the set.
func (b Bits) Add(n uint32) { b[n/64] |= 1 << (n % 64) }

// Has reports whether n, which is below the bound, is in the set.
func (b Bits) Has(n uint32) bool { return b[n/64]&(1<<(n%64)) != 0 }

// Ranked is a set that knows how many members come before a number.
type Ranked struct {
	Bits
	before []uint32
}

// Rank numbers the members in their order and returns how many there are. The set must
// not change any more.
func (b Bits) Rank() (r Ranked, count int) {
	r = Ranked{b, make([]uint32, len(b))}
	for i, w := range b {
		r.before[i] = uint32(count)
		count += bits.OnesCount64(w)
	}
	return r, count
}

// Of returns the number of a member among the members.
func (r Ranked) Of(n uint32) uint32 {
	return r.before[n/64] + uint32(bits.OnesCount64(r.Bits[n/64]&(1<<(n%64)-1)))
}
