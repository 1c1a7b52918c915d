// Package sweepable keeps of a run what other thresholds need, and asks it about
// them: Kept about all documents, Around about one and what decides about it. What
// the answers add up to is told by package sweep.
package sweepable

import (
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Dir is the folder, in that of a sweepable run, that holds what other
// thresholds need: the records of all documents, the buckets of those that
// share one, and their shingle sets. Its files depend on the floor, not on the
// threshold. It holds no proven pairs: among revisions of one page there are as
// many as the square of their number, while to decide again takes but a few
// proofs for each.
const Dir = "sweep"

const (
	magicDocs  = "tallystick docs 1\n"
	magicGraph = "tallystick graph 1\n"
	magicSets  = "tallystick sets 1\n"

	sweepWindow = 8 << 20 // of the compression, bytes

	sweepGraph = Dir + "/graph.zst"
	sweepSets  = Dir + "/sets.zst"
)

func sweepDocs(shard int) string { return fmt.Sprintf("%s/%05d.docs.zst", Dir, shard) }

// Packer is an encoder whose output is compressed. The nil packer takes
// everything and writes nothing.
type Packer struct {
	*wire.Encoder
	z *zstd.Encoder
}

func pack(ctx context.Context, t *task.Task, path, magic string) (*Packer, error) {
	w, err := t.Create(ctx, path)
	if err != nil {
		return nil, err
	}
	// One goroutine: the bytes must not depend on how many there are.
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(sweepWindow))
	if err != nil {
		return nil, err
	}
	e := wire.NewEncoder(z, magic)
	e.Sources = t.Plan.UsesSource()
	return &Packer{e, z}, nil
}

// Document writes what scan learned of one line.
func (p *Packer) Document(r *wire.Document) {
	if p != nil {
		p.Encoder.Document(r)
	}
}

// Close ends the file.
func (p *Packer) Close() error {
	if p == nil {
		return nil
	}
	if err := p.Flush(); err != nil {
		return err
	}
	return p.z.Close()
}

// unpack opens a file of Dir. Whoever opened the run has compared its
// digest with the manifest.
func unpack(ctx context.Context, j *task.Job, path, magic string) (*wire.Decoder, func(), error) {
	f, err := j.Out.Open(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(sweepWindow))
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	closeAll := func() { z.Close(); f.Close() }
	d, err := wire.NewDecoder(z, magic)
	if err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	d.Further, d.Sources = len(j.Plan.Further), j.Plan.UsesSource()
	return d, closeAll, nil
}

// KeepDocs starts the copy of a shard's records, nil if none is wanted.
func KeepDocs(ctx context.Context, t *task.Task, shard int) (*Packer, error) {
	if !t.Plan.NearDup.Sweepable() {
		return nil, nil
	}
	return pack(ctx, t, sweepDocs(shard), magicDocs)
}

// TakeDocs makes the records of a shard what they were in another run.
func TakeDocs(ctx context.Context, t *task.Task, from *task.Job) error {
	shard := t.Record.Task
	d, done, err := unpack(ctx, from, sweepDocs(shard), magicDocs)
	if err != nil {
		return err
	}
	defer done()
	e, err := t.Encode(ctx, task.WorkPath(task.Scan, shard, "docs"), wire.MagicDocs)
	if err != nil {
		return err
	}
	var rec wire.Document
	for d.More() {
		if d.Document(&rec); d.Err != nil {
			break
		}
		e.SizedDocument(&rec)
		t.Record.Numbers["documents"]++
		if rec.Reason != doc.OK {
			t.Record.Numbers["rejected"]++
		}
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", sweepDocs(shard), d.Err)
	}
	return e.Flush()
}

// TakeNodes makes what resolve kept what it was in another run.
func TakeNodes(ctx context.Context, t *task.Task, from *task.Job) error {
	for _, path := range []string{sweepGraph, sweepSets} {
		if err := copyFrom(ctx, t, from, path); err != nil {
			return err
		}
	}
	return nil
}

// copyFrom copies a file of another run.
func copyFrom(ctx context.Context, t *task.Task, from *task.Job, path string) error {
	f, err := from.Out.Open(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := t.Create(ctx, path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
