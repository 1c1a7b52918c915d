// Package sweepable keeps of a run what other thresholds need, and asks it about
// them: Kept about all documents, Around about one and what decides about it. What
// the answers add up to is told by package sweep.
package sweepable

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
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

// KeepNodes writes what resolve knows before it writes decisions.
func KeepNodes(ctx context.Context, t *task.Task, g *fate.Nodes) error {
	if !t.Plan.NearDup.Sweepable() {
		return nil
	}
	if err := keepGraph(ctx, t, g); err != nil {
		return err
	}
	return keepSets(ctx, t, g)
}

// keepGraph writes, for every node in order of place, where it is, who stands
// for it, and its rank; then the buckets of every rank.
func keepGraph(ctx context.Context, t *task.Task, g *fate.Nodes) error {
	p, err := pack(ctx, t, sweepGraph, magicGraph)
	if err != nil {
		return err
	}
	p.Uint(uint64(len(g.All)))
	for i := range g.All {
		n := &g.All[i]
		p.Place(n.Place)
		p.Int(int64(n.First) - int64(i))
		p.Uint(uint64(n.Rank + 1))
	}
	p.Uint(uint64(g.Graph.Len()))
	p.Uint(uint64(g.Graph.Buckets))
	for d := range uint32(g.Graph.Len()) {
		ids := g.Graph.Of(d)
		p.Uint(uint64(len(ids)))
		last := uint32(0)
		for _, b := range ids {
			p.Uint(uint64(b - last))
			last = b
		}
	}
	return p.Close()
}

// keepSets writes the shingle sets, those that share a bucket next to each
// other: only so does a window of a few megabytes see that they are alike.
func keepSets(ctx context.Context, t *task.Task, g *fate.Nodes) error {
	p, err := pack(ctx, t, sweepSets, magicSets)
	if err != nil {
		return err
	}
	ranks := make([]uint32, g.Graph.Len())
	for i := range ranks {
		ranks[i] = uint32(i)
	}
	// Whoever has a rank is in a bucket.
	slices.SortFunc(ranks, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(g.Graph.Of(a)[0], g.Graph.Of(b)[0]), cmp.Compare(a, b))
	})
	var buffer []uint64
	for _, d := range ranks {
		if err := ctx.Err(); err != nil {
			return err
		}
		set, err := g.Sets.Load(d, &buffer)
		if err != nil {
			return err
		}
		p.Uint(uint64(d))
		p.Uint(uint64(len(set)))
		for _, x := range set {
			p.Fixed64(x)
		}
	}
	return p.Close()
}

// LoadGraph is the inverse of keepGraph: it fills g.
func LoadGraph(ctx context.Context, from *task.Job, g *fate.Nodes) error {
	d, done, err := unpack(ctx, from, sweepGraph, magicGraph)
	if err != nil {
		return err
	}
	defer done()
	nodes := d.Uint()
	for i := range nodes {
		n := fate.Node{Place: d.Place(), First: int32(int64(i) + d.Int()), Rank: int32(d.Below(math.MaxInt32)) - 1}
		if d.Err != nil {
			break
		}
		if n.First < 0 || uint64(n.First) >= nodes || uint64(n.Rank+1) > nodes ||
			int(n.Place.Shard) >= len(from.Plan.Shards) || i > 0 && g.All[i-1].Place.Compare(n.Place) >= 0 {
			d.Fail(fmt.Errorf("%w: node %d", doc.ErrCorrupt, i))
			break
		}
		g.All = append(g.All, n)
	}
	docs, buckets := d.Uint(), d.Uint()
	if d.Err == nil && (docs > nodes || buckets > 1<<32-1) {
		d.Fail(fmt.Errorf("%w: %d documents in %d buckets", doc.ErrCorrupt, docs, buckets))
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", sweepGraph, d.Err)
	}
	g.ByRank = make([]int32, docs)
	for i := range g.ByRank {
		g.ByRank[i] = -1
	}
	for i := range g.All {
		if rank := g.All[i].Rank; rank >= 0 {
			if uint64(rank) >= docs || g.ByRank[rank] >= 0 {
				return fmt.Errorf("%s: %w: rank %d", sweepGraph, doc.ErrCorrupt, rank)
			}
			g.ByRank[rank] = int32(i)
		}
	}
	if slices.Contains(g.ByRank, -1) {
		return fmt.Errorf("%s: %w: a rank without document", sweepGraph, doc.ErrCorrupt)
	}
	g.Graph = neardup.Graph{Offsets: []uint64{0}, Buckets: int(buckets)}
	for range docs {
		last := uint64(0)
		for i, n := uint64(0), d.Uint(); i < n && d.Err == nil; i++ {
			step := d.Uint()
			if i > 0 && step == 0 || step >= buckets || last+step >= buckets {
				d.Fail(fmt.Errorf("%w: bucket %d of %d", doc.ErrCorrupt, last+step, buckets))
				break
			}
			last += step
			g.Graph.IDs = append(g.Graph.IDs, uint32(last))
		}
		g.Graph.Offsets = append(g.Graph.Offsets, uint64(len(g.Graph.IDs)))
	}
	if d.Err == nil && buckets > uint64(len(g.Graph.IDs)) {
		d.Fail(fmt.Errorf("%w: %d buckets of %d members", doc.ErrCorrupt, buckets, len(g.Graph.IDs)))
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", sweepGraph, d.Err)
	}
	return nil
}

// LoadSets reads the kept shingle sets of docs ranks into a scratch file in
// folder scratch. want tells which, and under what rank they go there.
func LoadSets(ctx context.Context, j *task.Job, scratch string, docs int, want func(rank uint32) (as uint32, ok bool)) (*neardup.FileSets, error) {
	d, done, err := unpack(ctx, j, sweepSets, magicSets)
	if err != nil {
		return nil, err
	}
	defer done()
	w, err := neardup.NewSetWriter(scratch, docs)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*neardup.FileSets, error) {
		w.Abort()
		return nil, fmt.Errorf("%s: %w", sweepSets, err)
	}
	var set []uint64
	var block [1 << 12]byte
	found := 0
	for d.More() {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		set = set[:0]
		rank := d.Uint32()
		as, ok := want(rank)
		for left := d.Uint(); left > 0 && d.Err == nil; {
			b := block[:8*min(left, uint64(len(block)/8))]
			if d.Full(b); d.Err != nil {
				break
			}
			left -= uint64(len(b) / 8)
			for ; ok && len(b) > 0; b = b[8:] {
				set = append(set, binary.LittleEndian.Uint64(b))
			}
		}
		if d.Err == nil && !slices.IsSorted(set) {
			d.Fail(fmt.Errorf("%w: the set of rank %d does not ascend", doc.ErrCorrupt, rank))
		}
		if d.Err == nil && ok {
			found++
			d.Err = w.Append(as, set)
		}
	}
	if d.Err == nil && found != docs {
		d.Err = fmt.Errorf("%w: %d sets of %d", doc.ErrCorrupt, found, docs)
	}
	if d.Err != nil {
		return fail(d.Err)
	}
	return w.Finish()
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
