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
	if len(t.Candidates) > 0 {
		return matchCandidates(ctx, t)
	}
	scanned, err := t.Records(ctx, Scan)
	if err != nil {
		return err
	}
	var bands []neardup.BandRecord
	var exact []neardup.ExactRecord
	for shard := range t.Plan.Shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := workPath(Scan, shard, "keys")
		if scanned[shard].wrote(TablePath("bands", shard)) && !scanned[shard].wrote(path) {
			return fmt.Errorf("%w: scan task %d wrote its keys as Parquet: match needs the --candidates that an engine made of them (docs/match.sql), or scan again without --band-format", doc.ErrUsage, shard)
		}
		r, err := t.openFile(ctx, &scanned[shard], path)
		if err != nil {
			return err
		}
		keys := io.NewSectionReader(r, 0, r.Size())
		bands, exact, err = readKeys(keys, uint32(shard), t.rec.Task, bands, exact)
		r.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	t.rec.Numbers["band_records"] = int64(len(bands))
	if err := t.writeGroups(ctx, "exact", neardup.ExactGroups(exact)); err != nil {
		return err
	}
	return t.writeGroups(ctx, "buckets", neardup.Buckets(bands))
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
