package fate

import (
	"math"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/wire"
)

// The turn of a node is what its priority begins with: documents that stand
// come before all others, those among them that were dropped after those that
// were kept, and then the policy decides.
const (
	turnDropped  = 1 << 62 // of a document that stands
	turnDelivery = 2 << 62
	turnPolicy   = 1<<62 - 1
)

// SetDropped notes that an earlier run dropped the document, which stands.
func (n *Node) SetDropped() { n.Turn |= turnDropped }

// Stands reports whether the document stands: nothing that is decided is about it.
func (n *Node) Stands() bool { return n.Turn < turnDelivery }

// Order describes the documents of a plan, so that they can be compared. It is for
// one goroutine at a time.
type Order struct {
	plan    *plan.Plan
	ranking map[string]int   // places of the ranked sources, from 0
	sources map[string]int32 // numbers of the sources
}

// NewOrder is that of a plan.
func NewOrder(p *plan.Plan) *Order {
	o := &Order{plan: p, ranking: make(map[string]int, len(p.SourceRank)), sources: map[string]int32{}}
	for i, source := range p.SourceRank {
		o.ranking[source] = i
	}
	return o
}

// turn returns the turn of a document that was not dropped by an earlier run.
func (o *Order) turn(rec *wire.Document, standing bool) uint64 {
	var turn uint64
	if !standing {
		turn = turnDelivery
	}
	switch o.plan.Rules.Priority {
	case plan.RulePriorityLongest:
		turn |= turnPolicy - min(rec.Bytes, turnPolicy)
	case plan.RulePrioritySource:
		place, ranked := o.ranking[string(rec.Source)]
		if !ranked {
			place = len(o.ranking)
		}
		turn |= uint64(place)
	}
	return turn
}

// SourceOf numbers the sources of ScopeSource; elsewhere all documents are of
// one source.
func (o *Order) SourceOf(rec *wire.Document) int32 {
	if o.plan.Scope != plan.ScopeSource {
		return 0
	}
	id, known := o.sources[string(rec.Source)]
	if !known {
		id = int32(min(len(o.sources), math.MaxInt32))
		o.sources[string(rec.Source)] = id
	}
	return id
}

// Describe fills in what scan learned of the document of a node.
func (o *Order) Describe(n *Node, rec *wire.Document, standing bool) {
	n.Offset, n.Created, n.Hash, n.Length = rec.Offset, rec.Created, rec.Hash, rec.Bytes
	n.ID, n.Contributor = string(rec.ID), string(rec.Contributor)
	n.Turn, n.Source = o.turn(rec, standing), o.SourceOf(rec)
}
