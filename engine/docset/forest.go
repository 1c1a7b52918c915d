package docset

// Forest finds out what hangs together: of numbers in disjoint sets each leads to the
// least of its set.
type Forest []uint32

// NewForest begins with n sets of one.
func NewForest(n int) Forest {
	f := make(Forest, n)
	f.Reset()
	return f
}

// Reset makes all numbers sets of one again.
func (f Forest) Reset() {
	for i := range f {
		f[i] = uint32(i)
	}
}

// Find returns the least number of a set. It halves paths (Tarjan and van Leeuwen
// 1984).
func (f Forest) Find(n uint32) uint32 {
	for f[n] != n {
		f[n] = f[f[n]]
		n = f[n]
	}
	return n
}

// Unite makes the sets of two numbers one.
func (f Forest) Unite(a, b uint32) {
	a, b = f.Find(a), f.Find(b)
	f[max(a, b)] = min(a, b)
}

// Largest returns how many of the numbers in some are in one set at most.
func (f Forest) Largest(some Bits) int {
	sizes := make([]uint32, len(f))
	largest := uint32(0)
	for n := range f {
		if n := uint32(n); some.Has(n) {
			top := f.Find(n)
			sizes[top]++
			largest = max(largest, sizes[top])
		}
	}
	return int(largest)
}
