package resolve

import (
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/auditor"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/shingleset"
)

// inMemory tells an audit what was resolved in one part.
type inMemory struct {
	r       *resolver
	dropped docset.Bits // by number
}

func (d inMemory) TextOf(p doc.Place) (int32, bool) {
	return d.r.textOf(p, d.r.first)
}

func (d inMemory) PlaceOf(number int32) doc.Place { return d.r.All[number].Place }

func (d inMemory) RankOf(number int32) int32   { return d.r.All[number].Rank }
func (d inMemory) IsDropped(number int32) bool { return d.dropped.Has(uint32(number)) }

func (d inMemory) Share(_ context.Context, pairs []auditor.Pair) error {
	for _, p := range pairs {
		a, b := d.RankOf(p.A), d.RankOf(p.B)
		*p.Shares = a >= 0 && b >= 0 && d.r.Graph.Share(uint32(a), uint32(b))
	}
	return nil
}

// textOf is auditor.Decided's, where first tells who stands for the text of a document of
// the share, or of all documents.
func (r *resolver) textOf(p doc.Place, first func(number uint32) uint32) (int32, bool) {
	number, own := r.places.Find(p)
	if r.isShare() {
		if _, later := r.shared.later.Find(p); later {
			return auditor.Others, false
		}
		if own {
			return int32(first(number)), true
		}
		if _, shares := r.shared.all.Find(p); shares {
			return auditor.Others, true
		}
		return auditor.Unshared, true
	}
	if !own {
		return auditor.Unshared, true
	}
	return int32(number), first(number) == number
}

// audit compares the sampled texts with all others. It does nothing unless the plan
// asks for it.
func (r *resolver) audit(ctx context.Context) error {
	d := inMemory{r, docset.NewBits(len(r.All))}
	for _, v := range r.Verdicts {
		d.dropped.Add(uint32(r.ByRank[v.Doc]))
	}
	return r.auditWith(ctx, d, r.Sets)
}

func (r *resolver) auditWith(ctx context.Context, d auditor.Decided, sets *shingleset.Stored) (err error) {
	if r.Plan.AuditPPM == 0 || r.isShare() && r.shared.collide {
		return nil
	}
	room := int64(0)
	if r.bounded() {
		room = r.roomLeft()
	}
	if r.isShare() {
		return auditor.Share(ctx, r.Task, r.scanned, d, sets, r.bounded(), room)
	}
	r.audited, err = auditor.Run(ctx, r.Task, r.scanned, d, sets, r.bounded(), room)
	return err
}

// elsewhere tells an audit what was resolved in parts, or by the tasks of decide: sets
// are not to be had any more, nor is the graph.
type elsewhere struct {
	r       *resolver
	first   func(number uint32) uint32 // who stands for the text of a document
	dropped docset.Bits                // by number
}

func (d elsewhere) TextOf(p doc.Place) (int32, bool) { return d.r.textOf(p, d.first) }
func (d elsewhere) PlaceOf(number int32) doc.Place   { return d.r.places.At(uint32(number)) }
func (d elsewhere) isCopy(number uint32) bool        { return d.first(number) != number }

func (d elsewhere) RankOf(int32) int32          { return -1 }
func (d elsewhere) IsDropped(number int32) bool { return d.dropped.Has(uint32(number)) }

func (d elsewhere) Share(ctx context.Context, pairs []auditor.Pair) error {
	of := map[uint32][]int{} // pairs by document
	asked := docset.NewBits(d.r.number)
	for i, s := range pairs {
		for _, n := range []uint32{uint32(s.A), uint32(s.B)} {
			of[n] = append(of[n], i)
			asked.Add(n)
		}
	}
	in := map[uint32]int{} // the last bucket of each
	bucket := 0
	return d.r.eachBucketOf(ctx, d.isCopy, func(members []uint32) error {
		bucket++
		members = slices.DeleteFunc(members, func(m uint32) bool { return !asked.Has(m) })
		for _, m := range members {
			in[m] = bucket
		}
		for _, m := range members {
			for _, i := range of[m] {
				if in[uint32(pairs[i].A)] == bucket && in[uint32(pairs[i].B)] == bucket {
					*pairs[i].Shares = true
				}
			}
		}
		return nil
	})
}

// audit is that of resolver.
func (p *parts) audit(ctx context.Context) error {
	return p.auditWith(ctx, elsewhere{p.resolver, p.first, p.dropped}, nil)
}
