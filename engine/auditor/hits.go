package auditor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// What an audit makes of its hits: sums of those that the buckets find, and the
// documents of those that they do not.

// hit is a text that reaches the threshold with a probe. A family of a million texts
// has a hit of every one with each of its probes, so only those that are not found,
// most of them the exception, are kept.
type hit struct {
	probe          uint32 // number in probes
	text           distinctText
	overlap, union int
	found          bool // they share a bucket
	missed         bool // the probe is kept, and so is this one, which comes before it
}

// auditBin adds up the hits of a bin.
type auditBin struct{ pairs, found, predicted uint64 }

// related notes the hits of one text: their probes are of one family, and so is the
// text if it is a probe itself.
func (a *auditor) related(hits []hit) {
	first := int(hits[0].probe)
	if k, isProbe := a.probeAt[hits[0].text.Place]; isProbe {
		first = k
	}
	for i := range hits {
		a.pairs[hits[i].probe]++
		a.parent[a.find(int(hits[i].probe))] = a.find(first)
	}
}

func (a *auditor) find(k int) int {
	for a.parent[k] != k {
		a.parent[k] = a.parent[a.parent[k]]
		k = a.parent[k]
	}
	return k
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
		percent := 100 * h.overlap / h.union / audit.BinWidth * audit.BinWidth
		bin := a.bins[percent]
		if bin == nil {
			bin = new(auditBin)
			a.bins[percent] = bin
		}
		bin.pairs++
		bin.predicted += uint64(neardup.PredictedPPM(h.overlap, h.union, a.Plan.NearDup.Bands, a.Plan.NearDup.Rows))
		if h.found {
			bin.found++
		} else {
			kept := *h
			a.notFound = append(a.notFound, &kept)
		}
	}
	a.hits = a.hits[:0]
	return nil
}

// judge tells of the pairs that the buckets do not find whether that kept the probe,
// and learns their names.
func (a *auditor) judge(ctx context.Context) error {
	a.named = make(map[doc.Place]*fate.Node)
	left := make([]int, len(a.Plan.Shards))
	for _, h := range a.notFound {
		for _, place := range []doc.Place{a.probes[h.probe].Place, h.text.Place} {
			if a.named[place] == nil {
				a.named[place] = &fate.Node{Place: place}
				left[place.Shard]++
			}
		}
	}
	err := a.eachShard(ctx, func(ctx context.Context, shard int) error {
		if left[shard] == 0 {
			return nil
		}
		path := task.WorkPath(task.Scan, shard, "docs")
		d, closeFile, err := a.Decode(ctx, &a.scanned[shard], path, wire.MagicDocs)
		if err != nil {
			return err
		}
		defer closeFile()
		var rec wire.Document
		var n *fate.Node
		named := func(ordinal uint32) bool {
			n = a.named[doc.Place{Shard: uint32(shard), Ordinal: ordinal}]
			return n != nil
		}
		for left[shard] > 0 && d.More() {
			if d.SizedDocumentOf(&rec, named) && d.Err == nil {
				a.mu.Lock() // sources are numbered
				a.order.Describe(n, &rec, false)
				a.mu.Unlock()
				left[shard]--
			}
		}
		if d.Err == nil && left[shard] > 0 {
			d.Err = fmt.Errorf("%w: a line that has an outline has no record", doc.ErrCorrupt)
		}
		if d.Err != nil {
			return fmt.Errorf("%s: %w", path, d.Err)
		}
		return nil
	})
	for _, h := range a.notFound {
		p := &a.probes[h.probe]
		h.missed = a.kept(p) && a.kept(&h.text) && a.named[h.text.Place].Compare(a.named[p.Place]) < 0
	}
	return err
}

// mostAlike sorts missed pairs, the most alike first, and cuts the list.
func (a *auditor) mostAlike(pairs []*hit) []*hit {
	slices.SortFunc(pairs, func(x, y *hit) int {
		return cmp.Or(
			cmp.Compare(uint64(y.overlap)*uint64(x.union), uint64(x.overlap)*uint64(y.union)),
			cmp.Compare(a.probes[x.probe].Hash, a.probes[y.probe].Hash),
			cmp.Compare(x.text.Hash, y.text.Hash), x.text.Place.Compare(y.text.Place),
		)
	})
	return pairs[:min(len(pairs), auditExamples)]
}

// settle adds up.
func (a *auditor) settle() audit.File {
	f := audit.File{
		Version: audit.Version, RunID: a.Plan.RunID, SamplePPM: a.Plan.AuditPPM, Documents: a.documents, Probes: uint64(len(a.probes)),
		Bins: []audit.Bin{}, Examples: []audit.Pair{},
	}
	for i := range a.probes {
		if !a.kept(&a.probes[i]) {
			f.Dropped++
		}
	}
	missed := make(map[uint32]bool)
	for _, h := range a.notFound {
		if h.missed {
			missed[h.probe] = true
		}
	}
	f.Missed = uint64(len(missed))
	var predicted uint64
	for _, percent := range slices.Sorted(maps.Keys(a.bins)) {
		b := a.bins[percent]
		f.Pairs += b.pairs
		f.Found += b.found
		predicted += b.predicted
		f.Bins = append(f.Bins, audit.Bin{
			JaccardPercent: percent, Pairs: b.pairs, Found: b.found, PredictedPPM: int64(b.predicted / b.pairs),
		})
	}
	for _, h := range a.mostAlike(a.notFound) {
		f.Examples = append(f.Examples, audit.Pair{
			A: a.reference(a.probes[h.probe].Place), B: a.reference(h.text.Place), Overlap: int64(h.overlap), Union: int64(h.union),
		})
	}
	f.Settle(a.families(), predicted)
	return f
}

func (a *auditor) reference(p doc.Place) audit.Document {
	n := a.named[p]
	return audit.Document{Shard: p.Shard, Line: a.Plan.Shards[p.Shard].FirstLine + int64(p.Ordinal), ID: n.ID, Contributor: n.Contributor}
}

// families returns the pairs of each family of probes: those with a text in
// common, which may be a probe itself.
func (a *auditor) families() []uint64 {
	pairs := make(map[int]uint64)
	for k, n := range a.pairs {
		if n > 0 {
			pairs[a.find(k)] += n
		}
	}
	sizes := slices.Collect(maps.Values(pairs))
	slices.Sort(sizes) // sums of floats depend on their order
	return sizes
}
