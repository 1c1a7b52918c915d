// Package auditor does the audit of a run: it compares a sample of the texts with
// all others, to measure how many of the pairs that reach the threshold the
// buckets find. It changes no decision. The format of what it finds, and the
// estimate of recall, are in package audit.
package auditor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// auditExamples is how many missed pairs an audit names.
const auditExamples = 20

// auditor measures how many pairs the buckets find. Texts that several documents
// have are one text, that of the document that stands for them.
type auditor struct {
	*task.Task
	scanned   []task.Record // by shard
	order     *fate.Order
	known     *neardup.FileSets // of resolve; nil where it has none
	bounded   bool              // memory is
	probes    []distinctText    // sampled, in order of place
	outlines  []neardup.Outline
	sets      *neardup.FileSets
	index     *neardup.Probes
	decided   Decided
	documents uint64 // distinct texts
	room      int64  // bytes for texts and hits at a time, under a bound

	probeAt  map[doc.Place]int // numbers of the probes
	mu       sync.Mutex        // of what follows, while texts are compared
	parent   []int             // of probes, up to one of their family
	pairs    []uint64          // of each probe
	bins     map[int]*auditBin
	hits     []hit                    // that nobody knows yet whether they are found
	notFound []*hit                   // all others are only counted
	named    map[doc.Place]*fate.Node // of the texts of notFound
}

// Decided is what an audit asks of who resolved.
type Decided interface {
	// StandsFor returns the number of a document, -1 if it shares no key, and
	// whether it stands for its text.
	StandsFor(p doc.Place) (number int32, itself bool)
	// RankOf returns where the set of a document is, -1 if it is not to be had.
	RankOf(number int32) int32
	// IsDropped reports whether a document that stands for its text is dropped.
	IsDropped(number int32) bool
	// Share notes which pairs share a bucket.
	Share(ctx context.Context, pairs []Pair) error
}

// Pair is a pair of documents that stand for their texts.
type Pair struct {
	A, B   int32
	Shares *bool
}

// distinctText is a document that stands for its text.
type distinctText struct {
	task.Text
	number int32 // of the document; -1 if it shares no key
}

// mostOutlined is how many probes are compared with outlines, one by one. Of more,
// all texts are read again.
const mostOutlined = 1 << 12

// How many texts and hits are looked at together: of either, as many as there is room
// for, bytes of each.
const (
	leastAtOnce = 1 << 8
	mostHits    = 1 << 16
	hitBytes    = 512
	textBytes   = 320
)

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

// Run compares the sampled texts with all others, and writes what it finds. It
// may hold room bytes of what grows with the corpus, if that is bounded. known are
// the sets that d tells of.
func Run(ctx context.Context, t *task.Task, scanned []task.Record, d Decided, known *neardup.FileSets, bounded bool, room int64) (*alarm.Audit, error) {
	a := &auditor{Task: t, scanned: scanned, order: fate.NewOrder(&t.Plan), known: known, decided: d, bounded: bounded, room: room}
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
		if err := t.Step(ctx, step.name, step.do); err != nil {
			return nil, err
		}
	}
	f := a.settle()
	forAlarms, err := audited(&f, t.Plan.NearDup.Recall)
	if err != nil {
		return nil, err
	}
	w, err := t.Create(ctx, audit.Name)
	if err != nil {
		return nil, err
	}
	return forAlarms, f.Write(w)
}

// eachShard calls fn for every shard on all workers.
func (a *auditor) eachShard(ctx context.Context, fn func(ctx context.Context, shard int) error) error {
	return a.eachShardOf(ctx, 0, len(a.Plan.Shards), fn)
}

