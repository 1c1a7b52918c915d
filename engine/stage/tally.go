package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/bitmap"
	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// tellEvery is how many documents tally adds up between two looks around.
const tellEvery = 4096

// tallyShard adds up one shard and writes its decisions, bitmaps and rejects.
func tallyShard(ctx context.Context, t *taskRun) error {
	shard := t.Record.Task
	if t.Plan.IsStanding(shard) {
		return t.carryIndex(ctx, shard)
	}
	scanned, err := t.Needs(ctx, task.Scan, shard)
	if err != nil {
		return err
	}
	resolved, err := t.Needs(ctx, task.Resolve, 0)
	if err != nil {
		return err
	}
	docs, closeDocs, err := t.Decode(ctx, &scanned, task.WorkPath(task.Scan, shard, "docs"), wire.MagicDocs)
	if err != nil {
		return err
	}
	defer closeDocs()
	decided, closeDecided, err := t.Decode(ctx, &resolved, task.WorkPath(task.Resolve, shard, "decisions"), wire.MagicDecisions)
	if err != nil {
		return err
	}
	defer closeDecided()

	decisionsFile, err := t.Create(ctx, decision.Path(shard))
	if err != nil {
		return err
	}
	dropped := decision.NewWriter(decisionsFile, shard, decision.Meta{
		RunID: t.Plan.RunID, TokenizerSHA256: t.Plan.Tokenizer.SHA256,
	}, t.Plan.Further...)
	kept, err := sweepable.KeepDocs(ctx, t.Task, shard)
	if err != nil {
		return err
	}
	rejectsFile, err := t.Create(ctx, task.WorkPath(task.Tally, shard, "rejects"))
	if err != nil {
		return err
	}
	rejects := decision.NewRejectWriter(rejectsFile)

	var (
		room    = t.TallyRoom()
		sums    = tally.Tally{Further: len(t.Plan.Further), Room: room, Dir: t.ScratchDir()}
		lines   [doc.NumClasses]roaring.Bitmap
		rec     wire.Document
		next    wire.Decision
		pending bool
		file    = t.Plan.Files[t.Plan.Shards[shard].File].Path
		first   = t.Plan.Shards[shard].FirstLine
	)
	credit, err := t.newCrediting(ctx, &resolved, &sums)
	if err != nil {
		return err
	}
	defer credit.stop()
	flows := flows{by: tally.Tally{Room: room, Dir: t.ScratchDir()}}
	lost := losses{byContributor: tally.Tally{Room: room, Dir: t.ScratchDir()}}
	defer sums.Close()
	defer lost.byContributor.Close()
	defer flows.by.Close()
	n := 0
	for ; docs.More(); n++ {
		if n%tellEvery == 0 && n > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			t.Progress(tellEvery)
		}
		if docs.SizedDocument(&rec); docs.Err != nil {
			break
		}
		kept.Document(&rec)
		if !pending && decided.More() {
			decided.Decision(&next)
			pending = decided.Err == nil
		}
		class := doc.Kept
		switch {
		case rec.Reason != doc.OK:
			class = doc.Rejected
			err = rejects.Write(decision.Reject{
				File: file, Shard: int32(shard), Line: first + int64(rec.Ordinal), Offset: rec.Offset,
				Column: int64(rec.Column), Reason: rec.Reason, Contributor: string(rec.Contributor),
			})
		case pending && next.Ordinal == rec.Ordinal:
			class, pending = next.Class, false
			lost.add(&rec, &next, t.fileOf(uint32(shard)), t.fileOf(next.Witness.Shard))
			flows.add(&rec, &next)
			err = dropped.Write(t.row(shard, first, &rec, &next))
		default:
			lost.add(&rec, nil, 0, 0)
		}
		if err != nil { // what cannot be written may have been damaged
			docs.SkipRest()
			decided.SkipRest()
			return cmp.Or(docs.Err, decided.Err, err)
		}
		if class == doc.Kept {
			credit.kept(&rec)
		}
		sums.Add(rec.Contributor, class, rec.Bytes, rec.Tokens, rec.Further...)
		lines[class].Add(rec.Ordinal)
	}
	if n > 0 {
		t.Progress(int64((n-1)%tellEvery + 1))
	}
	if !pending && decided.More() {
		decided.Decision(&next)
		pending = decided.Err == nil
	}
	if err := errors.Join(docs.Err, decided.Err); err != nil {
		return fmt.Errorf("shard %d: %w", shard, err)
	}
	if pending {
		return fmt.Errorf("%w: a decision about line %d of shard %d, which has no document", doc.ErrCorrupt, next.Ordinal, shard)
	}
	if err := dropped.Close(); err != nil {
		return err
	}
	if err := errors.Join(rejects.Close(), kept.Close()); err != nil {
		return err
	}
	for class := range doc.NumClasses {
		if lines[class].IsEmpty() {
			continue
		}
		w, err := t.Create(ctx, bitmap.Path(shard, class))
		if err != nil {
			return err
		}
		if err := bitmap.Write(w, &lines[class]); err != nil {
			return err
		}
	}
	if t.Plan.Index {
		if err := t.writeIndex(ctx, shard, &lines[doc.Kept], &lines[doc.NearDup]); err != nil {
			return err
		}
	}
	e, err := t.Encode(ctx, task.WorkPath(task.Tally, shard, "sums"), magicSums)
	if err != nil {
		return err
	}
	if err := errors.Join(sums.Each(func(r *tally.Row) { putSums(e, r) }), e.Flush()); err != nil {
		return err
	}
	if err := lost.write(ctx, t); err != nil {
		return err
	}
	if err := credit.write(ctx, t); err != nil {
		return err
	}
	return flows.write(ctx, t)
}

func (t *taskRun) row(shard int, first int64, rec *wire.Document, d *wire.Decision) decision.Row {
	row := decision.Row{
		Shard: int32(shard), Line: first + int64(rec.Ordinal), Offset: rec.Offset,
		ID: string(rec.ID), Contributor: string(rec.Contributor), Class: d.Class.String(),
		Bytes: int64(rec.Bytes), Tokens: int64(rec.Tokens),
		WitnessShard: int32(d.Witness.Shard), WitnessLine: d.WitnessLine,
		WitnessID: d.WitnessID, WitnessContributor: d.WitnessContrib,
		Jaccard: 1, SharedBuckets: int32(d.Shared),
	}
	for _, n := range rec.Further {
		row.Further = append(row.Further, int64(n))
	}
	if d.Class == doc.NearDup {
		row.SetScore(int64(d.Overlap), int64(d.Union))
	}
	return row
}
