package stage

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

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
