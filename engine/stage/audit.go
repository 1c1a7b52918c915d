package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
)

// auditExamples is how many missed pairs an audit names.
const auditExamples = 20

// auditor measures how many pairs the buckets find. Texts that several documents
// have are one text, that of the document that stands for them.
type auditor struct {
	*resolver
	probes  []node // sampled, in order of place; of them, rank is that of the resolver
	sets    *neardup.FileSets
	index   *neardup.Probes
	dropped []bool // by rank
	texts   []int64
}

// hit is a text that reaches the threshold with a probe.
type hit struct {
	probe          int
	place          doc.Place
	hash           uint64
	overlap, union int
	found          bool // they share a bucket
	missed         bool // the probe is kept, and so is this one, which comes before it
	id, name       string
}

// sampled reports whether a text is a probe, by its keyed hash. That decides the
// priority order too, so it is mixed once more (Stafford's variant 13).
func sampled(hash uint64, ppm int64) bool {
	hash ^= 0x61756469746f7273
	hash = (hash ^ hash>>30) * 0xbf58476d1ce4e5b9
	hash = (hash ^ hash>>27) * 0x94d049bb133111eb
	hash ^= hash >> 31
	part, _ := bits.Mul64(hash, 1e6)
	return part < uint64(ppm)
}

// audit reads all texts once more. It does nothing unless the plan asks for it.
func (r *resolver) audit(ctx context.Context) error {
	if r.Plan.AuditPPM == 0 {
		return nil
	}
	a := &auditor{
		resolver: r, texts: make([]int64, len(r.Plan.Shards)),
		dropped: make([]bool, len(r.byRank)),
	}
	for _, v := range r.verdicts {
		a.dropped[v.Doc] = true
	}
	hits := make([][]hit, len(r.Plan.Shards))
	each := func(fn func(ctx context.Context, shard int) error) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(max(1, r.Workers))
		for shard := range r.Plan.Shards {
			group.Go(func() error { return fn(ctx, shard) })
		}
		return group.Wait()
	}
	if err := a.sample(ctx); err != nil {
		return err
	}
	defer func() {
		if a.sets != nil {
			a.sets.Close()
		}
	}()
	if err := a.load(ctx); err != nil {
		return err
	}
	var err error
	nd := r.Plan.NearDup
	if a.index, err = neardup.NewProbes(ctx, len(a.probes), a.sets, nd.ThresholdNum, nd.ThresholdDen); err != nil {
		return err
	}
	err = each(func(ctx context.Context, shard int) error {
		found, err := a.stream(ctx, shard)
		hits[shard] = found
		return err
	})
	if err != nil {
		return err
	}
	f := a.settle(slices.Concat(hits...))
	if r.audited, err = audited(&f, nd.Recall); err != nil {
		return err
	}
	w, err := r.create(ctx, audit.Name)
	if err != nil {
		return err
	}
	return f.Write(w)
}

// audited is what the alarms need to know of an audit.
func audited(f *audit.File, target string) (*alarm.Audit, error) {
	recall, err := strconv.ParseFloat(target, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: recall %q of the plan: %w", doc.ErrCorrupt, target, err)
	}
	return &alarm.Audit{Found: f.Found, Pairs: f.Pairs, HighPPM: f.ByFamilies.HighPPM, TargetPPM: int64(math.Round(1e6 * recall))}, nil
}

// textReader reads the records of the documents of a shard that stand for their
// text.
type textReader struct {
	*auditor
	shard uint32
	path  string
	d     *decoder
	close func()
	at    int // of the next node
	rec   docRecord
}

func (a *auditor) newTextReader(ctx context.Context, shard int) (*textReader, error) {
	t := &textReader{auditor: a, shard: uint32(shard), path: workPath(Scan, shard, "docs")}
	var err error
	t.d, t.close, err = a.decode(ctx, &a.scanned[shard], t.path, magicDocs)
	t.at, _ = slices.BinarySearchFunc(a.nodes, doc.Place{Shard: t.shard}, func(n node, p doc.Place) int { return n.place.Compare(p) })
	return t, err
}

