package auditor

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Where tasks of decide resolve the documents, each compares its own, whose shingle sets
// it has, with the probes, and resolve adds up what they find. All tasks sample the same
// probes. They know the copies of their own alone, and look of others' documents of equal
// hash and length at the first by place: that those have one text is not proven
// here. Who resolves them proves it, and where it is not so leaves no findings; resolve then
// audits by itself.

// Share compares the sampled texts with those of a task of decide, and writes what
// resolve needs of that to Merge it. What it is given is as in Run.
func Share(ctx context.Context, t *task.Task, scanned []task.Record, d Decided, known *shingleset.Stored, bounded bool, room int64) error {
	a := &auditor{Task: t, scanned: scanned, known: known, decided: d, bounded: bounded, room: room}
	if err := a.find(ctx); err != nil {
		return err
	}
	e, err := t.Encode(ctx, path(t.Record.Task), wire.MagicFindings)
	if err != nil {
		return err
	}
	a.put(e)
	return e.Flush()
}

func path(number int) string { return task.WorkPath(task.Decide, number, "findings") }

// AreShared reports whether all tasks of decide have left findings.
func AreShared(decided []task.Record) bool {
	return !slices.ContainsFunc(decided, func(r task.Record) bool { return !r.Wrote(path(r.Task)) })
}

// Merge concludes an audit from the findings of all tasks of decide.
func Merge(ctx context.Context, t *task.Task, scanned, decided []task.Record) (*alarm.Audit, error) {
	var all findings
	err := t.Step(ctx, "findings", func(ctx context.Context) error {
		for number := range decided {
			path := path(number)
			d, closeFile, err := t.Decode(ctx, &decided[number], path, wire.MagicFindings)
			if err != nil {
				return err
			}
			all.get(d, &t.Plan, number)
			err = d.Ended()
			closeFile()
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		for k := range all.sampled {
			if !all.sampled[k].own {
				return fmt.Errorf("%w: no task of decide knows what became of sampled text %d", doc.ErrCorrupt, k)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all.conclude(ctx, t, scanned)
}

// put writes what the findings of a task add to those of all.
func (f *findings) put(e *wire.Encoder) {
	e.Uint(f.documents)
	e.Uint(uint64(len(f.sampled)))
	first := make(map[int]int) // of each family; find tells one that depends on who was first to relate it
	for k := range f.sampled {
		if of := f.find(k); first[of] == 0 {
			first[of] = k + 1
		}
	}
	for k := range f.sampled {
		p := &f.sampled[k]
		p.put(e)
		e.Uint(p.pairs)
		e.Uint(uint64(first[f.find(k)] - 1))
	}
	for _, b := range f.bins {
		for _, n := range []uint64{b.pairs, b.found, b.predicted} {
			e.Uint(n)
		}
	}
	slices.SortFunc(f.notFound, func(x, y unfound) int {
		return cmp.Or(cmp.Compare(x.probe, y.probe), x.text.place.Compare(y.text.place))
	})
	for i := range f.notFound {
		u := &f.notFound[i]
		e.Uint(uint64(u.probe))
		u.text.put(e)
		e.Uint(uint64(u.overlap))
		e.Uint(uint64(u.union))
	}
}

// Bounds of numbers in findings, so that their sums and products stay within 64 bits.
const (
	mostProbes   = 1 << 31
	mostPairs    = 1 << 40 // of all tasks together
	mostShingles = 1 << 31
)

// get adds what put wrote in a task. The file ends with it.
func (f *findings) get(d *wire.Decoder, p *plan.Plan, number int) {
	documents, probes := d.Uint(), d.Below(mostProbes)
	if number > 0 && (documents != f.documents || int(probes) != len(f.sampled)) {
		d.Fail(fmt.Errorf("%w: tasks 0 and %d of decide did not sample the same texts", doc.ErrCorrupt, number))
	}
	f.documents = documents
	var parents []uint64
	ofProbes := uint64(0) // pairs
	for k := range int(probes) {
		var o outcome
		o.get(d, p)
		pairs := d.Below(mostPairs - ofProbes)
		ofProbes += pairs
		parents = append(parents, d.Below(probes))
		if d.Err != nil {
			return
		}
		if number == 0 {
			f.sampled = append(f.sampled, probe{outcome: outcome{hash: o.hash}, parent: k})
		}
		at := &f.sampled[k]
		switch {
		case o.hash != at.hash:
			d.Fail(fmt.Errorf("%w: tasks 0 and %d of decide did not sample the same texts", doc.ErrCorrupt, number))
		case o.own && at.own:
			d.Fail(fmt.Errorf("%w: sampled text %d is another task's", doc.ErrCorrupt, k))
		case o.own:
			at.outcome = o
		}
		at.pairs += pairs
	}
	for k, parent := range parents {
		f.relate(k, int(parent))
	}
	var bins bin // of all
	for i := range f.bins {
		b := bin{d.Below(mostPairs), d.Below(mostPairs), d.Below(1e6 * mostPairs)}
		if b.found > b.pairs || b.predicted > 1e6*b.pairs {
			d.Fail(fmt.Errorf("%w: %d of %d pairs are found", doc.ErrCorrupt, b.found, b.pairs))
		}
		f.bins[i].add(b)
		bins.add(b)
	}
	before := len(f.notFound)
	for d.More() {
		u := unfound{probe: uint32(d.Below(probes))}
		u.text.get(d, p)
		u.overlap, u.union = int(d.Below(mostShingles)), int(d.Below(mostShingles))
		if d.Err == nil && (u.overlap > u.union || !u.text.own) {
			d.Fail(fmt.Errorf("%w: a pair of %d of %d shingles, or with a text of another task", doc.ErrCorrupt, u.overlap, u.union))
		}
		if d.Err != nil {
			return
		}
		f.notFound = append(f.notFound, u)
	}
	if notFound := uint64(len(f.notFound) - before); bins.pairs != ofProbes || bins.pairs-bins.found != notFound {
		d.Fail(fmt.Errorf("%w: %d pairs, %d of them found, where the probes have %d and %d are not found", doc.ErrCorrupt, bins.pairs, bins.found, ofProbes, notFound))
	}
	all := uint64(0)
	for _, b := range f.bins {
		all += b.pairs
	}
	if all >= mostPairs {
		d.Fail(fmt.Errorf("%w: %d pairs in the tasks of decide up to %d", doc.ErrCorrupt, all, number))
	}
}

// What is known of an outcome.
const (
	isOthers = iota
	isKept
	isDropped
)

func (o *outcome) put(e *wire.Encoder) {
	e.Fixed64(o.hash)
	switch {
	case !o.own:
		e.Byte(isOthers)
		return
	case o.dropped:
		e.Byte(isDropped)
	default:
		e.Byte(isKept)
	}
	e.Place(o.place)
}

func (o *outcome) get(d *wire.Decoder, p *plan.Plan) {
	o.hash = d.Fixed64()
	is := d.Below(isDropped + 1)
	if is == isOthers || d.Err != nil {
		return
	}
	o.own, o.dropped = true, is == isDropped
	o.place.Shard = uint32(d.Below(uint64(len(p.Shards))))
	o.place.Ordinal = d.Uint32()
	if d.Err == nil && uint64(o.place.Ordinal) >= p.MostLines(int(o.place.Shard)) {
		d.Fail(fmt.Errorf("%w: line %d of shard %d", doc.ErrCorrupt, o.place.Ordinal, o.place.Shard))
	}
}
