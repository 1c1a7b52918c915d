package auditor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// auditExamples is how many missed pairs an audit names.
const auditExamples = 20

// findings are what the comparison came to: sums of the pairs that the buckets find, and
// the documents of those that they do not. Those of all texts are made of those of parts
// of them.
type findings struct {
	documents uint64  // distinct texts
	sampled   []probe // in an order that all tasks agree about
	bins      [100/audit.BinWidth + 1]bin
	notFound  []unfound
}

// probe is a sampled text.
type probe struct {
	outcome
	pairs  uint64
	parent int // another one of its family, or itself
}

// outcome is what became of a text.
type outcome struct {
	place   doc.Place // of the document that stands for it
	hash    uint64
	dropped bool // that document is
	own     bool // else the task does not know the rest, of a probe
}

// bin adds up the pairs whose Jaccard is in a range.
type bin struct{ pairs, found, predicted uint64 }

func (b *bin) add(o bin) {
	b.pairs += o.pairs
	b.found += o.found
	b.predicted += o.predicted
}

// unfound is a pair that reaches the threshold and shares no bucket.
type unfound struct {
	probe          uint32
	text           outcome
	overlap, union int
	missed         bool // the probe is kept, and so is the text, which comes before it
}

// begin begins with so many probes.
func (f *findings) begin(probes int) {
	f.sampled = make([]probe, probes)
	for k := range f.sampled {
		f.sampled[k].parent = k
	}
}

// relate makes two probes one family.
func (f *findings) relate(a, b int) { f.sampled[f.find(a)].parent = f.find(b) }

func (f *findings) find(k int) int {
	for s := f.sampled; s[k].parent != k; k = s[k].parent {
		s[k].parent = s[s[k].parent].parent
	}
	return k
}

// conclude writes what was found of all texts, and returns what the alarms need to know.
func (f *findings) conclude(ctx context.Context, t *task.Task, scanned []task.Record) (*alarm.Audit, error) {
	var named map[doc.Place]*fate.Node
	err := t.Step(ctx, "judge", func(ctx context.Context) (err error) {
		named, err = f.judge(ctx, t, scanned)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := f.settle(&t.Plan, named)
	recall, err := strconv.ParseFloat(t.Plan.NearDup.Recall, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: recall %q of the plan: %w", doc.ErrCorrupt, t.Plan.NearDup.Recall, err)
	}
	w, err := t.Create(ctx, audit.Name)
	if err != nil {
		return nil, err
	}
	forAlarms := &alarm.Audit{Found: out.Found, Pairs: out.Pairs, HighPPM: out.ByFamilies.HighPPM, TargetPPM: int64(math.Round(1e6 * recall))}
	return forAlarms, out.Write(w)
}

// judge tells of the pairs that the buckets do not find whether that kept the probe,
// and returns who they are.
func (f *findings) judge(ctx context.Context, t *task.Task, scanned []task.Record) (map[doc.Place]*fate.Node, error) {
	named := make(map[doc.Place]*fate.Node)
	left := make([]int, len(t.Plan.Shards))
	for i := range f.notFound {
		h := &f.notFound[i]
		for _, place := range []doc.Place{f.sampled[h.probe].place, h.text.place} {
			if named[place] == nil {
				named[place] = &fate.Node{Place: place}
				left[place.Shard]++
			}
		}
	}
	order := fate.NewOrder(&t.Plan)
	var mu sync.Mutex // of order, as sources are numbered
	err := eachShardOf(ctx, t, 0, len(left), func(ctx context.Context, shard int) error {
		if left[shard] == 0 {
			return nil
		}
		path := task.WorkPath(task.Scan, shard, "docs")
		d, closeFile, err := t.Decode(ctx, &scanned[shard], path, wire.MagicDocs)
		if err != nil {
			return err
		}
		defer closeFile()
		var rec wire.Document
		var n *fate.Node
		wanted := func(ordinal uint32) bool {
			n = named[doc.Place{Shard: uint32(shard), Ordinal: ordinal}]
			return n != nil
		}
		for left[shard] > 0 && d.More() {
			if d.SizedDocumentOf(&rec, wanted) && d.Err == nil {
				mu.Lock()
				order.Describe(n, &rec, false)
				mu.Unlock()
				left[shard]--
			}
		}
		d.SkipRest()
		if d.Err == nil && left[shard] > 0 {
			d.Err = fmt.Errorf("%w: a line that has an outline has no record", doc.ErrCorrupt)
		}
		if d.Err != nil {
			return fmt.Errorf("%s: %w", path, d.Err)
		}
		return nil
	})
	for i := range f.notFound {
		h := &f.notFound[i]
		p := &f.sampled[h.probe]
		h.missed = !p.dropped && !h.text.dropped && named[h.text.place].Compare(named[p.place]) < 0
	}
	return named, err
}

// settle adds up.
func (f *findings) settle(p *plan.Plan, named map[doc.Place]*fate.Node) audit.File {
	out := audit.File{
		Version: audit.Version, RunID: p.RunID, SamplePPM: p.AuditPPM, Documents: f.documents, Probes: uint64(len(f.sampled)),
		Bins: []audit.Bin{}, Examples: []audit.Pair{},
	}
	for i := range f.sampled {
		if f.sampled[i].dropped {
			out.Dropped++
		}
	}
	missed := make(map[uint32]bool)
	for i := range f.notFound {
		if h := &f.notFound[i]; h.missed {
			missed[h.probe] = true
		}
	}
	out.Missed = uint64(len(missed))
	var predicted uint64
	for i, b := range f.bins {
		if b.pairs == 0 {
			continue
		}
		out.Pairs += b.pairs
		out.Found += b.found
		predicted += b.predicted
		out.Bins = append(out.Bins, audit.Bin{
			JaccardPercent: i * audit.BinWidth, Pairs: b.pairs, Found: b.found, PredictedPPM: int64(b.predicted / b.pairs),
		})
	}
	reference := func(place doc.Place) audit.Document {
		n := named[place]
		return audit.Document{Shard: place.Shard, Line: p.Shards[place.Shard].FirstLine + int64(place.Ordinal), ID: n.ID, Contributor: n.Contributor}
	}
	for _, h := range f.mostAlike() {
		out.Examples = append(out.Examples, audit.Pair{
			A: reference(f.sampled[h.probe].place), B: reference(h.text.place), Overlap: int64(h.overlap), Union: int64(h.union),
		})
	}
	out.Settle(f.families(), predicted)
	return out
}

// mostAlike returns some of the pairs that the buckets do not find, the most alike first.
func (f *findings) mostAlike() []unfound {
	slices.SortFunc(f.notFound, func(x, y unfound) int {
		return cmp.Or(
			cmp.Compare(uint64(y.overlap)*uint64(x.union), uint64(x.overlap)*uint64(y.union)),
			cmp.Compare(f.sampled[x.probe].hash, f.sampled[y.probe].hash),
			cmp.Compare(x.text.hash, y.text.hash), x.text.place.Compare(y.text.place),
		)
	})
	return f.notFound[:min(len(f.notFound), auditExamples)]
}

// families returns the pairs of each family of probes: those with a text in
// common, which may be a probe itself.
func (f *findings) families() []uint64 {
	pairs := make(map[int]uint64)
	for k := range f.sampled {
		if n := f.sampled[k].pairs; n > 0 {
			pairs[f.find(k)] += n
		}
	}
	sizes := slices.Collect(maps.Values(pairs))
	slices.Sort(sizes) // sums of floats depend on their order
	return sizes
}
