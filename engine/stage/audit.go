package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
)

// auditExamples is how many missed pairs an audit names.
const auditExamples = 20

// auditor measures how many pairs the buckets find. Texts that several documents
// have are one text, that of the document that stands for them.
type auditor struct {
	*resolver
	probes    []distinctText // sampled, in order of place
	outlines  []neardup.Outline
	sets      *neardup.FileSets
	index     *neardup.Probes
	decided   decided
	documents uint64 // distinct texts

	texts []distinctText // that may reach the threshold with a probe
	mu    sync.Mutex
	hits  []hit
	named map[doc.Place]*node // of the texts of hits that are not found
}

// decided is what an audit asks of who resolved.
type decided interface {
	// standsFor returns the number of a document, -1 if it shares no key, and
	// whether it stands for its text.
	standsFor(p doc.Place) (number int32, itself bool)
	// rankOf returns where the set of a document is, -1 if it is not to be had.
	rankOf(number int32) int32
	// isDropped reports whether a document that stands for its text is dropped.
	isDropped(number int32) bool
	// share notes which pairs share a bucket.
	share(ctx context.Context, pairs []sharing) error
}

// sharing is a pair of documents that stand for their texts.
type sharing struct {
	a, b   int32
	shares *bool
}

// distinctText is a document that stands for its text.
type distinctText struct {
	place  doc.Place
	offset int64
	hash   uint64 // of the text
	length uint64 // of the text, bytes
	number int32  // of the document; -1 if it shares no key
}

// hit is a text that reaches the threshold with a probe.
type hit struct {
	probe, text    uint32 // numbers in probes and texts
	overlap, union int
	found          bool // they share a bucket
	missed         bool // the probe is kept, and so is this one, which comes before it
}

// mostOutlined is how many probes are compared with outlines, one by one. Of more,
// all texts are read again.
const mostOutlined = 1 << 12

// drawn is the place of a text in the order in which texts become probes: by its
// keyed hash. That decides the priority order too, so it is mixed once more
// (Stafford's variant 13).
func drawn(hash uint64) uint64 {
	hash ^= 0x61756469746f7273
	hash = (hash ^ hash>>30) * 0xbf58476d1ce4e5b9
	hash = (hash ^ hash>>27) * 0x94d049bb133111eb
	return hash ^ hash>>31
}

// sampled reports whether a text is in the share that a plan asks for.
func sampled(hash uint64, ppm int64) bool {
	part, _ := bits.Mul64(drawn(hash), 1e6)
	return part < uint64(ppm)
}

// audit compares the sampled texts with all others. It does nothing unless the plan
// asks for it.
func (r *resolver) audit(ctx context.Context) error {
	if r.Plan.AuditPPM == 0 {
		return nil
	}
	d := inMemory{r, newBitset(len(r.nodes))}
	for _, v := range r.verdicts {
		d.dropped.add(uint32(r.byRank[v.Doc]))
	}
	return r.auditWith(ctx, d)
}

func (r *resolver) auditWith(ctx context.Context, d decided) error {
	a := &auditor{resolver: r, decided: d}
	defer func() {
		if a.sets != nil {
			a.sets.Close()
		}
	}()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"sample", a.sample}, {"index", a.load}, {"outlines", a.compare}, {"judge", a.judge},
	} {
		if err := r.step(ctx, step.name, step.do); err != nil {
			return err
		}
	}
	f := a.settle()
	var err error
	if r.audited, err = audited(&f, r.Plan.NearDup.Recall); err != nil {
		return err
	}
	w, err := r.create(ctx, audit.Name)
	if err != nil {
		return err
	}
	return f.Write(w)
}

// eachShard calls fn for every shard on all workers.
func (a *auditor) eachShard(ctx context.Context, fn func(ctx context.Context, shard int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, a.Workers))
	for shard := range a.Plan.Shards {
		group.Go(func() error { return fn(ctx, shard) })
	}
	return group.Wait()
}

// audited is what the alarms need to know of an audit.
func audited(f *audit.File, target string) (*alarm.Audit, error) {
	recall, err := strconv.ParseFloat(target, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: recall %q of the plan: %w", doc.ErrCorrupt, target, err)
	}
	return &alarm.Audit{Found: f.Found, Pairs: f.Pairs, HighPPM: f.ByFamilies.HighPPM, TargetPPM: int64(math.Round(1e6 * recall))}, nil
}

