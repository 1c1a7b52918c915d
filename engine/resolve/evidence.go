package resolve

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// groupsKept is how many of the largest groups are named.
const groupsKept = 20

// Evidence is what resolve leaves for the alarms, in .work/resolve/00000.alarms.
type Evidence struct {
	Measured       alarm.Measured
	Groups         []alarm.Group
	MostCandidates alarm.Document
	Audit          *alarm.Audit
}

// evidence describes the work on some components, whose documents share nothing with
// those of others; so that of all is made of that of parts.
type evidence struct {
	stats     neardup.Stats
	component uint64      // the largest one of kept documents
	most      fate.Node   // the document of stats.MostCandidates
	groups    []sizeGroup // the largest ones; of equal ones the first in priority order
}

// sizeGroup is a witness and how many it is the witness of.
type sizeGroup struct {
	witness fate.Node
	dropped uint64
}

// take adds what describes the work on nodes. members are the dropped documents of
// each that is a witness.
func (e *evidence) take(nodes *fate.Nodes, members map[int32]uint64) {
	for n, dropped := range members {
		e.group(&nodes.All[n], dropped)
	}
	var most *fate.Node
	if nodes.Stats.MostCandidates > 0 {
		most = &nodes.All[nodes.ByRank[nodes.Stats.MostCandidatesDoc]]
	}
	e.add(&nodes.Stats, most, uint64(neardup.LargestComponent(nodes.Graph, nodes.Verdicts)))
}

// add adds what describes the work on components of their own. most is the document
// of MostCandidates.
func (e *evidence) add(s *neardup.Stats, most *fate.Node, component uint64) {
	t := &e.stats
	t.Documents += s.Documents
	t.Dropped += s.Dropped
	t.Candidates += s.Candidates
	t.RejectedBySize += s.RejectedBySize
	t.RejectedByBitmap += s.RejectedByBitmap
	t.Merged += s.Merged
	t.KeptCandidates += s.KeptCandidates
	t.HotBuckets += s.HotBuckets
	t.LargestBucketKept = max(t.LargestBucketKept, s.LargestBucketKept)
	if s.MostCandidates > t.MostCandidates || s.MostCandidates == t.MostCandidates && s.MostCandidates > 0 && most.Compare(&e.most) < 0 {
		t.MostCandidates, e.most = s.MostCandidates, *most
	}
	e.component = max(e.component, component)
}

// group notes a witness, if it is one of those with the largest groups.
func (e *evidence) group(witness *fate.Node, dropped uint64) {
	order := func(a, b sizeGroup) int {
		return cmp.Or(cmp.Compare(b.dropped, a.dropped), a.witness.Compare(&b.witness))
	}
	g := sizeGroup{*witness, dropped}
	at, _ := slices.BinarySearchFunc(e.groups, g, order)
	if at < groupsKept {
		e.groups = slices.Insert(e.groups, at, g)
		e.groups = e.groups[:min(len(e.groups), groupsKept)]
	}
}

// put writes what the alarms need to know. What else there is to tell of the work is in
// the record of the task: it depends on how components are cut.
func (e *evidence) put(to *wire.Encoder) {
	s := &e.stats
	for _, n := range []uint64{s.KeptCandidates, s.HotBuckets, s.MostCandidates, e.component, uint64(s.LargestBucketKept)} {
		to.Uint(n)
	}
	put := func(n fate.Node) {
		n.Source = 0 // numbered as they were met
		(&nodeRecord{Node: n}).put(to)
	}
	if s.MostCandidates > 0 {
		put(e.most)
	}
	to.Uint(uint64(len(e.groups)))
	for i := range e.groups {
		to.Uint(e.groups[i].dropped)
		put(e.groups[i].witness)
	}
}

// get reads evidence about documents of so many shards.
func (e *evidence) get(d *wire.Decoder, shards int) {
	node := func() fate.Node {
		var n nodeRecord
		if n.get(d); d.Err == nil && int(n.Place.Shard) >= shards {
			d.Fail(fmt.Errorf("%w: a document of shard %d of %d", doc.ErrCorrupt, n.Place.Shard, shards))
		}
		return n.Node
	}
	s := &e.stats
	s.KeptCandidates, s.HotBuckets, s.MostCandidates, e.component, s.LargestBucketKept = d.Uint(), d.Uint(), d.Uint(), d.Uint(), d.Uint32()
	if s.MostCandidates > 0 {
		e.most = node()
	}
	for n := d.Below(groupsKept + 1); n > 0 && d.Err == nil; n-- {
		e.groups = append(e.groups, sizeGroup{dropped: d.Uint(), witness: node()})
	}
}

// writeEvidence writes it for the alarms, with what the audit found, or for resolve.
func (r *resolver) writeEvidence(ctx context.Context, from *evidence) error {
	if r.isShare() {
		to, err := r.Encode(ctx, task.WorkPath(task.Decide, r.Record.Task, "evidence"), wire.MagicEvidence)
		if err != nil {
			return err
		}
		r.shared.put(to)
		from.put(to)
		return to.Flush()
	}
	e := Evidence{
		Measured: alarm.Measured{
			Component: from.component, KeptPairs: from.stats.KeptCandidates, LargestBucket: uint64(from.stats.LargestBucketKept),
			HotBuckets: from.stats.HotBuckets, MostCandidates: from.stats.MostCandidates,
		},
		Audit: r.audited,
	}
	for i := range from.groups {
		e.Groups = append(e.Groups, alarm.Group{Document: r.named(&from.groups[i].witness), Size: 1 + from.groups[i].dropped})
	}
	if len(e.Groups) > 0 {
		e.Measured.LargestGroup = e.Groups[0].Size
	}
	if from.stats.MostCandidates > 0 {
		e.MostCandidates = r.named(&from.most)
	}
	w, err := r.Create(ctx, task.WorkPath(task.Resolve, 0, "alarms"))
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(e)
}

// named names a document.
func (r *resolver) named(n *fate.Node) alarm.Document {
	p := n.Place
	return alarm.Document{
		Shard: p.Shard, Line: r.Plan.Shards[p.Shard].FirstLine + int64(p.Ordinal),
		ID: n.ID, Contributor: n.Contributor,
	}
}
