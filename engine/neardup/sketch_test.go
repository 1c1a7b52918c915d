package neardup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
)

func randomShingles(random *rand.Rand, n int) []uint64 {
	s := make([]uint64, n)
	for i := range s {
		s[i] = random.Uint64()
	}
	return s
}

// bandsOnly is a rule without prefix keys.
func bandsOnly(bands, rows int) plan.NearDup { return plan.NearDup{Bands: bands, Rows: rows} }

// slowSlots is the definition of a signature, slot by slot.
func slowSlots(s *Sketcher, shingles []uint64) []uint64 {
	k := uint64(len(s.slots))
	slots := make([]uint64, k)
	for j := range k {
		var values, fallback []uint64
		for _, x := range shingles {
			if (x&math.MaxUint32)*k/(1<<32) == j {
				values = append(values, x>>32)
			}
			fallback = append(fallback, 1<<32+uint64(s.a[j]*uint32(x)+s.b[j]))
		}
		if values != nil {
			slots[j] = slices.Min(values)
		} else {
			slots[j] = slices.Min(fallback)
		}
	}
	return slots
}

func TestSketchIsItsDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, shape := range [][2]int{{16, 5}, {26, 5}, {72, 4}, {1, 1}, {3, 1}, {3, 7}, {1, 5}, {64, 5}} {
		s := NewSketcher(bandsOnly(shape[0], shape[1]), 99)
		for _, n := range []int{1, 2, 3, 5, 8, 31, 80, 81, 200, 1000, 5000} {
			shingles := randomShingles(random, n)
			keys := s.BandKeys(nil, shingles)
			if want := slowSlots(s, shingles); !slices.Equal(s.slots, want) {
				t.Fatalf("%v bands and rows, %d shingles: slots %x, want %x", shape, n, s.slots, want)
			}
			if len(keys) != shape[0] {
				t.Fatalf("%d keys, want %d", len(keys), shape[0])
			}
			// Neither order nor repeats matter, and keys are appended.
			again := append(slices.Clone(shingles), shingles[:(n+1)/2]...)
			random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
			if got := s.BandKeys([]uint64{7}, again); got[0] != 7 || !slices.Equal(got[1:], keys) {
				t.Fatalf("%v bands and rows, %d shingles: keys depend on order or repeats", shape, n)
			}
		}
	}
}

func TestBandKeysOfNothing(t *testing.T) {
	if got := NewSketcher(bandsOnly(16, 5), 0).BandKeys([]uint64{1}, nil); len(got) != 1 {
		t.Errorf("%d keys of no shingles", len(got)-1)
	}
}

// Stored band keys depend on these numbers: they never change.
func TestBandKeysGolden(t *testing.T) {
	shingles := []uint64{0, 1, math.MaxUint64, 0x0123456789abcdef, 0xfedcba9876543210}
	rule := plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 4, Rows: 2}
	for _, c := range []struct {
		prefixUpTo int
		want       string
	}{
		{0, "[b2439572a84a60a0 7a0c29e85c0fad95 73821b44e95818d1 9a1beb7f53318eeb]"},
		{8, "[4e48c95f86436aca c96b490be604dc09]"},
		{4, "[4e48c95f86436aca c96b490be604dc09 b2439572a84a60a0 7a0c29e85c0fad95 73821b44e95818d1 9a1beb7f53318eeb]"},
	} {
		rule.PrefixUpTo = c.prefixUpTo
		if got := fmt.Sprintf("%016x", NewSketcher(rule, 5).BandKeys(nil, shingles)); got != c.want {
			t.Errorf("keys up to %d shingles %s, want %s", c.prefixUpTo, got, c.want)
		}
	}
}

// One slot changes one key and no other; the same slots in another band, in
// another order or with another seed give another key.
func TestBandKeysSeparate(t *testing.T) {
	const bands, rows = 8, 5
	s := NewSketcher(bandsOnly(bands, rows), 3)
	for i := range s.slots {
		s.slots[i] = uint64(i % rows)
	}
	keys := s.appendKeys(nil)
	other := NewSketcher(bandsOnly(bands, rows), 4)
	copy(other.slots, s.slots)
	seen := map[uint64]bool{}
	for _, key := range slices.Concat(keys, other.appendKeys(nil)) {
		seen[key] = true
	}
	if len(seen) != 2*bands {
		t.Errorf("%d distinct keys of %d bands and two seeds", len(seen), bands)
	}
	for i := range s.slots {
		for _, bit := range []int{0, 17, 31, 63} {
			s.slots[i] ^= 1 << bit
			if changed := s.appendKeys(nil); equalSlots(changed, keys) != bands-1 || changed[i/rows] == keys[i/rows] {
				t.Errorf("bit %d of slot %d: keys %x, before %x", bit, i, changed, keys)
			}
			s.slots[i] ^= 1 << bit
		}
	}
	s.slots[0], s.slots[1] = s.slots[1], s.slots[0]
	if s.appendKeys(nil)[0] == keys[0] {
		t.Error("the order of slots does not matter")
	}
}

// pairWith returns two sets of n elements whose Jaccard is next to j, and what
// it is.
func pairWith(random *rand.Rand, n int, j float64) (a, b []uint64, jaccard float64) {
	common := int(math.Round(2 * float64(n) * j / (1 + j)))
	a = randomShingles(random, n)
	b = append(slices.Clone(a[:common]), randomShingles(random, n-common)...)
	return a, b, float64(common) / float64(2*n-common)
}

// classicMinHash is MinHash as in the books, slow: a hash function per slot.
type classicMinHash [][2]uint64