// next returns the next record, valid until the next call, with its node or -1;
// nil at the end or where err is not nil.
func (t *textReader) next() (*docRecord, int32) {
	for t.d.more() {
		if t.d.doc(&t.rec); t.d.err != nil {
			break
		}
		place := doc.Place{Shard: t.shard, Ordinal: t.rec.Ordinal}
		for t.at < len(t.nodes) && t.nodes[t.at].place.Compare(place) < 0 {
			t.at++
		}
		switch {
		case t.rec.Reason != doc.OK:
		case t.at == len(t.nodes) || t.nodes[t.at].place != place:
			return &t.rec, -1
		case t.nodes[t.at].first == int32(t.at):
			return &t.rec, int32(t.at)
		}
	}
	return nil, -1
}

func (t *textReader) err() error {
	if t.d.err != nil {
		return fmt.Errorf("%s: %w", t.path, t.d.err)
	}
	return nil
}

// nodeOf makes a node of a record that is of no node. It holds the record's
// strings.
func nodeOf(shard int, rec *docRecord) node {
	return node{
		place: doc.Place{Shard: uint32(shard), Ordinal: rec.Ordinal}, offset: rec.Offset, created: rec.Created, hash: rec.Hash, length: rec.Bytes,
		id: string(rec.ID), contributor: string(rec.Contributor), rank: -1,
	}
}

// sample chooses the probes.
func (a *auditor) sample(ctx context.Context) error {
	for shard := range a.Plan.Shards {
		texts, err := a.newTextReader(ctx, shard)
		if err != nil {
			return err
		}
		for rec, number := texts.next(); rec != nil; rec, number = texts.next() {
			a.texts[shard]++
			if !sampled(rec.Hash, a.Plan.AuditPPM) {
				continue
			}
			n := nodeOf(shard, rec)
			if number >= 0 {
				n.rank = a.nodes[number].rank
			}
			a.probes = append(a.probes, n)
		}
		texts.close()
		if err := texts.err(); err != nil {
			return err
		}
	}
	return nil
}

// load reads the probes' texts and stores their shingle sets.
func (a *auditor) load(ctx context.Context) error {
	hasher, err := shingle.HasherFor(a.Plan.Rules.Shingle, a.Plan.Seed)
	if err != nil {
		return err
	}
	w, err := neardup.NewSetWriter(filepath.Join(a.Dir, WorkDir), len(a.probes))
	if err != nil {
		return err
	}
	all := make([]int32, len(a.probes))
	for i := range all {
		all[i] = int32(i)
	}
	err = a.fetch(ctx, a.probes, all, func() func(n int32, text []byte) error {
		s := hasher.NewScanner()
		return func(n int32, text []byte) error {
			return w.Append(uint32(n), s.Set(text))
		}
	})
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	a.sets, err = w.Finish()
	return err
}

// stream compares all texts of a shard with the probes.
func (a *auditor) stream(ctx context.Context, shard int) ([]hit, error) {
	parser, err := NewParser(a.Plan.Fields, a.Parser)
	if err != nil {
		return nil, err
	}
	hasher, err := shingle.HasherFor(a.Plan.Rules.Shingle, a.Plan.Seed)
	if err != nil {
		return nil, err
	}
	var (
		hits    []hit
		missed  []hit // with names
		rec     jsonl.Record
		matcher = a.index.NewMatcher()
		scanner = hasher.NewScanner()
		exact   = xxhash.NewWithSeed(a.Plan.Seed)
		file    = a.File(a.Plan.Shards[shard].File)
	)
	texts, err := a.newTextReader(ctx, shard)
	if err != nil {
		return nil, err
	}
	defer texts.close()
	want, number := texts.next()
	err = corpus.EachLine(ctx, file, a.Plan.Shards[shard], a.Plan.MaxLine, nil, func(line *corpus.Line) error {
		if want == nil || line.Ordinal != want.Ordinal {
			return nil // rejected, or a text that another document stands for
		}
		rec = jsonl.Record{}
		exact.ResetWithSeed(a.Plan.Seed)
		if line.Reason == doc.OK && parser.Parse(line.Data, &rec) == doc.OK {
			exact.Write(rec.Text)
		}
		if exact.Sum64() != want.Hash || uint64(len(rec.Text)) != want.Bytes {
			return fmt.Errorf("%w: it is not the one that was scanned", doc.ErrInputChanged)
		}
		a.advance(int64(len(rec.Text)))
		if matcher.Look(scanner.Shingles(rec.Text)) {
			place := doc.Place{Shard: uint32(shard), Ordinal: line.Ordinal}
			err := matcher.Prove(scanner.Set(rec.Text), func(k uint32, overlap, union int) {
				if a.probes[k].place == place {
					return
				}
				h := hit{probe: int(k), place: place, hash: want.Hash, overlap: overlap, union: union}
				if a.judge(&h, want, shard, number); !h.found {
					named := h
					named.id, named.name = string(want.ID), string(want.Contributor)
					missed = append(missed, named)
				}
				hits = append(hits, h)
			})
			if err != nil {
				return err
			}
			if len(missed) > 64*auditExamples {
				missed = a.mostAlike(missed)
			}
		}
		want, number = texts.next()
		return nil
	})
	if err = errors.Join(err, texts.err()); err != nil {
		return nil, err
	}
	if want != nil {
		return nil, fmt.Errorf("%s: %w: a line that was scanned is not there", file.Path, doc.ErrInputChanged)
	}
	// Names are told of few, so the others are forgotten.
	for _, m := range a.mostAlike(missed) {
		i := slices.IndexFunc(hits, func(h hit) bool { return h.probe == m.probe && h.place == m.place })
		hits[i] = m
	}
	return hits, nil
}

