package resolve

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// outcomes are what parts have decided.
type outcomes struct {
	decisions *extsort.Sorter // by place
	owners    *extsort.Sorter // contributors by the place of the kept document; nil without shared credit
	stats     neardup.Stats
	component uint64
	most      fate.Node   // the document of stats.MostCandidates
	groups    []sizeGroup // the largest ones
}

// sizeGroup is a witness and how many it is the witness of.
type sizeGroup struct {
	witness fate.Node
	dropped uint64
}

func (o *outcomes) close() {
	o.decisions.Close()
	if o.owners != nil {
		o.owners.Close()
	}
}

// add adds what describes the work on components of their own. most is the document
// of MostCandidates.
func (o *outcomes) add(s *neardup.Stats, most *fate.Node, component uint64) {
	t := &o.stats
	t.Documents += s.Documents
	t.Dropped += s.Dropped
	t.Candidates += s.Candidates
	t.RejectedBySize += s.RejectedBySize
	t.RejectedByBitmap += s.RejectedByBitmap
	t.Merged += s.Merged
	t.KeptCandidates += s.KeptCandidates
	t.HotBuckets += s.HotBuckets
	t.LargestBucketKept = max(t.LargestBucketKept, s.LargestBucketKept)
	if s.MostCandidates > t.MostCandidates || s.MostCandidates == t.MostCandidates && s.MostCandidates > 0 && most.Compare(&o.most) < 0 {
		t.MostCandidates, o.most = s.MostCandidates, *most
	}
	o.component = max(o.component, component)
}

// group notes a witness, if it is one of those with the largest groups.
func (o *outcomes) group(witness *fate.Node, dropped uint64) {
	order := func(a, b sizeGroup) int {
		return cmp.Or(cmp.Compare(b.dropped, a.dropped), a.witness.Compare(&b.witness))
	}
	g := sizeGroup{*witness, dropped}
	at, _ := slices.BinarySearchFunc(o.groups, g, order)
	if at < groupsKept {
		o.groups = slices.Insert(o.groups, at, g)
		o.groups = o.groups[:min(len(o.groups), groupsKept)]
	}
}

// drop notes a dropped document, and who else is in the group of its witness.
func (p *parts) drop(place doc.Place, contributor string, f *sweep.Fate, witness *fate.Node) error {
	d := p.decision(place, f, witness)
	if err := p.decided(place, &d); err != nil {
		return err
	}
	if p.out.owners == nil || int(witness.Place.Shard) >= p.delivery || contributor == witness.Contributor {
		return nil
	}
	p.key = appendKey(p.key[:0], witness.Place.Shard, witness.Place.Ordinal)
	return p.out.owners.Add(p.key, []byte(contributor))
}

func (p *parts) decided(place doc.Place, d *wire.Decision) error {
	p.key = appendKey(p.key[:0], place.Shard, place.Ordinal)
	return p.out.decisions.Add(p.key, p.value.Value(func(e *wire.Encoder) { e.Decision(d) }))
}

// dropCopy decides about a copy of first, which has fate f. It reports whether the
// copy is in the group of the witness.
func (p *parts) dropCopy(value []byte, f *sweep.Fate, first, witness *fate.Node, carried *wire.Decision) (bool, error) {
	d := wire.ValueOf(value)
	place, contributor := d.Place(), ""
	if p.out.owners != nil {
		contributor = d.Str()
	}
	if err := d.Ended(); err != nil {
		return false, err
	}
	if f.Class != doc.NearDup {
		if carried != nil {
			copied := *carried
			copied.Ordinal = place.Ordinal
			return false, p.decided(place, &copied)
		}
		if p.Plan.Scope == plan.ScopeReference && int(first.Place.Shard) < p.delivery {
			return false, nil
		}
		f = &sweep.Fate{Class: doc.ExactDup}
	}
	return true, p.drop(place, contributor, f, witness)
}

// write spells out what was decided, as resolver.write does.
func (p *parts) write(ctx context.Context) error {
	p.Record.Bytes = p.TextBytes()
	p.tell(&p.out.stats, p.shingles)
	if err := p.writeSorted(ctx, "decisions", wire.MagicDecisions, p.out.decisions, func(e *wire.Encoder, _ doc.Place, values [][]byte) {
		for _, v := range values {
			e.Raw(v)
		}
	}); err != nil {
		return err
	}
	if p.out.owners != nil {
		err := p.writeSorted(ctx, "owners", wire.MagicOwners, p.out.owners, func(e *wire.Encoder, kept doc.Place, names [][]byte) {
			e.Uint(uint64(kept.Ordinal))
			e.Uint(uint64(len(names)))
			for _, name := range names {
				e.Bytes(name)
			}
		})
		if err != nil {
			return err
		}
	}
	o := &p.out
	e := Evidence{Measured: alarm.Measured{
		Component: o.component, KeptPairs: o.stats.KeptCandidates, LargestBucket: uint64(o.stats.LargestBucketKept),
		HotBuckets: o.stats.HotBuckets, MostCandidates: o.stats.MostCandidates,
	}}
	for i := range o.groups {
		e.Groups = append(e.Groups, alarm.Group{Document: p.named(&o.groups[i].witness), Size: 1 + o.groups[i].dropped})
	}
	if o.stats.MostCandidates > 0 {
		e.MostCandidates = p.named(&o.most)
	}
	return p.putEvidence(ctx, &e)
}

// writeSorted writes a file for each shard of the delivery, from records by place.
// fn is called with the distinct values of each place.
func (p *parts) writeSorted(ctx context.Context, kind, magic string, sorter *extsort.Sorter, fn func(e *wire.Encoder, place doc.Place, values [][]byte)) error {
	r, err := sorter.Sort()
	if err != nil {
		return err
	}
	defer r.Close()
	var values [][]byte
	more := r.Next()
	for shard := range p.delivery {
		e, err := p.Encode(ctx, task.WorkPath(task.Resolve, shard, kind), magic)
		if err != nil {
			return err
		}
		for more && keyNumber(r.Key(), 0) == uint32(shard) {
			place := doc.Place{Shard: uint32(shard), Ordinal: keyNumber(r.Key(), 1)}
			values = values[:0]
			for more && keyNumber(r.Key(), 0) == place.Shard && keyNumber(r.Key(), 1) == place.Ordinal {
				if n := len(values); n == 0 || string(values[n-1]) != string(r.Value()) {
					values = append(values, slices.Clone(r.Value()))
				}
				more = r.Next()
			}
			fn(e, place, values)
		}
		if err := cmp.Or(r.Err(), e.Flush()); err != nil {
			return err
		}
	}
	return r.Err()
}
