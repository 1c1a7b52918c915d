package resolve

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// Again is resolve of a plan that differs from that of the finished sweepable run
// from in its threshold alone: from what that run kept.
func Again(ctx context.Context, t *task.Task, from *task.Job) error {
	return againIn(ctx, t, from, 0)
}

// againIn is Again in a room of so many bytes, if that is not 0.
func againIn(ctx context.Context, t *task.Task, from *task.Job, room int64) error {
	r := newResolver(t)
	defer r.Close()
	r.fixedRoom = room
	var err error
	if r.scanned, err = t.Records(ctx, task.Scan); err != nil {
		return err
	}
	if r.bounded() {
		return r.againInParts(ctx, from)
	}
	if err := sweepable.LoadGraph(ctx, from, r.Nodes); err != nil {
		return err
	}
	for i := range r.All {
		r.places.Add(r.All[i].Place)
	}
	r.number = r.places.Number()
	if err := r.describeNodes(ctx); err != nil {
		return err
	}
	for i := range r.All {
		setSum(&r.All[i], r.All[i].Rank)
	}
	docs := r.Graph.Len()
	if r.Sets, err = sweepable.LoadSets(ctx, from, t.ScratchDir(), docs, func(rank uint32) (uint32, bool) { return rank, int(rank) < docs }); err != nil {
		return err
	}
	if err := r.decide(ctx); err != nil {
		return err
	}
	if err := sweepable.TakeNodes(ctx, t, from); err != nil {
		return err
	}
	return r.write(ctx)
}

// setSum puts the rank of a document in the place of its digest, which was not kept: texts
// whose hashes collide then have the order that they had. It is no digest to anybody else.
func setSum(n *fate.Node, rank int32) { binary.BigEndian.PutUint32(n.Sum[:], uint32(rank+1)) }

// again is what parts know of a sweepable run whose groups and texts they do not read.
type again struct {
	from    *task.Job
	ranks   []int32        // by number; -1 outside
	byRank  []int32        // numbers, until the sets are spilled
	sizes   []uint32       // shingles, by number
	members *extsort.Spool // of buckets, in their order
}

func (a *again) close() {
	if a != nil && a.members != nil {
		a.members.Close()
	}
}

// againInParts is Again under a bound.
func (r *resolver) againInParts(ctx context.Context, from *task.Job) error {
	err := sweepable.VisitGraph(ctx, from, sweepable.GraphVisitor{
		Node: func(place doc.Place, _ uint32, _ int32) error {
			r.places.Add(place)
			return nil
		},
		Ranks:   func(int, int) error { return nil },
		Buckets: func(uint32, []uint32) error { return nil },
	})
	if err != nil {
		return err
	}
	r.number = r.places.Number()
	r.Record.Numbers["sharing_documents"] = int64(r.number)
	p, err := newParts(r)
	if err != nil {
		return err
	}
	p.again = &again{from: from, ranks: make([]int32, 0, r.number)}
	defer p.close()
	return p.steps(ctx, []step{
		{"graph", p.takeGraph}, {"graph", p.connect}, {"sets", p.spill}, {"decide", p.resolveAll},
		{"keep", func(ctx context.Context) error { return sweepable.TakeNodes(ctx, p.Task, from) }}, {"write", p.write},
	})
}

// takeGraph finds who is whose copy, and the members of every bucket, in the kept graph.
func (p *parts) takeGraph(ctx context.Context) error {
	a := p.again
	byBucket := p.sorter(4)
	defer byBucket.Close()
	err := sweepable.VisitGraph(ctx, a.from, sweepable.GraphVisitor{
		Node: func(_ doc.Place, first uint32, rank int32) error {
			number := uint32(len(a.ranks))
			if p.links[number] = first; first != number {
				p.links[number] |= copyMark
			}
			a.ranks = append(a.ranks, rank)
			return nil
		},
		Ranks: func(docs, _ int) (err error) {
			a.byRank, err = sweepable.ByRank(docs, len(a.ranks), func(number int) int32 { return a.ranks[number] })
			return err
		},
		Buckets: func(rank uint32, ids []uint32) error {
			for _, bucket := range ids {
				p.key = extsort.AppendNumbers(p.key[:0], bucket, uint32(a.byRank[rank]))
				if err := byBucket.Add(p.key, nil); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	if err := p.checkCopies(); err != nil {
		return err
	}
	if a.members, err = extsort.NewSpool(p.ScratchDir()); err != nil {
		return err
	}
	sorted, err := openStream(byBucket)
	if err != nil {
		return err
	}
	defer sorted.close()
	return sorted.until(math.MaxUint32, a.members.Add)
}

// eachBucket is that of parts.
func (a *again) eachBucket(fn func(members []uint32) error) error {
	var members []uint32
	bucket := uint32(0)
	flush := func() error {
		if len(members) < 2 {
			return nil
		}
		return fn(members)
	}
	err := a.members.Each(func(key, _ []byte) error {
		if of := extsort.NumberOf(key, 0); of != bucket {
			if err := flush(); err != nil {
				return err
			}
			bucket, members = of, members[:0]
		}
		members = append(members, extsort.NumberOf(key, 1))
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// sizesOf tells how large the sets of documents are that are spilled.
func (a *again) sizesOf(c *chunk) ([]uint32, error) {
	sizes := make([]uint32, len(c.numbers))
	for i, number := range c.numbers {
		sizes[i] = a.sizes[number]
	}
	return sizes, nil
}

// spillSets writes the kept sets by component.
func (a *again) spillSets(ctx context.Context, p *parts, to *extsort.Sorter) error {
	a.sizes = make([]uint32, p.number)
	var value []byte
	docs := len(a.byRank)
	err := sweepable.EachSet(ctx, a.from, docs, func(rank uint32) (uint32, bool) { return rank, int(rank) < docs }, func(rank uint32, set []uint64) error {
		number := uint32(a.byRank[rank])
		a.sizes[number] = uint32(len(set))
		if !p.inBucket.Has(number) {
			return nil
		}
		value = appendBytes(value[:0], set)
		p.key = extsort.AppendNumbers(p.key[:0], p.component(number), number)
		return to.Add(p.key, value)
	})
	a.byRank = nil
	return err
}
