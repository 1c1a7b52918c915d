package resolve

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// keep writes what other thresholds need of a sweepable run. A task of decide leaves no more
// than the shingle sets of its share, of which resolve makes those of all.
func (r *resolver) keep(ctx context.Context) error {
	if !r.Plan.NearDup.Sweepable() {
		return nil
	}
	if !r.isShare() {
		return sweepable.KeepNodes(ctx, r.Task, r.Nodes)
	}
	e, err := r.sharedSets(ctx)
	if err != nil {
		return err
	}
	err = sweepable.EachToKeep(ctx, r.Nodes, func(rank uint32, set []uint64) {
		e.Place(r.All[r.ByRank[rank]].Place)
		e.Set(set)
	})
	return cmp.Or(err, e.Flush())
}

// sharedSets begins the file of shingle sets of a task of decide: each after its place, in
// the order in which they are kept, which is that of all documents too: resolve merges them.
func (r *resolver) sharedSets(ctx context.Context) (*wire.SetsEncoder, error) {
	e, err := r.Encode(ctx, task.WorkPath(task.Decide, r.Record.Task, "sets"), ofAll["sets"])
	return &wire.SetsEncoder{Encoder: e}, err
}

// keeping writes what other thresholds need of a sweepable run whose documents are not
// in memory together: they are resolved in parts, or were by the tasks of decide. Its
// files number documents by priority, and buckets, through the whole corpus, not by
// component: both are numbered before anything is kept. What the files hold in the order
// of such a number is sorted on disk, if there is no room for it.
type keeping struct {
	*parts
	ranks   []int32         // by number: priority among those that share buckets; -1 outside
	first   []uint32        // by number: its first bucket, or noBucket
	sources []int32         // by number, where sources are kept apart
	docs    int             // that have ranks
	buckets int             // that they share
	members int             // of all buckets
	sets    *extsort.Sorter // by first bucket, rank and number
}

const noBucket = math.MaxUint32

// keptBytes bounds what keeping holds of each document that shares a key, until its sets
// are written, or again where it is read again.
func (r *resolver) keptBytes() int64 {
	if !r.Plan.NearDup.Sweepable() {
		return 0
	}
	return 3 * 4
}

func (k *keeping) close() {
	if k != nil {
		k.sets.Close()
	}
}

// keepGraph numbers documents and buckets of a sweepable run, and writes the graph, unless that
// is resolve's.
func (p *parts) keepGraph(ctx context.Context) error {
	if !p.Plan.NearDup.Sweepable() {
		return nil
	}
	k := &keeping{parts: p, ranks: make([]int32, p.number), first: make([]uint32, p.number), sets: p.sorter(12)}
	if p.Plan.Scope == plan.ScopeSource {
		k.sources = make([]int32, p.number)
	}
	p.kept = k
	if err := k.number(ctx); err != nil || p.isShare() {
		return err
	}
	w, err := sweepable.NewGraphWriter(ctx, p.Task, p.number)
	if err != nil {
		return err
	}
	number := uint32(0)
	for place := range p.places.All() {
		w.Node(place, p.first(number), k.ranks[number])
		number++
	}
	w.Ranks(k.docs, k.buckets)
	buckets := k.bucketsOnDisk
	if int64(8*(k.members+k.buckets+k.docs)) <= k.room/2 {
		buckets = k.bucketsInMemory
	}
	if err := buckets(ctx, w.Buckets); err != nil {
		return err
	}
	return w.Close()
}

// bucketsInMemory calls fn for the buckets of every rank, ascending, in the order of ranks.
// It takes 8 bytes for each member of a bucket, each bucket and each rank.
func (k *keeping) bucketsInMemory(ctx context.Context, fn func(ids []uint32)) error {
	offsets, members := append(make([]uint64, 0, k.buckets+1), 0), make([]uint32, 0, k.members)
	err := k.eachBucket(ctx, func(_ uint32, bucket []uint32) error {
		for _, m := range bucket {
			members = append(members, uint32(k.ranks[m]))
		}
		offsets = append(offsets, uint64(len(members)))
		return nil
	})
	if err != nil {
		return err
	}
	g, err := neardup.NewGraph(k.docs, offsets, members)
	if err != nil {
		return err
	}
	for rank := range uint32(k.docs) {
		fn(g.Of(rank))
	}
	return nil
}

