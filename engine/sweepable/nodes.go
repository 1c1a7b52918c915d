package sweepable

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// KeepNodes writes what resolve knows before it writes decisions.
func KeepNodes(ctx context.Context, t *task.Task, g *fate.Nodes) error {
	if !t.Plan.NearDup.Sweepable() {
		return nil
	}
	if err := keepGraph(ctx, t, g); err != nil {
		return err
	}
	w, err := NewSetsWriter(ctx, t)
	if err != nil {
		return err
	}
	if err := EachToKeep(ctx, g, w.Set); err != nil {
		return err
	}
	return w.Close()
}

func keepGraph(ctx context.Context, t *task.Task, g *fate.Nodes) error {
	w, err := NewGraphWriter(ctx, t, len(g.All))
	if err != nil {
		return err
	}
	for i := range g.All {
		n := &g.All[i]
		w.Node(n.Place, uint32(n.First), n.Rank)
	}
	w.Ranks(g.Graph.Len(), g.Graph.Buckets)
	for d := range uint32(g.Graph.Len()) {
		w.Buckets(g.Graph.Of(d))
	}
	return w.Close()
}

// EachToKeep calls fn for the shingle sets of all ranks, in the order of SetsWriter. set is
// reused.
func EachToKeep(ctx context.Context, g *fate.Nodes, fn func(rank uint32, set []uint64)) error {
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
		fn(d, set)
	}
	return nil
}

// GraphWriter writes, for every node in order of place, where it is, who stands for
// it, and its rank; then the buckets of every rank.
type GraphWriter struct {
	*Packer
	node int64 // that comes next
}

// NewGraphWriter begins the file of so many nodes.
func NewGraphWriter(ctx context.Context, t *task.Task, nodes int) (*GraphWriter, error) {
	p, err := pack(ctx, t, sweepGraph, magicGraph)
	if err != nil {
		return nil, err
	}
	p.Uint(uint64(nodes))
	return &GraphWriter{Packer: p}, nil
}

// Node writes the next node: where it is, the number of the node that stands for it,
// and its rank, -1 if it has none.
func (w *GraphWriter) Node(place doc.Place, first uint32, rank int32) {
	w.Place(place)
	w.Int(int64(first) - w.node)
	w.Uint(uint64(rank + 1))
	w.node++
}

// Ranks ends the nodes, so many of which have a rank. They share so many buckets.
func (w *GraphWriter) Ranks(docs, buckets int) {
	w.Uint(uint64(docs))
	w.Uint(uint64(buckets))
}

// Buckets writes those of the next rank, distinct and ascending.
func (w *GraphWriter) Buckets(ids []uint32) {
	w.Uint(uint64(len(ids)))
	last := uint32(0)
	for _, b := range ids {
		w.Uint(uint64(b - last))
		last = b
	}
}

// SetsWriter writes the shingle sets of all ranks. They come in the order of their
// first buckets, those of one by rank: only where those that share a bucket are next to
// each other does a window of a few megabytes see that they are alike.
type SetsWriter struct{ *Packer }

// NewSetsWriter begins the file.
func NewSetsWriter(ctx context.Context, t *task.Task) (*SetsWriter, error) {
	p, err := pack(ctx, t, sweepSets, magicSets)
	return &SetsWriter{p}, err
}

// Set writes that of a rank.
func (w *SetsWriter) Set(rank uint32, set []uint64) {
	w.Uint(uint64(rank))
	w.Encoder.Set(set)
}

// GraphVisitor is told what a GraphWriter wrote, in its order.
type GraphVisitor struct {
	Node    func(place doc.Place, first uint32, rank int32) error
	Ranks   func(docs, buckets int) error
	Buckets func(rank uint32, ids []uint32) error // ids is reused
}

// VisitGraph reads the kept graph. What it tells makes sense by itself; that every rank is
// somebody's is left to who knows them all.
func VisitGraph(ctx context.Context, from *task.Job, v GraphVisitor) error {
	d, done, err := unpack(ctx, from, sweepGraph, magicGraph)
	if err != nil {
		return err
	}
	defer done()
	if err := visitGraph(ctx, d, len(from.Plan.Shards), v); err != nil {
		return fmt.Errorf("%s: %w", sweepGraph, err)
	}
	return nil
}

