package stage

import (
	"context"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// EachDocument calls fn for every line that scan found in a shard, in order;
// reason is doc.OK for documents. contributor is valid during the call. It is
// for who wants to know a corpus; a scan task must have been done.
func EachDocument(ctx context.Context, j *task.Job, shard int, fn func(ordinal uint32, reason doc.Reason, bytes uint64, contributor []byte)) error {
	scanned, err := j.Needs(ctx, task.Scan, shard)
	if err != nil {
		return err
	}
	path := task.WorkPath(task.Scan, shard, "docs")
	d, closeFile, err := j.Decode(ctx, &scanned, path, wire.MagicDocs)
	if err != nil {
		return err
	}
	defer closeFile()
	var rec wire.Document
	for d.More() {
		if d.SizedDocument(&rec); d.Err != nil {
			break
		}
		fn(rec.Ordinal, rec.Reason, rec.Bytes, rec.Contributor)
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", path, d.Err)
	}
	return ctx.Err()
}

// EachGroup calls fn for every group that match found, of documents with an
// equal exact key or of those in one bucket; members is valid during the call.
// All match tasks must have been done.
func EachGroup(ctx context.Context, j *task.Job, exact bool, fn func(members []doc.Place)) error {
	matched, err := j.Records(ctx, task.Match)
	if err != nil {
		return err
	}
	kind := "buckets"
	if exact {
		kind = "exact"
	}
	for number := range matched {
		path := task.WorkPath(task.Match, number, kind)
		f, err := j.OpenFile(ctx, &matched[number], path)
		if err != nil {
			return err
		}
		err = wire.EachGroup(f, func(members []doc.Place) error {
			fn(members)
			return nil
		})
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return ctx.Err()
}

// EachDecision calls fn for every document of a shard that was dropped, in order, with
// the kept one that is its witness. Resolve must have been done.
func EachDecision(ctx context.Context, j *task.Job, shard int, fn func(ordinal uint32, witness doc.Place)) error {
	resolved, err := j.Needs(ctx, task.Resolve, 0)
	if err != nil {
		return err
	}
	path := task.WorkPath(task.Resolve, shard, "decisions")
	d, closeFile, err := j.Decode(ctx, &resolved, path, wire.MagicDecisions)
	if err != nil {
		return err
	}
	defer closeFile()
	var rec wire.Decision
	for d.More() {
		if d.Decision(&rec); d.Err != nil {
			break
		}
		fn(rec.Ordinal, rec.Witness)
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", path, d.Err)
	}
	return ctx.Err()
}