func (a *auditor) eachShardOf(ctx context.Context, lo, hi int, fn func(ctx context.Context, shard int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, a.Workers))
	for shard := lo; shard < hi; shard++ {
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
func (a *auditor) eachText(ctx context.Context, shard int, fn func(r *wire.Outline, number int32)) error {
	path := task.WorkPath(task.Scan, shard, "outlines")
	d, closeFile, err := a.Decode(ctx, &a.scanned[shard], path, wire.MagicOutlines)
	if err != nil {
		return err
	}
	defer closeFile()
	var rec wire.Outline
	for d.More() {
		if d.Outline(&rec); d.Err != nil {
			break
		}
		if number, itself := a.decided.StandsFor(doc.Place{Shard: uint32(shard), Ordinal: rec.Ordinal}); itself {
			fn(&rec, number)
		}
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", path, d.Err)
	}
	return ctx.Err()
}

func (a *auditor) textOf(shard int, r *wire.Outline, number int32) distinctText {
	return distinctText{task.Text{Place: doc.Place{Shard: uint32(shard), Ordinal: r.Ordinal}, Offset: r.Offset, Hash: r.Hash, Length: r.Length}, number}
}

// drawnText is a text that may become a probe.
type drawnText struct {
	drawn uint64
	distinctText
	outline neardup.Outline
}

func compareDrawn(a, b drawnText) int {
	return cmp.Or(cmp.Compare(a.drawn, b.drawn), a.Place.Compare(b.Place))
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
		err := a.eachText(ctx, shard, func(r *wire.Outline, number int32) {
			documents++
			asked := sampled(r.Hash, a.Plan.AuditPPM)
			at := drawn(r.Hash)
			if !asked && (least == 0 || at > last) {
				return
			}
			o := r.Outline
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
	slices.SortFunc(all, func(x, y drawnText) int { return x.Place.Compare(y.Place) })
	for _, t := range all {
		a.probes, a.outlines = append(a.probes, t.distinctText), append(a.outlines, t.outline)
	}
	return nil
}

// load stores the probes' shingle sets, of those that resolve did not need by their
// texts, and indexes them.
func (a *auditor) load(ctx context.Context) error {
	w, err := neardup.NewSetWriter(a.ScratchDir(), len(a.probes))
	if err != nil {
		return err
	}
	if !a.bounded {
		w.KeepInMemory(fate.MostSets / 4)
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
	var all []int32          // as many as are unknown
	for i := range texts {
		if t := &texts[i]; a.rank(t) < 0 {
			all, unknown = append(all, int32(len(unknown))), append(unknown, i)
		} else {
			known = append(known, i)
		}
	}
	workers := max(1, a.Workers)
	group, groupCtx := errgroup.WithContext(ctx)
	for k := range workers {
		group.Go(func() error {
			fn := newFn()
			var buffer []uint64
			for _, i := range known[k*len(known)/workers : (k+1)*len(known)/workers] {
				if err := groupCtx.Err(); err != nil {
					return err
				}
				set, err := a.known.Load(uint32(a.rank(&texts[i])), &buffer)
				if err != nil {
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
	return a.Fetch(ctx, all, func(n int32) task.Text { return texts[unknown[n]].Text }, func() func(n int32, text []byte) error {
		fn := newFn()
		return func(n int32, text []byte) error {
			s := hasher.NewScanner()
			defer s.Release()
			return fn(unknown[n], s.Set(text))
		}
	})
}

// rank is where the set of a text is, -1 if it must be read again.
func (a *auditor) rank(t *distinctText) int32 {
	if t.number < 0 {
		return -1
	}
	return a.decided.RankOf(t.number)
}

// kept reports whether a text is kept.
func (a *auditor) kept(t *distinctText) bool { return t.number < 0 || !a.decided.IsDropped(t.number) }

// compare finds every text that reaches the threshold with a probe: those that their
// outlines do not tell apart from all probes are compared in full.
func (a *auditor) compare(ctx context.Context) error {
	a.probeAt, a.parent = make(map[doc.Place]int), make([]int, len(a.probes))
	a.pairs, a.bins = make([]uint64, len(a.probes)), make(map[int]*auditBin)
	for k := range a.probes {
		a.parent[k] = k
		a.probeAt[a.probes[k].Place] = k
	}
	nd := a.Plan.NearDup
	outlines := neardup.NewOutlines(a.outlines, nd.ThresholdNum, nd.ThresholdDen)
	near := make([][]distinctText, len(a.Plan.Shards))
	shards, texts := len(near), math.MaxInt // at a time
	if a.bounded {
		shards, texts = 2*max(1, a.Workers), int(max(a.room/8/textBytes, leastAtOnce))
	}
	compared := 0
	for lo := 0; lo < len(near); lo += shards {
		hi := min(lo+shards, len(near))
		err := a.eachShardOf(ctx, lo, hi, func(ctx context.Context, shard int) error {
			m := outlines.NewMatcher()
			return a.eachText(ctx, shard, func(r *wire.Outline, number int32) {
				if len(a.probes) > mostOutlined || m.Near(r.Outline) {
					near[shard] = append(near[shard], a.textOf(shard, r, number))
				}
			})
		})
		if err != nil {
			return err
		}
		all := slices.Concat(near[lo:hi]...)
		clear(near[lo:hi])
		compared += len(all)
		for len(all) > 0 {
			n := min(len(all), texts)
			if err := a.prove(ctx, all[:n]); err != nil {
				return err
			}
			all = all[n:]
		}
	}
	a.Record.Numbers["audit_compared"] = int64(compared)
	return a.judgeHits(ctx)
}

// prove finds the hits of texts.
func (a *auditor) prove(ctx context.Context, texts []distinctText) error {
	most := mostHits
	if a.bounded {
		most = int(min(max(a.room/hitBytes, leastAtOnce), mostHits))
	}
	return a.eachSet(ctx, texts, func() func(i int, set []uint64) error {
		m := a.index.NewMatcher()
		var hits []hit // of one text
		return func(i int, set []uint64) error {
			if !m.Look(set) {
				return nil
			}
			hits = hits[:0]
			err := m.Prove(set, func(k uint32, overlap, union int) {
				if a.probes[k].Place != texts[i].Place {
					hits = append(hits, hit{probe: k, text: texts[i], overlap: overlap, union: union})
				}
			})
			if err != nil || len(hits) == 0 {
				return err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.related(hits)
			if a.hits = append(a.hits, hits...); len(a.hits) < most {
				return nil
			}
			return a.judgeHits(ctx)
		}
	})
}