// eachText calls fn with the outline of every document of a shard that stands for
// its text, valid during the call, and with its node or -1.
func (a *auditor) eachText(ctx context.Context, shard int, fn func(r *outlineRecord, number int32)) error {
	path := workPath(Scan, shard, "outlines")
	d, closeFile, err := a.decode(ctx, &a.scanned[shard], path, magicOutlines)
	if err != nil {
		return err
	}
	defer closeFile()
	var rec outlineRecord
	for d.more() {
		if d.outline(&rec); d.err != nil {
			break
		}
		if number, itself := a.decided.standsFor(doc.Place{Shard: uint32(shard), Ordinal: rec.ordinal}); itself {
			fn(&rec, number)
		}
	}
	if d.err != nil {
		return fmt.Errorf("%s: %w", path, d.err)
	}
	return ctx.Err()
}

func (a *auditor) textOf(shard int, r *outlineRecord, number int32) distinctText {
	return distinctText{doc.Place{Shard: uint32(shard), Ordinal: r.ordinal}, r.offset, r.hash, r.length, number}
}

// drawnText is a text that may become a probe.
type drawnText struct {
	drawn uint64
	distinctText
	outline neardup.Outline
}

func compareDrawn(a, b drawnText) int {
	return cmp.Or(cmp.Compare(a.drawn, b.drawn), a.place.Compare(b.place))
}

// sample chooses the probes: the texts drawn first. Their number is a share of the
// texts, between the limits of the plan.
func (a *auditor) sample(ctx context.Context) error {
	least := int(a.Plan.AuditLeast)
	var mu sync.Mutex
	var all []drawnText
	inShare := 0
	err := a.eachShard(ctx, func(ctx context.Context, shard int) error {
		var share, others []drawnText
		documents, last := uint64(0), uint64(math.MaxUint64) // of the others, none beyond last is needed
		err := a.eachText(ctx, shard, func(r *outlineRecord, number int32) {
			documents++
			asked := sampled(r.hash, a.Plan.AuditPPM)
			at := drawn(r.hash)
			if !asked && (least == 0 || at > last) {
				return
			}
			o := r.outline
			o.Bits = slices.Clone(o.Bits)
			t := drawnText{at, a.textOf(shard, r, number), o}
			if asked {
				share = append(share, t)
				return
			}
			if others = append(others, t); len(others) >= 2*least {
				slices.SortFunc(others, compareDrawn)
				others = others[: least : 2*least]
				last = others[least-1].drawn
			}
		})
		mu.Lock()
		defer mu.Unlock()
		a.documents += documents
		inShare += len(share)
		all = append(append(all, share...), others...)
		return err
	})
	if err != nil {
		return err
	}
	want := max(inShare, min(least, len(all)))
	if most := int(a.Plan.AuditMost); most > 0 {
		want = min(want, most)
	}
	slices.SortFunc(all, compareDrawn)
	all = all[:want]
	slices.SortFunc(all, func(x, y drawnText) int { return x.place.Compare(y.place) })
	for _, t := range all {
		a.probes, a.outlines = append(a.probes, t.distinctText), append(a.outlines, t.outline)
	}
	return nil
}

// load stores the probes' shingle sets, of those that resolve did not need by their
// texts, and indexes them.
func (a *auditor) load(ctx context.Context) error {
	w, err := neardup.NewSetWriter(a.scratch(), len(a.probes))
	if err != nil {
		return err
	}
	err = a.eachSet(ctx, a.probes, func() func(i int, set []uint64) error {
		return func(i int, set []uint64) error { return w.Append(uint32(i), set) }
	})
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	if a.sets, err = w.Finish(); err != nil {
		return err
	}
	nd := a.Plan.NearDup
	a.index, err = neardup.NewProbes(ctx, len(a.probes), a.sets, nd.ThresholdNum, nd.ThresholdDen)
	return err
}

