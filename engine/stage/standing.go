package stage

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// What the policies of a plan change in scan and resolve: who is first, among
// which documents duplicates are looked for, and the documents that stand.

// apart keeps the sources of ScopeSource apart: it is mixed into the keys of a
// document, so that documents of two sources do not meet. That they do not is
// made certain by comparing the sources in resolve; this only saves the work.
func (s *scanner) apart(source []byte) uint64 { return Apart(&s.Plan, s.exact, source) }

// Apart returns what is mixed, by XOR, into the keys of a document of a source: 0 but
// for ScopeSource. It uses d.
func Apart(p *plan.Plan, d *xxhash.Digest, source []byte) uint64 {
	if p.Scope != plan.ScopeSource {
		return 0
	}
	d.ResetWithSeed(p.Seed)
	d.Write(source)
	return d.Sum64()
}

// The turn of a node is what its priority begins with: documents that stand
// come before all others, those among them that were dropped after those that
// were kept, and then the policy decides.
const (
	turnDropped  = 1 << 62 // of a document that stands
	turnDelivery = 2 << 62
	turnPolicy   = 1<<62 - 1
)

// rankingOf gives every ranked source its place, from 0.
func rankingOf(p *plan.Plan) map[string]int {
	ranking := make(map[string]int, len(p.SourceRank))
	for i, source := range p.SourceRank {
		ranking[source] = i
	}
	return ranking
}

// turn returns the turn of a document that was not dropped by an earlier run.
func (r *resolver) turn(rec *wire.Document, standing bool) uint64 {
	var turn uint64
	if !standing {
		turn = turnDelivery
	}
	switch r.Plan.Rules.Priority {
	case plan.RulePriorityLongest:
		turn |= turnPolicy - min(rec.Bytes, turnPolicy)
	case plan.RulePrioritySource:
		place, ranked := r.ranking[string(rec.Source)]
		if !ranked {
			place = len(r.ranking)
		}
		turn |= uint64(place)
	}
	return turn
}

// rankedNumber names the number of documents of a ranked source in the record of a
// scan.
func rankedNumber(i int) string { return fmt.Sprintf("ranked_source_%d", i) }

// unseenSources are the ranked sources that no document of the delivery has.
func unseenSources(p *plan.Plan, scanned []task.Record) (unseen []string) {
	for i, name := range p.SourceRank {
		if !slices.ContainsFunc(scanned[:p.Delivery()], func(r task.Record) bool { return r.Numbers[rankedNumber(i)] > 0 }) {
			unseen = append(unseen, name)
		}
	}
	return unseen
}

// sourceOf numbers the sources of ScopeSource; elsewhere all documents are of
// one source.
func (r *resolver) sourceOf(rec *wire.Document) int32 {
	if r.Plan.Scope != plan.ScopeSource {
		return 0
	}
	id, known := r.sources[string(rec.Source)]
	if !known {
		if r.sources == nil {
			r.sources = make(map[string]int32)
		}
		id = int32(min(len(r.sources), math.MaxInt32))
		r.sources[string(rec.Source)] = id
	}
	return id
}

// bySource cuts a bucket, whose documents ascend, into those of one source
// each, and calls fn for them. It reorders members.
func (r *resolver) bySource(members []int32, fn func(members []int32)) {
	if r.Plan.Scope != plan.ScopeSource {
		fn(members)
		return
	}
	slices.SortStableFunc(members, func(a, b int32) int { return cmp.Compare(r.nodes[a].source, r.nodes[b].source) })
	for lo := 0; lo < len(members); {
		hi := lo + 1
		for hi < len(members) && r.nodes[members[hi]].source == r.nodes[members[lo]].source {
			hi++
		}
		fn(members[lo:hi])
		lo = hi
	}
}

// matters reports whether a group, in order of place, can decide anything: a
// document of the delivery is in it and, where the scope asks for it, one of
// the reference corpus.
func (r *resolver) matters(members []doc.Place) bool {
	delivery := uint32(r.delivery)
	return len(members) > 0 && members[0].Shard < delivery &&
		(r.Plan.Scope != plan.ScopeReference || members[len(members)-1].Shard >= delivery)
}

// isStanding reports whether a node's document stands.
func (r *resolver) isStanding(n int32) bool { return int(r.nodes[n].place.Shard) >= r.delivery }

// standing returns how many of the ranked documents stand: the first ones.
func (r *resolver) standing() uint32 {
	i, _ := slices.BinarySearchFunc(r.byRank, uint64(turnDelivery), func(n int32, turn uint64) int {
		return cmp.Compare(r.nodes[n].turn, turn)
	})
	return uint32(i)
}
