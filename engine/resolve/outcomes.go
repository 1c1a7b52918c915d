package resolve

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/wire"
)

// outcomes are what parts have decided.
type outcomes struct {
	evidence
	decisions *extsort.Sorter // by place
	owners    *extsort.Sorter // contributors by the place of the kept document; nil without shared credit
}

func (o *outcomes) close() {
	o.decisions.Close()
	if o.owners != nil {
		o.owners.Close()
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
	p.key = extsort.AppendNumbers(p.key[:0], witness.Place.Shard, witness.Place.Ordinal)
	return p.out.owners.Add(p.key, []byte(contributor))
}

func (p *parts) decided(place doc.Place, d *wire.Decision) error {
	p.key = extsort.AppendNumbers(p.key[:0], place.Shard, place.Ordinal)
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
	p.tell(&p.out.stats, p.shingles, p.shingles)
	if err := p.writeSorted(ctx, "decisions", p.out.decisions, func(e *wire.Encoder, _ doc.Place, values [][]byte) {
		for _, v := range values {
			e.Raw(v)
		}
	}); err != nil {
		return err
	}
	if p.out.owners != nil {
		if err := p.writeSorted(ctx, "owners", p.out.owners, putOwners); err != nil {
			return err
		}
	}
	if err := p.writeCopies(ctx, p.first, func(number uint32) [sha256.Size]byte { return p.sums[number] }); err != nil {
		return err
	}
	return p.writeEvidence(ctx, &p.out.evidence)
}

// writeSorted writes what is said of documents of the delivery, from records by place.
// fn is called with the distinct values of each place.
func (p *parts) writeSorted(ctx context.Context, kind string, sorter *extsort.Sorter, fn func(e *wire.Encoder, place doc.Place, values [][]byte)) error {
	r, err := sorter.Sort()
	if err != nil {
		return err
	}
	defer r.Close()
	out := p.begin(kind)
	var values [][]byte
	for more := r.Next(); more; {
		place := doc.Place{Shard: extsort.NumberOf(r.Key(), 0), Ordinal: extsort.NumberOf(r.Key(), 1)}
		values = values[:0]
		for more && extsort.NumberOf(r.Key(), 0) == place.Shard && extsort.NumberOf(r.Key(), 1) == place.Ordinal {
			if n := len(values); n == 0 || string(values[n-1]) != string(r.Value()) {
				values = append(values, slices.Clone(r.Value()))
			}
			more = r.Next()
		}
		e, err := out.to(ctx, place.Shard)
		if err != nil {
			return err
		}
		fn(e, place, values)
	}
	return cmp.Or(r.Err(), out.end(ctx))
}
