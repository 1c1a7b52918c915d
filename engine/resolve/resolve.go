// Package resolve is the stage that decides every document that shares a key with
// another one. It reads what scan and match left, proves exact copies, loads shingle
// sets and writes decisions, owners of shared credit, and evidence for the alarms.
// What fits into memory is decided at once by package fate; what does not, in parts:
// components of the graph of buckets, or blocks of one component, with what lies
// between sorted on disk. Where the plan has a stage decide, its tasks do that for a
// share of the documents each (share.go), and resolve merges what they decided
// (merge.go). The result is the same to a byte.
package resolve

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Do decides every document that shares a key with another one, or in a task of decide
// those of its share.
func Do(ctx context.Context, t *task.Task, scanned, matched []task.Record) error {
	return resolveIn(ctx, t, scanned, matched, 0)
}

// resolveIn is resolve in a room of so many bytes, if that is not 0.
func resolveIn(ctx context.Context, t *task.Task, scanned, matched []task.Record, room int64) error {
	r := newResolver(t)
	defer r.Close()
	r.scanned, r.matched, r.fixedRoom = scanned, matched, room
	fits := false
	begin := func(ctx context.Context) (err error) {
		if err := r.sharing(ctx); err != nil {
			return err
		}
		if r.isShare() {
			if err := r.takeShare(ctx); err != nil {
				return err
			}
		}
		fits, err = r.fits(ctx)
		return err
	}
	if err := r.Step(ctx, "sharing", begin); err != nil {
		return err
	}
	if !fits {
		return r.resolveInParts(ctx)
	}
	return r.steps(ctx, []step{
		{"collect", r.collect}, {"exact", r.collapseExact}, {"graph", r.buildGraph}, {"sets", r.loadSets},
		{"decide", r.decide}, {"", r.audit}, {"keep", r.keep}, {"write", r.write},
	})
}

// step is a named part of resolve.
type step struct {
	name string
	do   func(context.Context) error
}

func (r *resolver) steps(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := r.Step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// resolver decides what shares a key.
type resolver struct {
	*task.Task
	*fate.Nodes
	order     *fate.Order
	delivery  int           // shards of the delivery
	scanned   []task.Record // by shard
	matched   []task.Record // by partition
	places    docset.Places // of the nodes, by their numbers
	number    int           // of places
	shared    sharedOut     // of a task of decide
	needed    int64         // memory that takes everything, bytes; with a bound only
	fixedRoom int64         // what may be held instead of a part of Job.Memory, bytes; 0: that
	audited   *alarm.Audit  // nil without an audit
	owners    []ownership
	carried   map[int32]*wire.Decision // of nodes that an earlier run dropped
}

func newResolver(t *task.Task) *resolver {
	return &resolver{Task: t, Nodes: fate.New(&t.Plan), order: fate.NewOrder(&t.Plan), delivery: t.Plan.Delivery()}
}

// first is the number of the document that stands for the text of one.
func (r *resolver) first(number uint32) uint32 { return uint32(r.All[number].First) }

// at returns the node of a place that collect has seen.
func (r *resolver) at(p doc.Place) (int32, error) {
	i, ok := r.places.Find(p)
	if !ok {
		return 0, fmt.Errorf("%w: line %d of shard %d has keys but no record", doc.ErrCorrupt, p.Ordinal, p.Shard)
	}
	return int32(i), nil
}

// collect makes a node of every document in a group.
func (r *resolver) collect(ctx context.Context) error {
	r.All = make([]fate.Node, 0, r.number)
	for p := range r.places.All() {
		r.All = append(r.All, fate.Node{Place: p, First: int32(len(r.All)), Rank: -1})
	}
	r.carried = make(map[int32]*wire.Decision)
	return r.describeNodes(ctx)
}

// describeNodes fills in the nodes, one for each place.
func (r *resolver) describeNodes(ctx context.Context) error {
	err := r.eachDoc(ctx, func(number uint32, p doc.Place, rec *wire.Document, carried *wire.Decision) error {
		n := &r.All[number]
		r.order.Describe(n, rec, r.Plan.IsStanding(int(p.Shard)))
		if carried != nil {
			copied := *carried
			r.carried[int32(number)] = &copied
			n.SetDropped()
		}
		return nil
	})
	r.Record.Numbers["sharing_documents"] = int64(len(r.All))
	return err
}

// collapseExact proves the groups of equal hash and length by SHA-256 and
// lets the first of each proven group, in priority order, stand for it.
func (r *resolver) collapseExact(ctx context.Context) error {
	var groups [][]int32
	var members []int32
	err := r.readGroups(ctx, "exact", func(places []doc.Place) error {
		group := make([]int32, len(places))
		for i, p := range places {
			n, err := r.at(p)
			if err != nil {
				return err
			}
			group[i] = n
		}
		groups = append(groups, group)
		members = append(members, group...)
		return nil
	})
	if err != nil {
		return err
	}
	err = r.Fetch(ctx, members, r.TextOf, func() func(n int32, text []byte) error {
		return func(n int32, text []byte) error {
			r.All[n].Sum = sha256.Sum256(text)
			return nil
		}
	})
	if err != nil {
		return err
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b int32) int {
			return cmp.Or(cmp.Compare(r.All[a].Source, r.All[b].Source), bytes.Compare(r.All[a].Sum[:], r.All[b].Sum[:]), r.All[a].Compare(&r.All[b]))
		})
		first := g[0]
		for _, n := range g {
			if r.All[n].Sum != r.All[first].Sum || r.All[n].Source != r.All[first].Source {
				first = n
			}
			r.All[n].First = first
			r.shared.collide = r.shared.collide || first != g[0]
		}
		if sum := r.All[g[0]].Sum; !slices.ContainsFunc(g, func(n int32) bool { return r.All[n].Sum != sum }) {
			for _, n := range g { // it tells nobody from another; and parts do not know it
				r.All[n].Sum = [sha256.Size]byte{}
			}
		}
	}
	r.Record.Numbers["exact_groups"] = int64(len(groups))
	return nil
}

