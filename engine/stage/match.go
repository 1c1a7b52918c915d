package stage

import (
	"context"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
)

// match joins one partition of the keys of all shards: documents that share
// an exact key, and documents that share a bucket. Singletons end here.
func match(ctx context.Context, t *taskRun) error {
	if len(t.Candidates) > 0 {
		return matchCandidates(ctx, t)
	}
	scanned, err := t.Records(ctx, Scan)
	if err != nil {
		return err
	}
	room := t.roomFor(Match)
	keys, err := t.openKeys(ctx, scanned, room/3)
	if err != nil {
		return err
	}
	defer keys.close()
	if t.Memory > 0 {
		room -= keys.held
	}
	for _, kind := range []struct {
		keyKind
		name string
	}{{exactKey, "exact"}, {bandKey, "buckets"}} {
		groups, err := t.createGroups(ctx, kind.name)
		if err != nil {
			return err
		}
		j := &join{keys: keys, kind: kind.keyKind, out: groups, room: room}
		if err := j.run(ctx, keysOf(t.rec.Task, t.Plan.Partitions)); err != nil {
			return err
		}
		if err := groups.end(t); err != nil {
			return err
		}
		if kind.keyKind == bandKey {
			t.rec.Numbers["band_records"] = j.keyN
		}
	}
	return nil
}

func (e *encoder) group(members []doc.Place) {
	e.uint(uint64(len(members)))
	for _, p := range members {
		e.place(p)
	}
}

// readGroups calls fn for every group of one kind that can decide anything, in
// order of partition and key. members is reused.
func (r *resolver) readGroups(ctx context.Context, kind string, fn func(members []doc.Place) error) error {
	for task := range r.matched {
		path := workPath(Match, task, kind)
		f, err := r.openFile(ctx, &r.matched[task], path)
		if err != nil {
			return err
		}
		err = decodeGroups(f, func(members []doc.Place) error {
			if !r.matters(members) {
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

func decodeGroups(r io.Reader, fn func(members []doc.Place) error) error {
	d, err := newDecoder(r, magicGroups)
	if err != nil {
		return err
	}
	var members []doc.Place
	for d.more() {
		members = members[:0]
		for n := d.uint(); n > 0 && d.err == nil; n-- {
			members = append(members, d.place())
		}
		if d.err != nil {
			return d.err
		}
		if err := fn(members); err != nil {
			return err
		}
	}
	return d.err
}
