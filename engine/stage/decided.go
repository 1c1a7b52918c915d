package stage

import (
	"context"

	"github.com/tallystick/tallystick/engine/doc"
)

// inMemory tells an audit what was resolved in one part.
type inMemory struct {
	r       *resolver
	dropped bitset // by number
}

func (d inMemory) standsFor(p doc.Place) (int32, bool) {
	i, shares := d.r.places.find(p)
	if !shares {
		return -1, true
	}
	return int32(i), d.r.nodes[i].first == int32(i)
}

func (d inMemory) rankOf(number int32) int32   { return d.r.nodes[number].rank }
func (d inMemory) isDropped(number int32) bool { return d.dropped.has(uint32(number)) }

func (d inMemory) share(_ context.Context, pairs []sharing) error {
	for _, p := range pairs {
		a, b := d.rankOf(p.a), d.rankOf(p.b)
		*p.shares = a >= 0 && b >= 0 && d.r.graph.Share(uint32(a), uint32(b))
	}
	return nil
}

// audit is that of resolver: sets are not to be had any more, nor is the graph.
func (p *parts) audit(ctx context.Context) error {
	if p.Plan.AuditPPM == 0 {
		return nil
	}
	return p.auditWith(ctx, p)
}

func (p *parts) standsFor(place doc.Place) (int32, bool) {
	n, shares := p.places.find(place)
	if !shares {
		return -1, true
	}
	return int32(n), !p.isCopy(n)
}

func (p *parts) rankOf(int32) int32          { return -1 }
func (p *parts) isDropped(number int32) bool { return p.dropped.has(uint32(number)) }

func (p *parts) share(ctx context.Context, pairs []sharing) error {
	of := map[uint32][]int{} // pairs by document
	for i, s := range pairs {
		of[uint32(s.a)] = append(of[uint32(s.a)], i)
		of[uint32(s.b)] = append(of[uint32(s.b)], i)
	}
	in := map[uint32]int{} // the last bucket of each
	bucket := 0
	return p.eachBucket(ctx, func(members []uint32) error {
		bucket++
		for _, m := range members {
			if len(of[m]) > 0 {
				in[m] = bucket
			}
		}
		for _, m := range members {
			for _, i := range of[m] {
				if in[uint32(pairs[i].a)] == bucket && in[uint32(pairs[i].b)] == bucket {
					*pairs[i].shares = true
				}
			}
		}
		return nil
	})
}
