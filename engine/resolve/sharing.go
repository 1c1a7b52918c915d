package resolve

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// eachDoc calls fn for every document in a group, in order of place: its number, its
// record and, where an earlier run dropped it, what that decided. Both are reused.
func (r *resolver) eachDoc(ctx context.Context, fn func(number uint32, p doc.Place, rec *wire.Document, carried *wire.Decision) error) error {
	var rec wire.Document
	next := uint32(0) // the number that must come
	for shard := range r.Plan.Shards {
		if err := r.eachDocOf(ctx, shard, &rec, func(p doc.Place, carried *wire.Decision) error {
			number, shares := r.places.Find(p)
			if !shares || number < next {
				return nil
			}
			if number != next {
				return errNoRecord(r.places.At(next))
			}
			next++
			return fn(number, p, &rec, carried)
		}); err != nil {
			return err
		}
	}
	if int(next) != r.number {
		return errNoRecord(r.places.At(next))
	}
	return nil
}

func errNoRecord(p doc.Place) error {
	return fmt.Errorf("%w: line %d of shard %d has keys but no record", doc.ErrCorrupt, p.Ordinal, p.Shard)
}

// eachDocOf reads the records of one shard into rec.
func (r *resolver) eachDocOf(ctx context.Context, shard int, rec *wire.Document, fn func(p doc.Place, carried *wire.Decision) error) error {
	path := task.WorkPath(task.Scan, shard, "docs")
	d, closeFile, err := r.Decode(ctx, &r.scanned[shard], path, wire.MagicDocs)
	if err != nil {
		return err
	}
	defer closeFile()
	carried := func(uint32) (*wire.Decision, error) { return nil, nil }
	if r.Plan.Shards[shard].Index != "" {
		var closeCarried func()
		if carried, closeCarried, err = r.carriedOf(ctx, shard); err != nil {
			return err
		}
		defer closeCarried()
	}
	end, behind := r.places.End(shard), false
	shares := func(ordinal uint32) bool {
		behind = uint64(ordinal) >= end
		_, shares := r.places.Find(doc.Place{Shard: uint32(shard), Ordinal: ordinal})
		return shares
	}
	// Behind the last line of interest nothing is, and without one all of it is of none.
	for end > 0 && !behind && d.More() {
		if !d.SizedDocumentOf(rec, shares) {
			continue
		}
		if d.Err != nil {
			break
		}
		decided, err := carried(rec.Ordinal)
		if err != nil {
			return err
		}
		if err := fn(doc.Place{Shard: uint32(shard), Ordinal: rec.Ordinal}, decided); err != nil {
			d.SkipRest() // to tell whether the record was damaged
			return cmp.Or(d.Err, err)
		}
	}
	if end > 0 {
		d.SkipRest()
		if _, err := carried(math.MaxUint32); err != nil { // which is behind the last
			return err
		}
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", path, d.Err)
	}
	return ctx.Err()
}

// sharing gathers and numbers the places of all documents in a group.
func (r *resolver) sharing(ctx context.Context) error {
	for _, kind := range []string{"exact", "buckets"} {
		err := r.readGroups(ctx, kind, func(members []doc.Place) error {
			for _, p := range members {
				if int(p.Shard) >= len(r.Plan.Shards) || uint64(p.Ordinal) >= r.Plan.MostLines(int(p.Shard)) {
					return fmt.Errorf("%w: a group of %s names line %d of shard %d of %d", doc.ErrCorrupt, kind, p.Ordinal, p.Shard, len(r.Plan.Shards))
				}
				r.places.Add(p)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if r.number = r.places.Number(); r.number > math.MaxInt32 {
		return fmt.Errorf("%d documents share a key with another one; one process resolves at most %d", r.number, math.MaxInt32)
	}
	return nil
}

// readGroups calls fn for every group of one kind that can decide anything, in
// order of partition and key, and is of the share of a task that has taken one.
// members is reused.
func (r *resolver) readGroups(ctx context.Context, kind string, fn func(members []doc.Place) error) error {
	for number := range r.matched {
		path := task.WorkPath(task.Match, number, kind)
		f, err := r.OpenFile(ctx, &r.matched[number], path)
		if err != nil {
			return err
		}
		err = wire.EachGroup(f, func(members []doc.Place) error {
			if !r.matters(members) || r.isOthers(members) {
				return nil
			}
			return fn(members)
		})
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// eachBucketOf calls fn for every bucket that two documents share that are no copies.
// members is reused.
func (r *resolver) eachBucketOf(ctx context.Context, isCopy func(number uint32) bool, fn func(members []uint32) error) error {
	var bucket []uint32
	return r.readGroups(ctx, "buckets", func(members []doc.Place) error {
		bucket = bucket[:0]
		for _, place := range members {
			n, err := r.at(place)
			if err != nil {
				return err
			}
			if !isCopy(uint32(n)) {
				bucket = append(bucket, uint32(n))
			}
		}
		if len(bucket) < 2 {
			return nil
		}
		return fn(bucket)
	})
}

// carriedOf reads what an earlier run decided about the documents of a shard that it
// dropped: the function is asked for ascending lines, and its answer is reused.
func (r *resolver) carriedOf(ctx context.Context, shard int) (func(ordinal uint32) (*wire.Decision, error), func(), error) {
	path := task.WorkPath(task.Scan, shard, "decisions")
	d, closeFile, err := r.Decode(ctx, &r.scanned[shard], path, wire.MagicDecisions)
	if err != nil {
		return nil, nil, err
	}
	var next wire.Decision
	pending := false
	return func(ordinal uint32) (*wire.Decision, error) {
		for !pending || next.Ordinal < ordinal {
			if pending = d.More(); !pending {
				break
			}
			last := next.Ordinal
			if d.Decision(&next); d.Err == nil && next.Ordinal < last {
				d.Fail(fmt.Errorf("%w: line %d after line %d", doc.ErrCorrupt, next.Ordinal, last))
			}
		}
		if d.Err != nil {
			return nil, fmt.Errorf("%s: %w", path, d.Err)
		}
		if !pending || next.Ordinal != ordinal {
			return nil, nil
		}
		return &next, nil
	}, closeFile, nil
}