func visitGraph(ctx context.Context, d *wire.Decoder, shards int, v GraphVisitor) error {
	nodes := d.Below(math.MaxInt32 + 1)
	last := doc.Place{}
	for i := range nodes {
		place, first, rank := d.Place(), int64(i)+d.Int(), d.Below(math.MaxInt32)
		switch {
		case d.Err != nil:
			return d.Err
		case first < 0 || uint64(first) >= nodes || rank > nodes || rank > 0 && first != int64(i) ||
			int(place.Shard) >= shards || i > 0 && last.Compare(place) >= 0:
			return fmt.Errorf("%w: node %d", doc.ErrCorrupt, i)
		}
		last = place
		if err := v.Node(place, uint32(first), int32(rank)-1); err != nil {
			return err
		}
	}
	docs, buckets := d.Uint(), d.Uint()
	switch {
	case d.Err != nil:
		return d.Err
	case docs > nodes || buckets > math.MaxUint32:
		return fmt.Errorf("%w: %d documents in %d buckets", doc.ErrCorrupt, docs, buckets)
	}
	if err := v.Ranks(int(docs), int(buckets)); err != nil {
		return err
	}
	var ids []uint32
	members := uint64(0)
	for rank := range uint32(docs) {
		ids = ids[:0]
		bucket := uint64(0)
		for i, n := uint64(0), d.Uint(); i < n && d.Err == nil; i++ {
			step := d.Uint()
			if i > 0 && step == 0 || step >= buckets || bucket+step >= buckets {
				d.Fail(fmt.Errorf("%w: bucket %d of %d", doc.ErrCorrupt, bucket+step, buckets))
				break
			}
			bucket += step
			ids = append(ids, uint32(bucket))
		}
		if err := cmp.Or(d.Err, ctx.Err()); err != nil {
			return err
		}
		members += uint64(len(ids))
		if err := v.Buckets(rank, ids); err != nil {
			return err
		}
	}
	if buckets > members {
		return fmt.Errorf("%w: %d buckets of %d members", doc.ErrCorrupt, buckets, members)
	}
	return nil
}

// LoadGraph fills g with the kept graph.
func LoadGraph(ctx context.Context, from *task.Job, g *fate.Nodes) error {
	return VisitGraph(ctx, from, GraphVisitor{
		Node: func(place doc.Place, first uint32, rank int32) error {
			g.All = append(g.All, fate.Node{Place: place, First: int32(first), Rank: rank})
			return nil
		},
		Ranks: func(docs, buckets int) (err error) {
			g.Graph = neardup.Graph{Offsets: []uint64{0}, Buckets: buckets}
			g.ByRank, err = ByRank(docs, len(g.All), func(node int) int32 { return g.All[node].Rank })
			return err
		},
		Buckets: func(_ uint32, ids []uint32) error {
			g.Graph.IDs = append(g.Graph.IDs, ids...)
			g.Graph.Offsets = append(g.Graph.Offsets, uint64(len(g.Graph.IDs)))
			return nil
		},
	})
}

// ByRank returns the node of each rank. Of so many nodes rank tells those of docs.
func ByRank(docs, nodes int, rank func(node int) int32) ([]int32, error) {
	byRank := make([]int32, docs)
	for i := range byRank {
		byRank[i] = -1
	}
	for node := range nodes {
		if r := rank(node); r >= 0 {
			if int(r) >= docs || byRank[r] >= 0 {
				return nil, fmt.Errorf("%w: rank %d", doc.ErrCorrupt, r)
			}
			byRank[r] = int32(node)
		}
	}
	if slices.Contains(byRank, -1) {
		return nil, fmt.Errorf("%w: a rank without document", doc.ErrCorrupt)
	}
	return byRank, nil
}

// LoadSets reads the kept shingle sets of docs ranks into a scratch file in
// folder scratch. want tells which, and under what rank they go there.
func LoadSets(ctx context.Context, j *task.Job, scratch string, docs int, want func(rank uint32) (as uint32, ok bool)) (*shingleset.Stored, error) {
	w, err := shingleset.NewWriter(scratch, docs)
	if err != nil {
		return nil, err
	}
	if err := EachSet(ctx, j, docs, want, w.Append); err != nil {
		w.Abort()
		return nil, err
	}
	return w.Finish()
}

// EachSet calls fn for the kept shingle sets of docs ranks, in the order of the file. want
// tells which, and by what number below docs fn knows each. set is reused.
func EachSet(ctx context.Context, j *task.Job, docs int, want func(rank uint32) (as uint32, ok bool), fn func(as uint32, set []uint64) error) error {
	d, done, err := unpack(ctx, j, sweepSets, magicSets)
	if err != nil {
		return err
	}
	defer done()
	var set []uint64
	found, seen := 0, docset.NewBits(docs)
	for d.More() {
		rank := d.Uint32()
		as, ok := want(rank)
		if ok {
			set = d.Set(set)
		} else {
			d.SkipSet()
		}
		switch {
		case d.Err != nil || !ok:
		case seen.Has(as):
			d.Fail(fmt.Errorf("%w: rank %d has two sets", doc.ErrCorrupt, rank))
		default:
			found++
			seen.Add(as)
			d.Err = fn(as, set)
		}
		if err := cmp.Or(d.Err, ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", sweepSets, err)
		}
	}
	if d.Err == nil && found != docs {
		d.Err = fmt.Errorf("%w: %d sets of %d", doc.ErrCorrupt, found, docs)
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", sweepSets, d.Err)
	}
	return nil
}