// buildGraph keeps the buckets that at least two representatives share, and
// ranks those by priority.
func (r *resolver) buildGraph(ctx context.Context) error {
	var bucket []int32
	return r.Connect(func(fn func(bucket []int32)) error {
		return r.readGroups(ctx, "buckets", func(members []doc.Place) error {
			bucket = bucket[:0]
			for _, p := range members {
				n, err := r.at(p)
				if err != nil {
					return err
				}
				if r.All[n].First == n {
					bucket = append(bucket, n)
				}
			}
			fn(bucket)
			return nil
		})
	})
}

// loadSets reads the text of every document that must be compared once more
// and stores its shingle set, in a scratch file if there are many.
func (r *resolver) loadSets(ctx context.Context) error {
	hasher, err := shingle.HasherFor(r.Plan.Rules.Shingle, r.Plan.Seed)
	if err != nil {
		return err
	}
	w, err := shingleset.NewWriter(r.ScratchDir(), len(r.ByRank))
	if err != nil {
		return err
	}
	w.KeepInMemory(r.setsRoom())
	w.Expect(r.Graph.Buckets, r.Graph.Of)
	err = r.Fetch(ctx, r.ByRank, r.TextOf, func() func(n int32, text []byte) error {
		return func(n int32, text []byte) error {
			s := hasher.NewScanner()
			defer s.Release()
			return w.Append(uint32(r.All[n].Rank), s.Set(text))
		}
	})
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	r.Sets, err = w.Finish()
	return err
}

// matters reports whether a group, in order of place, can decide anything: a
// document of the delivery is in it and, where the scope asks for it, one of
// the reference corpus.
func (r *resolver) matters(members []doc.Place) bool {
	delivery := uint32(r.delivery)
	return len(members) > 0 && members[0].Shard < delivery &&
		(r.Plan.Scope != plan.ScopeReference || members[len(members)-1].Shard >= delivery)
}

func (r *resolver) decide(ctx context.Context) error {
	nd := r.Plan.NearDup
	if err := r.Nodes.Decide(ctx, nd.ThresholdNum, nd.ThresholdDen, r.Workers); err != nil {
		return err
	}
	r.tell(&r.Stats, r.Sets.Shingles(), r.Sets.Elements())
	return nil
}

// tell notes what describes the work for those who look at records: the shingles of all
// sets, and how many elements these took.
func (r *resolver) tell(stats *neardup.Stats, shingles, stored int64) {
	for name, v := range map[string]int64{
		"near_dup_documents":  int64(stats.Dropped),
		"compared_documents":  int64(stats.Documents),
		"compared_shingles":   shingles,
		"stored_shingles":     stored,
		"candidates":          int64(stats.Candidates),
		"rejected_by_size":    int64(stats.RejectedBySize),
		"rejected_by_bitmap":  int64(stats.RejectedByBitmap),
		"proofs":              int64(stats.Merged),
		"largest_kept_bucket": int64(stats.LargestBucketKept),
		"most_candidates":     int64(stats.MostCandidates),
	} {
		r.Record.Numbers[name] = v
	}
}

// write spells out what was decided.
func (r *resolver) write(ctx context.Context) error {
	r.Record.Bytes = r.TextBytes()
	fates := r.Fates()
	members := make(map[int32]uint64)
	out := r.begin("decisions")
	for i := range r.All {
		n := &r.All[i]
		if int(n.Place.Shard) >= r.delivery {
			break
		}
		var d wire.Decision
		f := &fates[i]
		if c := r.carried[n.First]; c != nil && f.Class != doc.NearDup {
			d = *c
			d.Ordinal = n.Place.Ordinal
		} else if f.Class != doc.Kept {
			members[f.Witness]++
			r.own(int32(i), f.Witness)
			d = r.decision(n.Place, f, &r.All[f.Witness])
		} else {
			continue
		}
		e, err := out.to(ctx, n.Place.Shard)
		if err != nil {
			return err
		}
		e.Decision(&d)
	}
	if err := out.end(ctx); err != nil {
		return err
	}
	if err := r.writeOwners(ctx); err != nil {
		return err
	}
	if err := r.writeCopies(ctx, r.first, func(number uint32) [sha256.Size]byte { return r.All[number].Sum }); err != nil {
		return err
	}
	var e evidence
	e.take(r.Nodes, members)
	return r.writeEvidence(ctx, &e)
}

// decision spells out what became of the document of a place that was dropped.
func (r *resolver) decision(p doc.Place, f *sweep.Fate, witness *fate.Node) wire.Decision {
	return wire.Decision{
		Ordinal: p.Ordinal, Class: f.Class,
		Overlap: int(f.Overlap), Union: int(f.Union), Shared: int(f.Shared),
		Witness: witness.Place, WitnessLine: r.Plan.Shards[witness.Place.Shard].FirstLine + int64(witness.Place.Ordinal),
		WitnessID: witness.ID, WitnessContrib: witness.Contributor,
	}
}
