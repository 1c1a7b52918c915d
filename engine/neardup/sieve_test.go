package neardup

import (
	"math/rand/v2"
	"testing"
)

// TestSieve: what was added twice is found, whatever else was added, and most of
// what was not is not.
func TestSieve(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 7, 8, 9, 100, 1 << 12, 1<<12 + 1, 100_000} {
		single, double := make([]uint64, n), make([]uint64, n/10)
		s := NewSieve(n)
		for i := range single {
			single[i] = rng.Uint64()
			s.Add(single[i])
		}
		for i := range double {
			double[i] = rng.Uint64()
			s.Add(double[i])
		}
		for _, k := range double {
			s.Add(k)
		}
		found := 0
		for _, k := range single {
			if s.Repeats(k) {
				found++
			}
		}
		if n >= 100 && found > n/5 {
			t.Errorf("%d of %d single keys pass", found, n)
		}
		for _, k := range double {
			if !s.Repeats(k) {
				t.Fatalf("of %d: a key that was added twice is not found", n)
			}
		}
	}
}
