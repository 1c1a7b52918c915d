package estimate

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestShareIsTheAverage compares mates.share with the average over all choices
// of blocks, one by one.
func TestShareIsTheAverage(t *testing.T) {
	const blocks = 7
	r := rand.New(rand.NewPCG(1, 2))
	type document struct {
		block  int
		own    bool
		others uint64
	}
	var docs []document
	m := newMates(blocks)
	for range 60 {
		d := document{r.IntN(blocks), r.IntN(4) == 0, 0}
		if r.IntN(2) == 0 {
			d.others = r.Uint64N(1<<blocks) &^ (1 << d.block)
		}
		docs = append(docs, d)
		m.add(1, d.own, bits.OnesCount64(d.others))
	}
	for n := 1; n <= blocks; n++ {
		with, all := 0.0, 0.0
		for chosen := range uint64(1) << blocks {
			if bits.OnesCount64(chosen) != n {
				continue
			}
			for _, d := range docs {
				if chosen>>d.block&1 == 1 {
					all++
					if d.own || d.others&chosen != 0 {
						with++
					}
				}
			}
		}
		if got, want := m.share(n), with/all; math.Abs(got-want) > 1e-9 {
			t.Errorf("share(%d) = %v, the average is %v", n, got, want)
		}
	}
}

// TestCurveOfKnownCorpora extrapolates from samples of corpora whose groups are
// known: pairs, and groups of very different sizes.
func TestCurveOfKnownCorpora(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, size := range map[string]func() int{
		"pairs":  func() int { return 2 },
		"alone":  func() int { return 1 },
		"mixed":  func() int { return 1 + int(r.ExpFloat64()*3) },
		"skewed": func() int { return 1 + int(math.Pow(1/(1-r.Float64()), 0.8)) },
	} {
		const documents, whole, blocks = 50_000, 256, 32
		group := make([]int, documents)
		for at, g := 0, 0; at < documents; g++ {
			for range min(size(), documents-at) {
				group[at] = g
				at++
			}
		}
		r.Shuffle(documents, func(i, j int) { group[i], group[j] = group[j], group[i] })
		share := func(n int) (Curve, float64) { // of the first n of all blocks
			in := map[int]map[int]int{}
			of := func(i int) int { return i * whole / documents }
			last := documents * n / whole
			for i := range last {
				if in[group[i]] == nil {
					in[group[i]] = map[int]int{}
				}
				in[group[i]][of(i)]++
			}
			m, with := newMates(n), 0.0
			for i := range last {
				g := in[group[i]]
				m.add(1, g[of(i)] > 1, len(g)-1)
				if len(g) > 1 || g[of(i)] > 1 {
					with++
				}
			}
			return m.curve(), with / float64(last)
		}
		curve, sampled := share(blocks)
		_, want := share(whole)
		got := curve.At(whole)
		t.Logf("%s: %.3f in an eighth, %.3f in all, expected %.3f, %.3f to %.3f", name, sampled, want, got.Expected, got.Low, got.High)
		if want < got.Low || want > 1.1*got.High {
			t.Errorf("%s: %v is not between %v and %v", name, want, got.Low, got.High)
		}
		if math.Abs(got.Expected-want) > 0.2*want+0.01 {
			t.Errorf("%s: expected %v, it is %v", name, got.Expected, want)
		}
	}
}

func TestCurveEnds(t *testing.T) {
	for _, c := range []struct {
		curve  Curve
		blocks float64
		want   Range
	}{
		{Curve{32, 0, 0, 0}, 1000, Range{}},
		{Curve{32, 0.2, 0.3, 0.4}, 32, Range{0.4, 0.4, 0.4}},
		{Curve{32, 0.4, 0.4, 0.4}, 1e9, Range{0.4, 0.4, 0.4}},
		{Curve{32, 1, 1, 1}, 1e9, Range{1, 1, 1}},
	} {
		if got := c.curve.At(c.blocks); got != c.want {
			t.Errorf("%+v at %v: %+v, want %+v", c.curve, c.blocks, got, c.want)
		}
	}
	for blocks := 32.0; blocks < 1e12; blocks *= 3 {
		r := Curve{32, 0.1, 0.15, 0.18}.At(blocks)
		if !(r.Low <= r.Expected && r.Expected <= r.High && r.High <= 1) {
			t.Errorf("at %v: %+v", blocks, r)
		}
	}
}

// TestFamiliesOfKnownCorpora: as many families as there are, from an eighth of the blocks.
func TestFamiliesOfKnownCorpora(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for name, size := range map[string]func() int{
		"pairs":  func() int { return 2 },
		"alone":  func() int { return 1 },
		"mixed":  func() int { return 1 + int(r.ExpFloat64()*3) },
		"pages":  func() int { return 1 + int(r.ExpFloat64()*40) },
		"skewed": func() int { return 1 + int(math.Pow(1/(1-r.Float64()), 0.8)) },
	} {
		const documents, whole, blocks = 50_000, 256, 32
		sampled, all := map[int]uint64{}, 0 // families: blocks of the sample
		for at := 0; at < documents; all++ {
			for range min(size(), documents-at) {
				if b := r.IntN(whole); b < blocks {
					sampled[all] |= 1 << b
				}
				at++
			}
		}
		f := families{parts: newMates(blocks)}
		for _, in := range sampled {
			f.add(1, bits.OnesCount64(in))
		}
		got, want := f.curve().At(whole), float64(all)
		t.Logf("%s: %d families in an eighth, %v in all, expected %.0f, %.0f to %.0f", name, len(sampled), want, got.Expected, got.Low, got.High)
		if want < 0.98*got.Low || want > 1.02*got.High {
			t.Errorf("%s: %v is not between %v and %v", name, want, got.Low, got.High)
		}
		if name != "skewed" && math.Abs(got.Expected-want) > 0.1*want { // a few families have most of that
			t.Errorf("%s: expected %v, it is %v", name, got.Expected, want)
		}
		if same := f.curve().At(blocks); same.Expected != float64(len(sampled)) {
			t.Errorf("%s: %v in the sample, it has %d", name, same, len(sampled))
		}
	}
}

// TestFamiliesInOrder: whatever a sample shows, figures are numbers, in their order, and none
// of a larger corpus is less than the sample has.
func TestFamiliesInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		n := 1 + r.IntN(32)
		all := families{parts: newMates(n)}
		for range r.IntN(6) {
			all.add(math.Exp(20*r.Float64()-3), 1+r.IntN(n))
		}
		f := all.curve()
		for _, blocks := range []float64{0, 1e-9, 0.5, 1, float64(n), 1.001 * float64(n), 10 * float64(n), 1e12, 1e18} {
			least := 0.0
			if blocks >= float64(n) {
				least = f.Number * (1 - 1e-9)
			}
			got := f.At(blocks)
			if !(least <= got.Low && got.Low <= got.Expected*(1+1e-9) && got.Expected <= got.High*(1+1e-9)) || math.IsInf(got.High, 0) {
				t.Fatalf("%+v in %g blocks: %+v", f, blocks, got)
			}
		}
	}
}
