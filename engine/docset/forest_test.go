package docset

import (
	"math/rand/v2"
	"testing"
)

func TestForest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		n := 1 + rnd.IntN(60)
		f := NewForest(n)
		of := make([]int, n) // the least of each set, the slow way
		for i := range of {
			of[i] = i
		}
		for range rnd.IntN(80) {
			a, b := rnd.IntN(n), rnd.IntN(n)
			f.Unite(uint32(a), uint32(b))
			from, to := max(of[a], of[b]), min(of[a], of[b])
			for i := range of {
				if of[i] == from {
					of[i] = to
				}
			}
		}
		some, sizes, largest := NewBits(n), make([]int, n), 0
		for i, top := range of {
			if rnd.IntN(3) > 0 {
				some.Add(uint32(i))
				sizes[top]++
				largest = max(largest, sizes[top])
			}
		}
		if got := f.Largest(some); got != largest {
			t.Fatalf("the largest set has %d, want %d", got, largest)
		}
		for i, want := range of {
			if got := f.Find(uint32(i)); int(got) != want {
				t.Fatalf("%d is in the set of %d, want %d", i, got, want)
			}
		}
	}
}