// eachSet calls a consumer with the shingle sets of texts, each once and valid during
// the call: those that resolve has compared as they are, all others read again.
// newFn makes the consumer of one worker.
func (a *auditor) eachSet(ctx context.Context, texts []distinctText, newFn func() func(i int, set []uint64) error) error {
	hasher, err := shingle.HasherFor(a.Plan.Rules.Shingle, a.Plan.Seed)
	if err != nil {
		return err
	}
	var known, unknown []int // numbers of texts
	var read []node          // the unknown ones
	var all []int32          // numbers of read
	for i := range texts {
		if t := &texts[i]; a.rank(t) < 0 {
			all, unknown = append(all, int32(len(read))), append(unknown, i)
			read = append(read, node{place: t.place, offset: t.offset, hash: t.hash, length: t.length})
		} else {
			known = append(known, i)
		}
	}
	workers := max(1, a.Workers)
	group, groupCtx := errgroup.WithContext(ctx)
	for k := range workers {
		group.Go(func() error {
			fn := newFn()
			var set []uint64
			for _, i := range known[k*len(known)/workers : (k+1)*len(known)/workers] {
				if err := groupCtx.Err(); err != nil {
					return err
				}
				var err error
				if set, err = a.resolver.sets.Load(uint32(a.rank(&texts[i])), set); err != nil {
					return err
				}
				if err := fn(i, set); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return a.fetch(ctx, read, all, func() func(n int32, text []byte) error {
		s, fn := hasher.NewScanner(), newFn()
		return func(n int32, text []byte) error { return fn(unknown[n], s.Set(text)) }
	})
}

// rank is where the set of a text is, -1 if it must be read again.
func (a *auditor) rank(t *distinctText) int32 {
	if t.number < 0 {
		return -1
	}
	return a.decided.rankOf(t.number)
}

// kept reports whether a text is kept.
func (a *auditor) kept(t *distinctText) bool { return t.number < 0 || !a.decided.isDropped(t.number) }

// compare finds every text that reaches the threshold with a probe: those that their
// outlines do not tell apart from all probes are compared in full.
func (a *auditor) compare(ctx context.Context) error {
	near := make([][]distinctText, len(a.Plan.Shards))
	nd := a.Plan.NearDup
	outlines := neardup.NewOutlines(a.outlines, nd.ThresholdNum, nd.ThresholdDen)
	err := a.eachShard(ctx, func(ctx context.Context, shard int) error {
		m := outlines.NewMatcher()
		return a.eachText(ctx, shard, func(r *outlineRecord, number int32) {
			if len(a.probes) > mostOutlined || m.Near(r.outline) {
				near[shard] = append(near[shard], a.textOf(shard, r, number))
			}
		})
	})
	if err != nil {
		return err
	}
	a.texts = slices.Concat(near...)
	a.rec.Numbers["audit_compared"] = int64(len(a.texts))
	err = a.eachSet(ctx, a.texts, func() func(i int, set []uint64) error {
		m := a.index.NewMatcher()
		return func(i int, set []uint64) error {
			if !m.Look(set) {
				return nil
			}
			text := &a.texts[i]
			return m.Prove(set, func(k uint32, overlap, union int) {
				p := &a.probes[k]
				if p.place == text.place {
					return
				}
				a.mu.Lock()
				a.hits = append(a.hits, hit{probe: k, text: uint32(i), overlap: overlap, union: union})
				a.mu.Unlock()
			})
		}
	})
	if err != nil {
		return err
	}
	var pairs []sharing
	for i := range a.hits {
		h := &a.hits[i]
		if p, text := &a.probes[h.probe], &a.texts[h.text]; p.number >= 0 && text.number >= 0 {
			pairs = append(pairs, sharing{p.number, text.number, &h.found})
		}
	}
	return a.decided.share(ctx, pairs)
}

// judge tells of the pairs that the buckets do not find whether that kept the probe,
// and learns their names.
func (a *auditor) judge(ctx context.Context) error {
	a.named = make(map[doc.Place]*node)
	left := make([]int, len(a.Plan.Shards))
	for i := range a.hits {
		if h := &a.hits[i]; !h.found {
			for _, place := range []doc.Place{a.probes[h.probe].place, a.texts[h.text].place} {
				if a.named[place] == nil {
					a.named[place] = &node{place: place}
					left[place.Shard]++
				}
			}
		}
	}
	err := a.eachShard(ctx, func(ctx context.Context, shard int) error {
		if left[shard] == 0 {
			return nil
		}
		path := workPath(Scan, shard, "docs")
		d, closeFile, err := a.decode(ctx, &a.scanned[shard], path, magicDocs)
		if err != nil {
			return err
		}
		defer closeFile()
		var rec docRecord
		for left[shard] > 0 && d.more() {
			if d.doc(&rec); d.err != nil {
				break
			}
			if n := a.named[doc.Place{Shard: uint32(shard), Ordinal: rec.Ordinal}]; n != nil {
				a.describe(n, &rec, false)
				left[shard]--
			}
		}
		if d.err == nil && left[shard] > 0 {
			d.err = fmt.Errorf("%w: a line that has an outline has no record", doc.ErrCorrupt)
		}
		if d.err != nil {
			return fmt.Errorf("%s: %w", path, d.err)
		}
		return nil
	})
	for i := range a.hits {
		h := &a.hits[i]
		p, text := &a.probes[h.probe], &a.texts[h.text]
		h.missed = !h.found && a.kept(p) && a.kept(text) && a.named[text.place].compare(a.named[p.place]) < 0
	}
	return err
}

// mostAlike sorts missed pairs, the most alike first, and cuts the list.
func (a *auditor) mostAlike(pairs []*hit) []*hit {
	slices.SortFunc(pairs, func(x, y *hit) int {
		return cmp.Or(
			cmp.Compare(uint64(y.overlap)*uint64(x.union), uint64(x.overlap)*uint64(y.union)),
			cmp.Compare(a.probes[x.probe].hash, a.probes[y.probe].hash),
			cmp.Compare(a.texts[x.text].hash, a.texts[y.text].hash), a.texts[x.text].place.Compare(a.texts[y.text].place),
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
	bins := make(map[int]*audit.Bin)
	predicted := make(map[int]uint64)
	missed := make(map[uint32]bool)
	var all uint64
	var notFound []*hit
	for i := range a.hits {
		h := &a.hits[i]
		percent := 100 * h.overlap / h.union / audit.BinWidth * audit.BinWidth
		if bins[percent] == nil {
			bins[percent] = &audit.Bin{JaccardPercent: percent}
		}
		p := uint64(neardup.PredictedPPM(h.overlap, h.union, a.Plan.NearDup.Bands, a.Plan.NearDup.Rows))
		bins[percent].Pairs++
		f.Pairs++
		predicted[percent] += p
		all += p
		if h.found {
			bins[percent].Found++
			f.Found++
		} else {
			notFound = append(notFound, h)
		}
		if h.missed {
			missed[h.probe] = true
		}
	}
	f.Missed = uint64(len(missed))
	for _, percent := range slices.Sorted(maps.Keys(bins)) {
		bins[percent].PredictedPPM = int64(predicted[percent] / bins[percent].Pairs)
		f.Bins = append(f.Bins, *bins[percent])
	}
	for _, h := range a.mostAlike(notFound) {
		f.Examples = append(f.Examples, audit.Pair{
			A: a.reference(a.probes[h.probe].place), B: a.reference(a.texts[h.text].place), Overlap: int64(h.overlap), Union: int64(h.union),
		})
	}
	f.Settle(a.families(), all)
	return f
}

func (a *auditor) reference(p doc.Place) audit.Document {
	n := a.named[p]
	return audit.Document{Shard: p.Shard, Line: a.Plan.Shards[p.Shard].FirstLine + int64(p.Ordinal), ID: n.id, Contributor: n.contributor}
}

// families returns the pairs of each family of probes: those with a text in
// common, which may be a probe itself. The order is that of nothing in
// particular that the sums would depend on.
func (a *auditor) families() []uint64 {
	parent := make([]int, len(a.probes))
	find := func(k int) int {
		for parent[k] != k {
			parent[k] = parent[parent[k]]
			k = parent[k]
		}
		return k
	}
	owner := make(map[doc.Place]int)
	for k := range parent {
		parent[k] = k
		owner[a.probes[k].place] = k
	}
	for i := range a.hits {
		h := &a.hits[i]
		if first, known := owner[a.texts[h.text].place]; known {
			parent[find(int(h.probe))] = find(first)
		} else {
			owner[a.texts[h.text].place] = int(h.probe)
		}
	}
	pairs := make(map[int]uint64)
	for i := range a.hits {
		pairs[find(int(a.hits[i].probe))]++
	}
	sizes := slices.Collect(maps.Values(pairs))
	slices.Sort(sizes) // sums of floats depend on their order
	return sizes
}
