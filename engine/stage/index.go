package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// The index of a finished run is what a later run needs to take its kept
// documents as paid: a file per shard with
//
//   - the record of every kept document: id, contributor, created, source,
//     place, exact key, but no tokens;
//   - its exact key and band keys;
//   - of every document that was dropped as near_dup the record, the exact key
//     and the decision: a later copy of its text has the same witness and score,
//     as it would have in one run over both.
//
// Texts are not in it: those that must be compared are read again from the
// inputs of the earlier run. An index also holds what the run itself took as
// earlier, so the latest of a chain of runs stands for all of it.
//
// It is a stream of tagged records; blocks of keys are their own tags.
const magicIndex = "tallystick index 1\n"

const (
	indexDoc      = 'd'
	indexDecision = 'v'
)

// IndexPath names the index file of a shard below the folder of a run.
func IndexPath(shard int) string { return fmt.Sprintf("index/%05d.bin", shard) }

// writeIndex writes the index of a shard of the delivery.
func (t *taskRun) writeIndex(ctx context.Context, shard int, kept, nearDup *roaring.Bitmap) error {
	resolved, err := t.Needs(ctx, task.Resolve, 0)
	if err != nil {
		return err
	}
	return t.indexShard(ctx, shard, &resolved, task.WorkPath(task.Resolve, shard, "decisions"), func(tag byte, ordinal uint32) bool {
		return nearDup.Contains(ordinal) && tag != byte(wire.BandKey) || kept.Contains(ordinal)
	})
}

// carryIndex copies what an earlier run kept.
func (t *taskRun) carryIndex(ctx context.Context, shard int) error {
	scanned, err := t.Needs(ctx, task.Scan, shard)
	if err != nil {
		return err
	}
	return t.indexShard(ctx, shard, &scanned, task.WorkPath(task.Scan, shard, "decisions"), func(byte, uint32) bool { return true })
}

// indexShard writes the records and keys of a shard that are wanted: what is
// asked is the tag and the line.
func (t *taskRun) indexShard(ctx context.Context, shard int, decidedBy *task.Record, decisions string, wanted func(tag byte, ordinal uint32) bool) error {
	scanned, err := t.Needs(ctx, task.Scan, shard)
	if err != nil {
		return err
	}
	e, err := t.Encode(ctx, IndexPath(shard), magicIndex)
	if err != nil {
		return err
	}

	docs, closeDocs, err := t.Decode(ctx, &scanned, task.WorkPath(task.Scan, shard, "docs"), wire.MagicDocs)
	if err != nil {
		return err
	}
	defer closeDocs()
	var rec wire.Document
	for docs.More() {
		if docs.SizedDocument(&rec); docs.Err == nil && rec.Reason == doc.OK && wanted(indexDoc, rec.Ordinal) {
			rec.Tokens, rec.Further = 0, rec.Further[:0]
			e.Byte(indexDoc)
			e.Document(&rec)
		}
	}
	decided, closeDecided, err := t.Decode(ctx, decidedBy, decisions, wire.MagicDecisions)
	if err != nil {
		return err
	}
	defer closeDecided()
	var d wire.Decision
	for decided.More() {
		if decided.Decision(&d); decided.Err == nil && d.Class == doc.NearDup && wanted(indexDecision, d.Ordinal) {
			e.Byte(indexDecision)
			e.Decision(&d)
		}
	}
	keys, closeKeys, err := t.Decode(ctx, &scanned, task.WorkPath(task.Scan, shard, "keys"), wire.MagicKeys)
	if err != nil {
		return err
	}
	defer closeKeys()
	out := wire.NewKeyWriter(e, uint32(shard), 1)
	var block []byte
	for keys.More() {
		kind := wire.KeyKind(keys.Byte())
		if kind == wire.KeyDirectory {
			keys.SkipRest()
			break
		}
		keys.Uint() // partition
		block = keys.Bytes(block)
		out.Copy(keys, kind, block, wanted)
	}
	for _, d := range []*wire.Decoder{docs, decided, keys} {
		if d.Err != nil {
			return fmt.Errorf("index of shard %d: %w", shard, d.Err)
		}
	}
	out.PutAll() // an index has no directory of them: it is read from its front
	return e.Flush()
}

// scanEarlier does for a shard of an earlier run what scan does for others,
// from the index of that run.
func scanEarlier(ctx context.Context, t *taskRun) error {
	shard := t.Record.Task
	var run *plan.Earlier
	for i := range t.Plan.Earlier {
		if r := &t.Plan.Earlier[i]; shard >= r.FirstShard && shard < r.FirstShard+r.Shards {
			run = r
		}
	}
	if run == nil {
		return fmt.Errorf("%w: shard %d is of no earlier run of the plan", doc.ErrCorrupt, shard)
	}
	name := object.Join(run.Folder, IndexPath(shard-run.FirstShard))
	file, err := corpus.OpenRaw(ctx, name)
	if err != nil {
		return fmt.Errorf("index of earlier run %s: %w", run.Folder, err)
	}
	defer file.Close()
	if err := t.readIndex(ctx, run, file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (t *taskRun) readIndex(ctx context.Context, run *plan.Earlier, file io.Reader) error {
	shard := t.Record.Task
	digest := sha256.New()
	d, err := wire.NewDecoder(io.TeeReader(file, digest), magicIndex)
	if err != nil {
		return err
	}
	d.Sources = t.Plan.UsesSource()
	encoders := make([]*wire.Encoder, 2)
	for i, kind := range []struct{ name, magic string }{{"docs", wire.MagicDocs}, {"decisions", wire.MagicDecisions}} {
		if encoders[i], err = t.Encode(ctx, task.WorkPath(task.Scan, shard, kind.name), kind.magic); err != nil {
			return err
		}
	}
	keysTo, tables, err := t.createKeys(ctx)
	if err != nil {
		return err
	}
	docs, decisions, keys := encoders[0], encoders[1], wire.NewKeyWriter(keysTo, uint32(shard), t.Plan.Partitions)
	keys.Tables = tables
	all := func(byte, uint32) bool { return true }
	var (
		rec     wire.Document
		decided wire.Decision
		block   []byte
		zeros   = make([]uint64, len(t.Plan.Further))
		kept    int64
	)
	for n := 0; d.More(); n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch tag := d.Byte(); tag {
		case indexDoc:
			d.Document(&rec)
			rec.Further = append(rec.Further[:0], zeros...)
			docs.SizedDocument(&rec)
			putTableRow(keys.Tables, &t.Plan, &rec)
			kept++
		case indexDecision:
			d.Decision(&decided)
			if decided.Witness.Shard >= uint32(run.Shards) && d.Err == nil {
				return fmt.Errorf("%w: a witness in shard %d of %d", doc.ErrCorrupt, decided.Witness.Shard, run.Shards)
			}
			decided.Witness.Shard += uint32(run.FirstShard)
			decisions.Decision(&decided)
			kept--
		default:
			d.Uint() // partition
			block = d.Bytes(block)
			keys.Copy(d, wire.KeyKind(tag), block, all)
		}
	}
	if d.Err != nil {
		return d.Err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != t.Plan.Shards[shard].Index {
		return fmt.Errorf("%w: it is not the file that the plan was made from: was the earlier run replaced?", doc.ErrInputChanged)
	}
	t.Record.Numbers["documents"] = kept
	for _, e := range encoders {
		if err := e.Flush(); err != nil {
			return err
		}
	}
	return keys.Flush()
}
