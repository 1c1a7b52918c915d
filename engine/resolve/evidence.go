package resolve

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/task"
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

// named names a document.
func (r *resolver) named(n *fate.Node) alarm.Document {
	p := n.Place
	return alarm.Document{
		Shard: p.Shard, Line: r.Plan.Shards[p.Shard].FirstLine + int64(p.Ordinal),
		ID: n.ID, Contributor: n.Contributor,
	}
}

// writeEvidence finds the largest groups, of equal ones the first in priority
// order. members are the dropped documents of each node that is a witness.
func (r *resolver) writeEvidence(ctx context.Context, members map[int32]uint64) error {
	witnesses := slices.Collect(maps.Keys(members))
	slices.SortFunc(witnesses, func(a, b int32) int {
		return cmp.Or(cmp.Compare(members[b], members[a]), r.All[a].Compare(&r.All[b]))
	})
	e := Evidence{Measured: alarm.Measured{
		Component: uint64(neardup.LargestComponent(r.Graph, r.Verdicts)),
		KeptPairs: r.Stats.KeptCandidates, LargestBucket: uint64(r.Stats.LargestBucketKept),
		HotBuckets: r.Stats.HotBuckets, MostCandidates: r.Stats.MostCandidates,
	}}
	for _, n := range witnesses[:min(len(witnesses), groupsKept)] {
		e.Groups = append(e.Groups, alarm.Group{Document: r.named(&r.All[n]), Size: 1 + members[n]})
	}
	if e.Measured.MostCandidates > 0 {
		e.MostCandidates = r.named(&r.All[r.ByRank[r.Stats.MostCandidatesDoc]])
	}
	return r.putEvidence(ctx, &e)
}

// putEvidence writes it, with what the audit found.
func (r *resolver) putEvidence(ctx context.Context, e *Evidence) error {
	if len(e.Groups) > 0 {
		e.Measured.LargestGroup = e.Groups[0].Size
	}
	e.Audit = r.audited
	w, err := r.Create(ctx, task.WorkPath(task.Resolve, 0, "alarms"))
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(e)
}
