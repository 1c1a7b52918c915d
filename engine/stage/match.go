package stage

import (
	"context"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
)

// match joins one partition of the keys of all shards: documents that share
// an exact key, and documents that share a bucket. Singletons end here.
func match(ctx context.Context, t *taskRun) error {
	scanned, err := t.Records(ctx, Scan)
	if err != nil {
		return err
	}
	var blocks []packedKeys
	for shard := range t.Plan.Shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := workPath(Scan, shard, "keys")
		r, err := t.openFile(ctx, &scanned[shard], path)
		if err != nil {
			return err
		}
		blocks, err = readPacked(io.NewSectionReader(r, 0, r.Size()), uint32(shard), t.rec.Task, blocks)
		r.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	bands, exact, err := t.repeated(blocks)
	if err != nil {
		return err
	}
	if err := t.writeGroups(ctx, "exact", neardup.ExactGroups(exact)); err != nil {
		return err
	}
	return t.writeGroups(ctx, "buckets", neardup.Buckets(bands))
}

// repeated returns the keys of the blocks but for most of those that only one
// document has.
func (t *taskRun) repeated(blocks []packedKeys) ([]neardup.BandRecord, []neardup.ExactRecord, error) {
	most := map[keyKind]int{}
	for _, b := range blocks {
		most[b.kind] += len(b.packed) / 10 // few keys take less than 10 bytes
	}
	sieves := map[keyKind]*neardup.Sieve{bandKey: neardup.NewSieve(most[bandKey]), exactKey: neardup.NewSieve(most[exactKey])}
	var number int64
	for _, b := range blocks {
		sieve := sieves[b.kind]
		before := number
		err := b.each(func(key uint64, _ uint32, _ uint64) {
			sieve.Add(key)
			number++
		})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", workPath(Scan, int(b.shard), "keys"), err)
		}
		if b.kind != bandKey {
			number = before
		}
	}
	t.rec.Numbers["band_records"] = number
	var bands []neardup.BandRecord
	var exact []neardup.ExactRecord
	for _, b := range blocks {
		sieve := sieves[b.kind]
		b.each(func(key uint64, ordinal uint32, length uint64) { // without an error the first time
			at := doc.Place{Shard: b.shard, Ordinal: ordinal}
			switch {
			case !sieve.Repeats(key):
			case b.kind == bandKey:
				bands = append(bands, neardup.BandRecord{Key: key, Doc: at})
			default:
				exact = append(exact, neardup.ExactRecord{Hash: key, Length: length, Doc: at})
			}
		})
	}
	return bands, exact, nil
}

func (t *taskRun) writeGroups(ctx context.Context, kind string, g neardup.Groups) error {
	e, err := t.encode(ctx, workPath(Match, t.rec.Task, kind), magicGroups)
	if err != nil {
		return err
	}
	for i := range g.Len() {
		members := g.Group(i)
		e.uint(uint64(len(members)))
		for _, p := range members {
			e.place(p)
		}
	}
	t.rec.Numbers[kind] = int64(g.Len())
	return e.flush()
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
