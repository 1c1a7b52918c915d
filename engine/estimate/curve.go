package estimate

import "math"

// Curve tells how a share grows with the corpus: the share of documents (or of
// bytes) with another one that has the same key, where the corpus has one block
// of the sample, half of the blocks, or all of them. The three are averages
// over all choices of so many blocks, computed, not drawn.
//
// Beyond the sample a document without a mate is taken to meet one in further
// blocks at a rate that differs between documents as a gamma distribution does,
// so that the share without one falls as
//
//	U(m) = U(1) · (1 + β(m−1))^−α
//
// with α and β from the three points; this is how numbers of unseen species are
// extrapolated (Fisher, Corbet and Williams 1943; Efron and Thisted 1976). Where
// the sample shows no difference between documents, as when duplicates come in
// pairs, the share itself grows evenly.
type Curve struct {
	Blocks int     `json:"blocks"`
	One    float64 `json:"one"`
	Half   float64 `json:"half"`
	All    float64 `json:"all"`
}

// Range is what is expected, and between which limits it may lie.
type Range struct {
	Low      float64 `json:"low"`
	Expected float64 `json:"expected"`
	High     float64 `json:"high"`
}

// At returns the share in a corpus of so many blocks, at least as many as the
// sample has. Low is that of the sample: a document that has a mate keeps it.
// High goes on as in the second half of the sample. More it cannot be: a document
// with k mates in the corpus has one in the part f of it with the probability
// 1 − (1−f)^k, which bends downwards for every k.
func (c Curve) At(blocks float64) Range {
	whole, half := float64(c.Blocks), float64(c.Blocks/2)
	if c.Blocks < 4 || blocks <= whole || c.All >= 1 {
		return Range{c.All, c.All, c.All}
	}
	one := math.Min(c.One, 1-1e-12)
	logs := func(s float64) float64 { return -math.Log(math.Max(1e-12, 1-s) / (1 - one)) }
	y1, y2 := logs(c.Half), logs(c.All)
	if y2 <= 0 {
		return Range{c.All, c.All, c.All}
	}
	high := math.Min(1, c.All+(c.All-c.Half)/(whole-half)*(blocks-whole))
	x1, x2 := half-1, whole-1
	if y1 <= 0 || y2/y1 >= 0.995*x2/x1 {
		return Range{c.All, high, high}
	}
	expected := 1 - (1-one)*math.Exp(-grow(y1, y2, x1, x2, blocks-1))
	return Range{c.All, math.Max(c.All, math.Min(high, expected)), high}
}

// grow returns α·ln(1+βx) of the α and β that give y1 at x1 and y2 at x2.
func grow(y1, y2, x1, x2, x float64) float64 {
	ratio := func(b float64) float64 { return math.Log1p(b*x2) / math.Log1p(b*x1) }
	low, high := 1e-9, 1e9
	if y2/y1 <= ratio(high) {
		return y2 // nobody is left to meet
	}
	for range 200 {
		if mid := math.Sqrt(low * high); ratio(mid) > y2/y1 {
			low = mid
		} else {
			high = mid
		}
	}
	return y2 * math.Log1p(low*x) / math.Log1p(low*x2)
}

// mates counts documents by where their mates are.
type mates struct {
	blocks int
	own    float64   // weight of those with a mate in their own block
	others []float64 // by the number of other blocks with a mate: weight of the rest
	total  float64
}

func newMates(blocks int) *mates { return &mates{blocks: blocks, others: make([]float64, blocks)} }

// add counts a document, which has mates in its own block or in so many others.
func (m *mates) add(weight float64, own bool, others int) {
	m.total += weight
	if own {
		m.own += weight
	} else {
		m.others[others] += weight
	}
}

// share is the average, over all choices of n blocks, of the share of their
// documents that have a mate among them.
func (m *mates) share(n int) float64 {
	if m.total == 0 {
		return 0
	}
	sum := m.own
	for t, weight := range m.others {
		// None of the n−1 blocks chosen beside its own is among its t.
		none := 1.0
		for i := range n - 1 {
			none *= math.Max(0, float64(m.blocks-1-t-i)) / float64(m.blocks-1-i)
		}
		sum += weight * (1 - none)
	}
	return math.Min(1, sum/m.total) // sums are rounded
}

// Families tells how the number of families grows: of documents that are kept, each with
// those that are dropped for it, or of contributors, each with their documents. A block of
// the corpus brings parts of families, and as many new families as parts whose family is in
// no block before. So their number is
//
//	F(n) = F(all) + parts · Σ U(m), over the blocks m beyond the sample
//
// where U(m) is the share of parts that are alone in m blocks, of which a Curve tells: the
// chance that the next one is of an unseen species (Good 1953). Of less than the sample it
// is taken to be a power, as the number of words in a text is (Heaps 1978).
type Families struct {
	Parts  Curve   `json:"parts"`  // share with another part of their family
	Block  float64 `json:"block"`  // parts of a block, on average
	Number float64 `json:"number"` // of families in the sample
}

// At returns the number of families in a corpus of so many blocks. Low and High are where
// parts are alone as rarely, and as often, as may be.
func (f Families) At(blocks float64) Range {
	from := float64(f.Parts.Blocks)
	sum := Range{f.Number, f.Number, f.Number}
	if blocks < from && f.Block > 0 {
		power := math.Log(math.Max(1, f.Number/f.Block)) / math.Log(math.Max(2, from))
		return sum.times(math.Pow(blocks/from, power))
	}
	if blocks <= from || from == 0 {
		return sum
	}
	// U falls ever more slowly: steps grow with the number of blocks.
	const steps = 100
	grow := math.Pow(blocks/from, 1.0/steps)
	for range steps {
		share := f.Parts.At(from * math.Sqrt(grow))
		parts := f.Block * from * (grow - 1)
		sum = sum.plus(Range{parts * (1 - share.High), parts * (1 - share.Expected), parts * (1 - share.Low)})
		from *= grow
	}
	return sum
}

// families counts families and their parts.
type families struct {
	parts  *mates
	number float64
}

// add counts a family, which has a part in so many blocks.
func (f *families) add(weight float64, blocks int) {
	f.number += weight
	f.parts.add(weight*float64(blocks), false, blocks-1)
}

func (f *families) curve() Families {
	return Families{Parts: f.parts.curve(), Block: f.parts.total / float64(f.parts.blocks), Number: f.number}
}

func (m *mates) curve() Curve {
	return Curve{Blocks: m.blocks, One: m.share(1), Half: m.share(max(1, m.blocks/2)), All: m.share(m.blocks)}
}
