package nearsort

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// slow is Distinct by the library.
func slow(numbers []uint64) []uint64 {
	return slices.Compact(slices.Sorted(slices.Values(numbers)))
}

// forEach calls fn with every implementation that this machine has.
func forEach(fn func(implementation string)) {
	fn(implementation())
	restore := ForceGeneric()
	fn("forced generic")
	restore()
}

func check(t *testing.T, numbers []uint64) {
	t.Helper()
	want := slow(numbers)
	forEach(func(name string) {
		t.Helper()
		got := append(slices.Clone(numbers), 7)
		n := Distinct(got[:len(numbers):len(numbers)])
		if !slices.Equal(got[:n], want) || got[len(numbers)] != 7 {
			t.Fatalf("%s: Distinct(%x) = %x, want %x", name, numbers, got[:n], want)
		}
	})
}

// nearly returns n numbers, of that many values, of which none is more than
// Reach places behind its own.
func nearly(rng *rand.Rand, n int, value func() uint64) []uint64 {
	numbers := make([]uint64, n)
	for i := range numbers {
		numbers[i] = value()
	}
	slices.Sort(numbers)
	switch rng.IntN(3) {
	case 0: // as a distribution leaves them
		for i := 0; i < n; {
			size := min(1+rng.IntN(Reach+1), n-i)
			part := numbers[i : i+size]
			rng.Shuffle(size, func(a, b int) { part[a], part[b] = part[b], part[a] })
			i += size
		}
	case 1: // one far before its place, all between it and there one behind theirs
		if n > 0 {
			i, j := rng.IntN(n), rng.IntN(n)
			i, j = min(i, j), max(i, j)
			x := numbers[j]
			copy(numbers[i+1:], numbers[i:j])
			numbers[i] = x
		}
	default: // reversed in parts
		for i := 0; i < n; i += Reach + 1 {
			slices.Reverse(numbers[i:min(i+Reach+1, n)])
		}
	}
	return numbers
}

func TestEveryLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		for range 20 {
			check(t, nearly(rng, n, rng.Uint64))
			check(t, nearly(rng, n, func() uint64 { return rng.Uint64N(uint64(n/2 + 1)) }))
			check(t, nearly(rng, n, func() uint64 { return math.MaxUint64 - rng.Uint64N(3) }))
			check(t, nearly(rng, n, func() uint64 { return 1<<63 - 1 + rng.Uint64N(3) }))
		}
	}
}

// All orders of few numbers with repeats, so that every path through the network
// is taken.
func TestEveryOrder(t *testing.T) {
	numbers := make([]uint64, Reach+1)
	var fill func(i int)
	fill = func(i int) {
		if i == len(numbers) {
			check(t, numbers)
			return
		}
		for x := range uint64(3) {
			numbers[i] = x << 62
			fill(i + 1)
		}
	}
	fill(0)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		check(t, nearly(rng, Reach+1, rng.Uint64))
	}
}

// What exceeds the reach is the caller's fault, but must touch nothing else.
func TestAnyOrderStaysInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := 1; n < 100; n++ {
		numbers := make([]uint64, n+2)
		for i := range numbers {
			numbers[i] = rng.Uint64()
		}
		first, last := numbers[0], numbers[n+1]
		if got := Distinct(numbers[1 : n+1]); got < 1 || got > n {
			t.Fatalf("%d of %d numbers", got, n)
		}
		if numbers[0] != first || numbers[n+1] != last {
			t.Fatalf("numbers beside %d others changed", n)
		}
	}
}

func FuzzDistinct(f *testing.F) {
	f.Add([]byte("some numbers of eight bytes each"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var numbers []uint64
		for ; len(b) >= 8; b = b[8:] {
			numbers = append(numbers, binary.LittleEndian.Uint64(b))
		}
		slices.Sort(numbers)
		for i := 0; i < len(numbers); i += Reach + 1 {
			slices.Reverse(numbers[i:min(i+Reach+1, len(numbers))])
		}
		check(t, numbers)
	})
}

func BenchmarkDistinct(b *testing.B) {
	for _, n := range []int{40, 1500, 100_000} {
		rng := rand.New(rand.NewPCG(7, 8))
		numbers := make([]uint64, n)
		for i := range numbers {
			numbers[i] = rng.Uint64()
		}
		slices.Sort(numbers)
		for i := 0; i < n; i += 2 {
			part := numbers[i:min(i+3, n)]
			rng.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
		}
		work := make([]uint64, n)
		forEach(func(name string) {
			b.Run(fmt.Sprint(n, "/", name), func(b *testing.B) {
				for b.Loop() {
					copy(work, numbers)
					Distinct(work)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/number")
			})
		})
	}
}