// judge says whether the buckets find a pair and, if not, whether that kept the
// probe.
func (a *auditor) judge(h *hit, rec *docRecord, shard int, number int32) {
	p := &a.probes[h.probe]
	rank := int32(-1)
	if number >= 0 {
		rank = a.nodes[number].rank
	}
	if p.rank >= 0 && rank >= 0 && a.graph.Share(uint32(p.rank), uint32(rank)) {
		h.found = true
		return
	}
	if p.rank >= 0 && a.dropped[p.rank] || rank >= 0 && a.dropped[rank] {
		return
	}
	other := nodeOf(shard, rec)
	h.missed = other.compare(p) < 0
}

// mostAlike sorts missed pairs, the most alike first, and cuts the list.
func (a *auditor) mostAlike(pairs []hit) []hit {
	slices.SortFunc(pairs, func(x, y hit) int {
		return cmp.Or(
			cmp.Compare(uint64(y.overlap)*uint64(x.union), uint64(x.overlap)*uint64(y.union)),
			cmp.Compare(a.probes[x.probe].hash, a.probes[y.probe].hash), cmp.Compare(x.hash, y.hash),
			x.place.Compare(y.place),
		)
	})
	return pairs[:min(len(pairs), auditExamples)]
}

// settle adds up.
func (a *auditor) settle(hits []hit) audit.File {
	f := audit.File{
		Version: audit.Version, RunID: a.Plan.RunID, SamplePPM: a.Plan.AuditPPM, Probes: uint64(len(a.probes)),
		Bins: []audit.Bin{}, Examples: []audit.Pair{},
	}
	for _, n := range a.texts {
		f.Documents += uint64(n)
	}
	for i := range a.probes {
		if rank := a.probes[i].rank; rank >= 0 && a.dropped[rank] {
			f.Dropped++
		}
	}
	bins := make(map[int]*audit.Bin)
	predicted := make(map[int]uint64)
	missed := make(map[int]bool)
	var all uint64
	var named []hit
	for i := range hits {
		h := &hits[i]
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
		} else if h.name != "" {
			named = append(named, *h)
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
	for _, h := range a.mostAlike(named) {
		p := &a.probes[h.probe]
		f.Examples = append(f.Examples, audit.Pair{
			A: a.named(p.place, p.id, p.contributor), B: a.named(h.place, h.id, h.name), Overlap: int64(h.overlap), Union: int64(h.union),
		})
	}
	f.Settle(a.families(hits), all)
	return f
}

func (a *auditor) named(p doc.Place, id, contributor string) audit.Document {
	return audit.Document{Shard: p.Shard, Line: a.Plan.Shards[p.Shard].FirstLine + int64(p.Ordinal), ID: id, Contributor: contributor}
}

// families returns the pairs of each family of probes: those with a text in
// common, which may be a probe itself. The order is that of nothing in
// particular that the sums would depend on.
func (a *auditor) families(hits []hit) []uint64 {
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
	for i := range hits {
		h := &hits[i]
		if first, known := owner[h.place]; known {
			parent[find(h.probe)] = find(first)
		} else {
			owner[h.place] = h.probe
		}
	}
	pairs := make(map[int]uint64)
	for i := range hits {
		pairs[find(hits[i].probe)]++
	}
	sizes := slices.Collect(maps.Values(pairs))
	slices.Sort(sizes) // sums of floats depend on their order
	return sizes
}
