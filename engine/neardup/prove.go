package neardup

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/shingleset"
)

// ratio is a Jaccard score or threshold, the exact fraction num/den. Sizes of
// sets (shingleset.MaxSize), and so overlaps, are below 2³¹ and thresholds have terms of at most
// 2³¹, so that every product below fits 64 bits.
type ratio struct{ num, den uint64 }

// newThreshold checks a threshold: 0 < num/den ≤ 1.
func newThreshold(num, den int64) (ratio, error) {
	if num <= 0 || num > den || den > 1<<31 {
		return ratio{}, fmt.Errorf("threshold %d/%d: not a fraction above 0, up to 1, with terms up to %d: %w", num, den, int64(1)<<31, doc.ErrUsage)
	}
	return ratio{uint64(num), uint64(den)}, nil
}

// toReach returns the smallest overlap with which two sets of total elements
// together score at least r: o/(total−o) ≥ num/den ⟺ o·(num+den) ≥ num·total.
func (r ratio) toReach(total int) int {
	sum := r.num + r.den
	return int((r.num*uint64(total) + sum - 1) / sum)
}

// ofSize returns ⌈r·n⌉.
func (r ratio) ofSize(n int) int {
	return int((r.num*uint64(n) + r.den - 1) / r.den)
}

// toExceed returns the smallest overlap with which they score more than r.
func (r ratio) toExceed(total int) int {
	return int(r.num*uint64(total)/(r.num+r.den)) + 1
}

// match is a document's best proven partner so far.
type match struct {
	doc            uint32
	overlap, union uint32 // union 0: no partner yet
	known          bool   // it is of an earlier graph, and comes before all of this one
}

func (m match) found() bool { return m.union != 0 }

// bar returns the smallest overlap with which other, of total elements
// together with the document in question, would be the partner instead of m.
func (m match) bar(threshold ratio, other uint32, total int) int {
	if !m.found() {
		return threshold.toReach(total)
	}
	score := ratio{uint64(m.overlap), uint64(m.union)}
	if other < m.doc {
		return score.toReach(total)
	}
	return score.toExceed(total)
}

// prover tests candidates against their true Jaccard, cheapest test first:
// sizes, parity bitmaps, then the sets. It belongs to one goroutine.
type prover struct {
	sets         shingleset.Sets
	threshold    ratio
	mine, theirs []uint64 // buffers
	counts       proofCounts
}

// proofCounts count candidates by the test that settled them.
type proofCounts struct {
	candidates, bySize, byBitmap, merged uint64
}

func (c *proofCounts) add(o proofCounts) {
	c.candidates += o.candidates
	c.bySize += o.bySize
	c.byBitmap += o.byBitmap
	c.merged += o.merged
}

// subject is a document whose candidates are being tested.
type subject struct {
	doc    uint32
	size   int
	parity []uint64
	set    []uint64 // once it was needed
}

func (p *prover) subject(d uint32) subject {
	return subject{doc: d, size: p.sets.Size(d), parity: p.sets.Parity(d)}
}

// overlap returns how many shingles s shares with other, and whether that is
// at least need; where it is not, the number means nothing.
func (p *prover) overlap(s *subject, other uint32, need int) (int, bool, error) {
	p.counts.candidates++
	size := p.sets.Size(other)
	if need > min(s.size, size) || need == 0 {
		// Nothing is needed only of two empty sets, which have no score.
		p.counts.bySize++
		return 0, false, nil
	}
	if 2*need > s.size+size-shingleset.ParityDistance(s.parity, p.sets.Parity(other)) {
		p.counts.byBitmap++
		return 0, false, nil
	}
	p.counts.merged++
	if o, ok := p.sets.Overlap(s.doc, other); ok {
		return o, o >= need, nil
	}
	var err error
	if s.set == nil {
		if s.set, err = p.sets.Load(s.doc, &p.mine); err != nil {
			return 0, false, err
		}
	}
	theirs, err := p.sets.Load(other, &p.theirs)
	if err != nil {
		return 0, false, err
	}
	o, ok := shingleset.OverlapAtLeast(s.set, theirs, need)
	return o, ok, nil
}