func newClassicMinHash(random *rand.Rand, k int) classicMinHash {
	c := make(classicMinHash, k)
	for i := range c {
		c[i] = [2]uint64{random.Uint64() | 1, random.Uint64()}
	}
	return c
}

func (c classicMinHash) slots(set []uint64) []uint64 {
	slots := make([]uint64, len(c))
	for i, f := range c {
		slots[i] = math.MaxUint64
		for _, x := range set {
			slots[i] = min(slots[i], f[0]*x+f[1])
		}
	}
	return slots
}

func equalSlots(a, b []uint64) (n int) {
	for i := range a {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

// The share of equal slots, over many pairs: its mean is the Jaccard, whatever
// the size of the sets; its variance is at most that of classic MinHash; and
// bands of r rows are equal as often as slots that know nothing of each other.
func TestEstimator(t *testing.T) {
	const bands, rows, k = 16, 5, 80
	random := rand.New(rand.NewPCG(2, 2))
	s := NewSketcher(bandsOnly(bands, rows), 17)
	classic := newClassicMinHash(random, k)
	for _, n := range []int{4, 20, 80, 400, 3000} {
		for _, j := range []float64{0.3, 0.6, 0.8, 0.95} {
			trials := 1000
			if n > 1000 {
				trials = 100
			}
			var sum, squares, classicSquares, bandsEqual, jaccard float64
			for range trials {
				var a, b []uint64
				a, b, jaccard = pairWith(random, n, j)
				keysA := s.BandKeys(nil, a)
				slotsA := slices.Clone(s.slots)
				keysB := s.BandKeys(nil, b)
				bandsEqual += float64(equalSlots(keysA, keysB))
				share := float64(equalSlots(slotsA, s.slots)) / k
				sum += share
				squares += (share - jaccard) * (share - jaccard)
				share = float64(equalSlots(classic.slots(a), classic.slots(b))) / k
				classicSquares += (share - jaccard) * (share - jaccard)
			}
			count := float64(trials)
			theory := jaccard * (1 - jaccard) / k
			mean, variance, classicVariance := sum/count, squares/count, classicSquares/count
			bandShare, bandTheory := bandsEqual/count/bands, math.Pow(jaccard, rows)
			t.Logf("n %4d, J %.3f: mean %.4f, variance %.2f of classic in theory (classic itself %.2f), bands equal %.4f, J^%d %.4f",
				n, jaccard, mean, variance/theory, classicVariance/theory, bandShare, rows, bandTheory)
			if five := 5 * math.Sqrt(theory/count); math.Abs(mean-jaccard) > five {
				t.Errorf("n %d, J %.4f: mean %.4f, off by more than %.4f", n, jaccard, mean, five)
			}
			// A sample variance of so many trials strays by √(2/count).
			if bound := 1 + 6*math.Sqrt(2/count); variance/theory > bound {
				t.Errorf("n %d, J %.4f: variance %.2f of classic MinHash's, above %.2f", n, jaccard, variance/theory, bound)
			}
			// Bands of one pair are not independent for small sets: the bound
			// allows for the 16 of a pair being as one.
			if bound := 5 * math.Sqrt(bandTheory*(1-bandTheory)/count); math.Abs(bandShare-bandTheory) > bound+0.01 {
				t.Errorf("n %d, J %.4f: bands equal %.4f, want %.4f ± %.4f", n, jaccard, bandShare, bandTheory, bound)
			}
		}
	}
}

// Sets of different sizes, one inside of the other, one empty in many bins that
// the other fills: every single slot still matches with probability J.
func TestEverySlotMatchesWithJaccard(t *testing.T) {
	const trials = 4000
	random := rand.New(rand.NewPCG(3, 3))
	s := NewSketcher(bandsOnly(8, 2), 23)
	for _, c := range []struct{ small, large int }{{1, 2}, {10, 30}, {6, 100}} {
		jaccard := float64(c.small) / float64(c.large)
		equal := make([]float64, len(s.slots))
		for range trials {
			large := randomShingles(random, c.large)
			s.sketch(large)
			slots := slices.Clone(s.slots)
			s.sketch(large[:c.small])
			for i := range equal {
				if slots[i] == s.slots[i] {
					equal[i]++
				}
			}
		}
		bound := 5 * math.Sqrt(jaccard*(1-jaccard)/trials)
		for i, n := range equal {
			if got := n / trials; math.Abs(got-jaccard) > bound {
				t.Errorf("%d of %d: slot %d is equal in %.4f, want %.4f ± %.4f", c.small, c.large, i, got, jaccard, bound)
			}
		}
	}
}

func TestBandKeysDoNotAllocate(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	s := NewSketcher(bandsOnly(26, 5), 1)
	keys := make([]uint64, 0, 26)
	for _, n := range []int{1, 50, 1000} {
		shingles := randomShingles(random, n)
		if got := testing.AllocsPerRun(20, func() { keys = s.BandKeys(keys[:0], shingles) }); got != 0 {
			t.Errorf("%v allocations for %d shingles", got, n)
		}
	}
}

// BenchmarkBandKeys is by set size; bytes are those of the shingle hashes.
func BenchmarkBandKeys(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{1, 5, 30, 130, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := NewSketcher(bandsOnly(26, 5), 1)
			shingles := randomShingles(random, n)
			var keys []uint64
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				keys = s.BandKeys(keys[:0], shingles)
			}
			if !slices.Equal(s.slots, slowSlots(s, shingles)) {
				b.Error("wrong slots")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/shingle")
		})
	}
}
