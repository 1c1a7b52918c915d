package neardup

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
)

var tinyThresholds = []string{"0.3", "0.5", "0.6", "0.7", "0.8", "0.85", "0.95", "1", "0.333333333"}

func tinyRule(t *testing.T, threshold string, upTo int) plan.NearDup {
	t.Helper()
	num, den, err := ParseThreshold(threshold)
	if err != nil {
		t.Fatal(err)
	}
	return plan.NearDup{ThresholdNum: num, ThresholdDen: den, Bands: 2, Rows: 5, PrefixUpTo: upTo}
}

// slowPrefixKeys is the definition of prefix keys.
func slowPrefixKeys(s *Sketcher, rule plan.NearDup, shingles []uint64) []uint64 {
	distinct := map[uint64]bool{}
	for _, x := range shingles {
		distinct[x] = true
	}
	n := int64(len(distinct))
	if n*rule.ThresholdNum > int64(rule.PrefixUpTo)*rule.ThresholdDen {
		return nil
	}
	needed := int64(0)
	for needed*rule.ThresholdDen < n*rule.ThresholdNum {
		needed++
	}
	var keys []uint64
	for _, x := range slices.Sorted(maps.Keys(distinct))[:n-needed+1] {
		h := (s.bandInit[rule.Bands] ^ x) * s.rowOdd[0]
		keys = append(keys, h^h>>32)
	}
	return keys
}

// Tiny documents have prefix keys alone, those of a few more shingles both
// kinds, all others band keys alone, whatever repeats.
func TestKeysOfFewShingles(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	for _, threshold := range tinyThresholds {
		for _, upTo := range []int{1, 3, 8, 16} {
			rule := tinyRule(t, threshold, upTo)
			s := NewSketcher(rule, 9)
			for n := 1; n < 70; n++ {
				shingles := randomShingles(random, n)
				want := slowPrefixKeys(s, rule, shingles)
				if n > upTo {
					s.sketch(shingles)
					want = s.appendKeys(want)
				}
				for range 3 {
					if got := s.BandKeys([]uint64{7}, shingles); got[0] != 7 || !slices.Equal(got[1:], want) {
						t.Fatalf("%s, up to %d: keys of %d shingles %x, want %x", threshold, upTo, n, got[1:], want)
					}
					shingles = append(shingles, shingles[random.IntN(len(shingles))])
					random.Shuffle(len(shingles), func(i, j int) { shingles[i], shingles[j] = shingles[j], shingles[i] })
				}
			}
			if got := s.BandKeys(nil, slices.Repeat(randomShingles(random, 1), 5000)); len(got) != 1 {
				t.Errorf("%s, up to %d: %d keys of one shingle, repeated", threshold, upTo, len(got))
			}
		}
	}
}

// Every pair that reaches the threshold shares a key if one of the two is tiny,
// and none that has nothing in common does: all sizes and overlaps.
func TestTinyPairsAreFound(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for _, threshold := range tinyThresholds {
		rule := tinyRule(t, threshold, PrefixUpTo)
		s := NewSketcher(rule, 10)
		pairs, shared := 0, 0
		for small := 1; small <= PrefixUpTo; small++ {
			for large := small; large <= 40; large++ {
				for overlap := 0; overlap <= small; overlap++ {
					reaches := int64(overlap)*rule.ThresholdDen >= rule.ThresholdNum*int64(small+large-overlap)
					for range 5 {
						common := randomShingles(random, overlap)
						a := append(randomShingles(random, small-overlap), common...)
						b := append(randomShingles(random, large-overlap), common...)
						share := haveCommon(s.BandKeys(nil, a), s.BandKeys(nil, b))
						if reaches && !share {
							t.Fatalf("%s: %d and %d shingles, %d in common: no shared key", threshold, small, large, overlap)
						}
						if overlap == 0 && share {
							t.Fatalf("%s: %d and %d shingles, none in common: a shared key", threshold, small, large)
						}
						if reaches {
							pairs++
						} else if share {
							shared++
						}
					}
				}
			}
		}
		t.Logf("%s: %d pairs found, %d below the threshold share a key", threshold, pairs, shared)
	}
}

func haveCommon(a, b []uint64) bool {
	return slices.ContainsFunc(a, func(k uint64) bool { return slices.Contains(b, k) })
}

// Recall by length, beside that of bands of classic MinHash: at the threshold
// at least what the plan promises, 1 where documents are tiny.
func TestRecallByLength(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	num, den, err := ParseThreshold("0.8")
	if err != nil {
		t.Fatal(err)
	}
	bands, rows, err := Bands(num, den, 0.99)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSketcher(plan.NearDup{ThresholdNum: num, ThresholdDen: den, Bands: bands, Rows: rows, PrefixUpTo: PrefixUpTo}, 11)
	classic := newClassicMinHash(random, bands*rows)
	for _, n := range []int{5, 8, 9, 10, 12, 18, 36, 90, 180, 450, 900} {
		trials := 1500
		if n > 100 {
			trials = 200
		}
		found, classicFound := 0, 0
		var jaccard, theory float64
		for range trials {
			var a, b []uint64
			a, b, jaccard = pairWith(random, n, 0.8)
			theory = sharesBucket(jaccard, bands, rows)
			if haveCommon(s.BandKeys(nil, a), s.BandKeys(nil, b)) {
				found++
			}
			x, y := classic.slots(a), classic.slots(b)
			for i := 0; i < len(x); i += rows {
				if slices.Equal(x[i:i+rows], y[i:i+rows]) {
					classicFound++
					break
				}
			}
		}
		recall, classicRecall := float64(found)/float64(trials), float64(classicFound)/float64(trials)
		t.Logf("%3d shingles, J %.3f: recall %.4f, classic MinHash %.4f, in theory %.4f", n, jaccard, recall, classicRecall, theory)
		if n <= PrefixUpTo && jaccard >= 0.8 && recall < 1 {
			t.Errorf("%d shingles: recall %.4f of tiny documents", n, recall)
		}
		// Signatures of few shingles are clumped: their slots depend on each
		// other, classic ones more.
		if recall < theory-0.01 || recall < classicRecall-0.01 {
			t.Errorf("%d shingles: recall %.4f, in theory %.4f, classic MinHash %.4f", n, recall, theory, classicRecall)
		}
	}
}

func BenchmarkKeysOfFewShingles(b *testing.B) {
	random := rand.New(rand.NewPCG(9, 9))
	for _, n := range []int{1, 4, 8, 10, 16, 32} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := NewSketcher(plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 16, Rows: 5, PrefixUpTo: PrefixUpTo}, 1)
			shingles := randomShingles(random, n)
			var keys []uint64
			for b.Loop() {
				keys = s.BandKeys(keys[:0], shingles)
			}
		})
	}
}
