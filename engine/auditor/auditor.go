// Package auditor does the audit of a run: it compares a sample of the texts with
// all others, to measure how many of the pairs that reach the threshold the
// buckets find. It changes no decision. The tasks of decide compare a share of the texts
// each (share.go). The format of what it finds, and the estimate of recall, are in
// package audit.
package auditor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// auditor compares the sampled texts with all others, or in a task of decide with those
// that are its own. A text that several documents have is looked at once.
type auditor struct {
	*task.Task
	scanned  []task.Record      // by shard
	known    *shingleset.Stored // of resolve; nil where it has none
	bounded  bool               // memory is
	probes   []distinctText     // sampled, in order of place
	outlines []neardup.Outline
	sets     *shingleset.Stored
	index    *neardup.Probes
	decided  Decided
	room     int64 // bytes for texts and hits at a time, under a bound

	probeAt map[doc.Place]int // numbers of the probes
	mu      sync.Mutex        // of what follows, while texts are compared
	hits    []hit             // that nobody knows yet whether they are found
	findings
}

// Decided is what an audit asks of who resolved.
type Decided interface {
	// TextOf returns the number of the document that stands for the text of the one at
	// a place, Unshared if it shares no key, or Others. first says whether it is
	// the one that is looked at of all that have the text.
	TextOf(p doc.Place) (number int32, first bool)
	// PlaceOf returns where the document of a number is.
	PlaceOf(number int32) doc.Place
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

// In place of the number of a document.
const (
	Unshared = -1 // it shares no key
	Others   = -2 // another task of decide resolves it
)

// distinctText is the one document that is looked at of all that have a text.
type distinctText struct {
	task.Text
	number int32 // of the document that stands for it; Unshared or Others
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
func Run(ctx context.Context, t *task.Task, scanned []task.Record, d Decided, known *shingleset.Stored, bounded bool, room int64) (*alarm.Audit, error) {
	a := &auditor{Task: t, scanned: scanned, known: known, decided: d, bounded: bounded, room: room}
	if err := a.find(ctx); err != nil {
		return nil, err
	}
	return a.conclude(ctx, t, scanned)
}

// find samples the probes and finds who reaches the threshold with them.
func (a *auditor) find(ctx context.Context) error {
	defer func() {
		if a.sets != nil {
			a.sets.Close()
		}
	}()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"sample", a.sample}, {"index", a.load}, {"outlines", a.compare},
	} {
		if err := a.Step(ctx, step.name, step.do); err != nil {
			return err
		}
	}
	return nil
}

// eachShardOf calls fn for the shards lo to hi-1 on all workers.
func eachShardOf(ctx context.Context, t *task.Task, lo, hi int, fn func(ctx context.Context, shard int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, t.Workers))
	for shard := lo; shard < hi; shard++ {
		group.Go(func() error { return fn(ctx, shard) })
	}
	return group.Wait()
}

// eachText calls fn with the outline of every distinct text of a shard, valid during the
// call, and with the number of the document that stands for it.
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
		if number, first := a.decided.TextOf(doc.Place{Shard: uint32(shard), Ordinal: rec.Ordinal}); first {
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
	err := eachShardOf(ctx, a.Task, 0, len(a.Plan.Shards), func(ctx context.Context, shard int) error {
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
	w, err := shingleset.NewWriter(a.ScratchDir(), len(a.probes))
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

// isOwn reports whether it is this task that compares a text, and knows what became of
// it: of those that share no key each task of decide has a share.
func (a *auditor) isOwn(hash uint64, number int32) bool {
	if number != Unshared || a.Record.Stage != task.Decide {
		return number != Others
	}
	return drawn(hash)%uint64(a.Plan.DecideTasks) == uint64(a.Record.Task)
}

// outcome is where the document is that stands for a text, and whether it is kept.
func (a *auditor) outcome(t *distinctText) outcome {
	if t.number < 0 {
		return outcome{place: t.Place, hash: t.Hash, own: a.isOwn(t.Hash, t.number)}
	}
	return outcome{a.decided.PlaceOf(t.number), t.Hash, a.decided.IsDropped(t.number), true}
}

// compare finds every text that reaches the threshold with a probe: those that their
// outlines do not tell apart from all probes are compared in full.
func (a *auditor) compare(ctx context.Context) error {
	a.probeAt = make(map[doc.Place]int)
	a.begin(len(a.probes))
	for k := range a.probes {
		a.probeAt[a.probes[k].Place] = k
		a.sampled[k].outcome = a.outcome(&a.probes[k])
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
		err := eachShardOf(ctx, a.Task, lo, hi, func(ctx context.Context, shard int) error {
			m := outlines.NewMatcher()
			return a.eachText(ctx, shard, func(r *wire.Outline, number int32) {
				if a.isOwn(r.Hash, number) && (len(a.probes) > mostOutlined || m.Near(r.Outline)) {
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
