package resolve

import "math/bits"

// bitset is a set of numbers below a bound.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(n uint32)      { b[n/64] |= 1 << (n % 64) }
func (b bitset) has(n uint32) bool { return b[n/64]&(1<<(n%64)) != 0 }

// forest finds out what hangs together: of numbers in disjoint sets each leads to the
// least of its set.
type forest []uint32

// newForest begins with sets of one.
func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = uint32(i)
	}
	return f
}

// find returns the least number of a set. It halves paths (Tarjan and van Leeuwen
// 1984).
func (f forest) find(n uint32) uint32 {
	for f[n] != n {
		f[n] = f[f[n]]
		n = f[n]
	}
	return n
}

// unite makes two sets one.
func (f forest) unite(a, b uint32) {
	a, b = f.find(a), f.find(b)
	f[max(a, b)] = min(a, b)
}

// ranked is a bitset that knows how many members come before a number.
type ranked struct {
	bitset
	before []uint32
}

// rank numbers the members.
func (b bitset) rank() (r ranked, count int) {
	r = ranked{b, make([]uint32, len(b))}
	for i, w := range b {
		r.before[i] = uint32(count)
		count += bits.OnesCount64(w)
	}
	return r, count
}

// of returns the number of a member among the members.
func (r ranked) of(n uint32) uint32 {
	return r.before[n/64] + uint32(bits.OnesCount64(r.bitset[n/64]&(1<<(n%64)-1)))
}
