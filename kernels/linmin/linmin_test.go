package linmin

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// slow is the doc comment of Min, function by function.
func slow(a, b []uint32, xs []uint64) []uint32 {
	least := make([]uint32, len(a))
	for i := range least {
		least[i] = math.MaxUint32
		for _, x := range xs {
			least[i] = min(least[i], uint32(uint64(a[i])*(x&math.MaxUint32)+uint64(b[i])))
		}
	}
	return least
}

func check(t *testing.T, a, b []uint32, xs []uint64) {
	t.Helper()
	want := slow(a, b, xs)
	compare := func(name string) {
		t.Helper()
		got := make([]uint32, len(a)+1)
		got[len(a)] = 7
		Min(got[:len(a)], a, b, xs)
		if !slices.Equal(got[:len(a)], want) || got[len(a)] != 7 {
			t.Fatalf("%s: %d functions, %d values: %x, want %x", name, len(a), len(xs), got, want)
		}
	}
	compare(implementation())
	restore := ForceGeneric()
	defer restore()
	compare("forced generic")
}

func random(seed uint64, functions, values int) (a, b []uint32, xs []uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range functions {
		a, b = append(a, r.Uint32()), append(b, r.Uint32())
	}
	for range values {
		xs = append(xs, r.Uint64())
	}
	return a, b, xs
}

func TestEveryNumberOfFunctionsAndValues(t *testing.T) {
	for n := 0; n <= 12*Lanes; n += Lanes {
		for values := range 70 {
			a, b, xs := random(uint64(n*100+values), n, values)
			check(t, a, b, xs)
		}
	}
}

// Values at the ends of what 32 bits hold, where a signed minimum would differ.
func TestExtremes(t *testing.T) {
	ends := []uint32{0, 1, 2, 1<<31 - 1, 1 << 31, 1<<31 + 1, math.MaxUint32 - 1, math.MaxUint32}
	for _, factor := range ends {
		for _, x := range ends {
			a := slices.Repeat([]uint32{factor}, Lanes)
			check(t, a, ends, []uint64{uint64(x)})
			check(t, a, ends, []uint64{uint64(x) | 0xdeadbeef<<32, 3})
		}
	}
}

func TestMinRefusesOddNumbers(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("nine functions are not refused")
		}
	}()
	Min(make([]uint32, Lanes+1), make([]uint32, Lanes+1), make([]uint32, Lanes+1), nil)
}

func FuzzMin(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(9))
	f.Fuzz(func(t *testing.T, seed uint64, eights, values uint8) {
		a, b, xs := random(seed, int(eights%16)*Lanes, int(values))
		check(t, a, b, xs)
	})
}

func BenchmarkMin(b *testing.B) {
	for _, shape := range [][2]int{{80, 10}, {80, 40}, {8, 300}} {
		factors, summands, xs := random(1, shape[0], shape[1])
		least := make([]uint32, shape[0])
		run := func(b *testing.B) {
			for b.Loop() {
				Min(least, factors, summands, xs)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(shape[0]*shape[1]), "ns/product")
			if !slices.Equal(least, slow(factors, summands, xs)) {
				b.Error("wrong minima")
			}
		}
		b.Run(fmt.Sprintf("%dx%d/%s", shape[0], shape[1], implementation()), run)
		restore := ForceGeneric()
		b.Run(fmt.Sprintf("%dx%d/forced-generic", shape[0], shape[1]), run)
		restore()
	}
}