// bucketsOnDisk is bucketsInMemory where there is no room for that. ids is reused.
func (k *keeping) bucketsOnDisk(ctx context.Context, fn func(ids []uint32)) error {
	edges := k.sorter(4)
	defer edges.Close()
	err := k.eachBucket(ctx, func(bucket uint32, members []uint32) error {
		for _, m := range members {
			k.key = extsort.AppendNumbers(k.key[:0], uint32(k.ranks[m]), bucket)
			if err := edges.Add(k.key, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	byRank, err := openStream(edges)
	if err != nil {
		return err
	}
	defer byRank.close()
	var ids []uint32
	for rank := range uint32(k.docs) {
		ids = ids[:0]
		err := byRank.until(rank+1, func(key, _ []byte) error {
			ids = append(ids, extsort.NumberOf(key, 1))
			return nil
		})
		if err != nil {
			return err
		}
		fn(ids)
	}
	return nil
}

// number finds the rank and the first bucket of every document, and counts what has them.
func (k *keeping) number(ctx context.Context) error {
	byPriority := k.sorter(4)
	defer byPriority.Close()
	order := fate.NewOrder(&k.Plan) // numbers sources as they are met among all documents
	err := k.eachChunk(ctx, func(number uint32, _ doc.Place, rec *wire.Document) (bool, error) {
		k.ranks[number], k.first[number] = -1, noBucket
		if k.sources != nil {
			k.sources[number] = order.SourceOf(rec)
		}
		return k.inBucket.Has(number), nil
	}, func(c *chunk) error {
		for i, number := range c.numbers {
			c.nodes[i].Sum = k.sums[number]
			k.key = fate.AppendKey(k.key[:0], &c.nodes[i])
			if err := byPriority.Add(k.key, extsort.AppendNumbers(nil, number)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = k.eachBucket(ctx, func(bucket uint32, members []uint32) error {
		k.buckets++
		k.members += len(members)
		for _, m := range members {
			k.first[m] = min(k.first[m], bucket)
		}
		return nil
	})
	if err != nil {
		return err
	}
	sorted, err := byPriority.Sort()
	if err != nil {
		return err
	}
	defer sorted.Close()
	for sorted.Next() {
		if number := extsort.NumberOf(sorted.Value(), 0); k.first[number] != noBucket {
			k.ranks[number] = int32(k.docs)
			k.docs++
		}
	}
	return sorted.Err()
}

// eachBucket calls fn for every bucket of the graph, with its number.
func (k *keeping) eachBucket(ctx context.Context, fn func(bucket uint32, members []uint32) error) error {
	next := uint32(0)
	return k.parts.eachBucket(ctx, func(members []uint32) error {
		for members := range fate.BySource(&k.Plan, members, func(number uint32) int32 { return k.sources[number] }) {
			if next == noBucket {
				return fmt.Errorf("graph of more than %d buckets: no more can be numbered", next)
			}
			if err := fn(next, members); err != nil {
				return err
			}
			next++
		}
		return nil
	})
}

// set takes the shingle set of a document, 8 bytes for each. It is safe for concurrent
// use.
func (k *keeping) set(number uint32, set []byte) error {
	if k == nil || k.ranks[number] < 0 {
		return nil
	}
	return k.sets.Add(extsort.AppendNumbers(nil, k.first[number], uint32(k.ranks[number]), number), set)
}

// keepSets writes the shingle sets of a sweepable run, or of a share of it, and forgets what
// that took.
func (p *parts) keepSets(ctx context.Context) error {
	k := p.kept
	if k == nil {
		return nil
	}
	sets, err := openStream(k.sets)
	if err != nil {
		return err
	}
	defer sets.close()
	p.kept = nil
	var set []uint64
	each := func(fn func(rank, number uint32, set []uint64)) error {
		return sets.until(noBucket, func(key, value []byte) error {
			set = appendSet(set[:0], value)
			fn(extsort.NumberOf(key, 1), extsort.NumberOf(key, 2), set)
			return ctx.Err()
		})
	}
	if p.isShare() {
		e, err := p.sharedSets(ctx)
		if err != nil {
			return err
		}
		err = each(func(_, number uint32, set []uint64) {
			e.Place(p.places.At(number))
			e.Set(set)
		})
		return cmp.Or(err, e.Flush())
	}
	w, err := sweepable.NewSetsWriter(ctx, p.Task)
	if err != nil {
		return err
	}
	if err := each(func(rank, _ uint32, set []uint64) { w.Set(rank, set) }); err != nil {
		return err
	}
	return w.Close()
}
