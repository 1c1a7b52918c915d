package auditor

import (
	"context"

	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/neardup"
)

// hit is a text that reaches the threshold with a probe. A family of a million texts
// has a hit of every one with each of its probes, so only those that are not found,
// most of them the exception, are kept.
type hit struct {
	probe          uint32 // number in probes
	text           distinctText
	overlap, union int
	found          bool // they share a bucket
}

// related notes the hits of one text: their probes are of one family, and so is the
// text if it is a probe itself.
func (a *auditor) related(hits []hit) {
	first := int(hits[0].probe)
	if k, isProbe := a.probeAt[hits[0].text.Place]; isProbe {
		first = k
	}
	for i := range hits {
		a.sampled[hits[i].probe].pairs++
		a.relate(int(hits[i].probe), first)
	}
}

// judgeHits counts hits, and keeps those that are not found.
func (a *auditor) judgeHits(ctx context.Context) error {
	var pairs []Pair
	for i := range a.hits {
		h := &a.hits[i]
		if p := &a.probes[h.probe]; p.number >= 0 && h.text.number >= 0 {
			pairs = append(pairs, Pair{p.number, h.text.number, &h.found})
		}
	}
	if len(pairs) > 0 {
		if err := a.decided.Share(ctx, pairs); err != nil {
			return err
		}
	}
	for i := range a.hits {
		h := &a.hits[i]
		b := bin{pairs: 1, predicted: uint64(neardup.PredictedPPM(h.overlap, h.union, a.Plan.NearDup.Bands, a.Plan.NearDup.Rows))}
		if h.found {
			b.found = 1
		} else {
			a.notFound = append(a.notFound, unfound{probe: h.probe, text: a.outcome(&h.text), overlap: h.overlap, union: h.union})
		}
		a.bins[100*h.overlap/h.union/audit.BinWidth].add(b)
	}
	a.hits = a.hits[:0]
	return nil
}
