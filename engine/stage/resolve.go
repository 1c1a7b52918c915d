package stage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/sweep"
)

// node is a document that shares a key with another one; all others are kept
// without further thought and never enter memory here.
type node struct {
	place       doc.Place
	offset      int64
	created     doc.Instant
	hash        uint64 // of the text
	length      uint64 // of the text, bytes
	id          string
	contributor string
	turn        uint64 // what the priority begins with
	source      int32  // number of its source, where sources are kept apart

	sum   [sha256.Size]byte // of the text, where hash and length are another's too
	first int32             // node that stands for its exact group; itself if there is none
	rank  int32             // priority among the documents that share buckets; -1 outside
}

// compare is the priority order of the plan: turn, created, content,
// contributor, id. Texts whose hashes collide are told apart by length and digest, so that
// documents which differ in nothing but their place are the only ones that the
// place decides.
func (a *node) compare(b *node) int {
	c := cmp.Or(cmp.Compare(a.turn, b.turn), a.created.Compare(b.created), cmp.Compare(a.hash, b.hash))
	if c == 0 {
		return a.compareLabels(b)
	}
	return c
}

// compareLabels is compare of what follows: rarely asked for, and dearer.
func (a *node) compareLabels(b *node) int {
	return cmp.Or(
		cmp.Compare(a.contributor, b.contributor),
		cmp.Compare(a.id, b.id),
		cmp.Compare(a.length, b.length),
		bytes.Compare(a.sum[:], b.sum[:]),
		a.place.Compare(b.place),
	)
}

// describe fills in what scan learned of the document of a node.
func (r *resolver) describe(n *node, rec *docRecord, standing bool) {
	n.offset, n.created, n.hash, n.length = rec.Offset, rec.Created, rec.Hash, rec.Bytes
	n.id, n.contributor = string(rec.ID), string(rec.Contributor)
	n.turn, n.source = r.turn(rec, standing), r.sourceOf(rec)
}

// resolve decides every document that shares a key with another one.
func resolve(ctx context.Context, t *taskRun) error {
	scanned, err := t.Records(ctx, Scan)
	if err != nil {
		return err
	}
	matched, err := t.Records(ctx, Match)
	if err != nil {
		return err
	}
	if err := checkCandidates(matched); err != nil {
		return err
	}
	r := newResolver(t)
	defer r.close()
	r.scanned, r.matched = scanned, matched
	fits := false
	begin := func(ctx context.Context) (err error) {
		if err := r.sharing(ctx); err != nil {
			return err
		}
		fits, err = r.fits(ctx)
		return err
	}
	if err := r.step(ctx, "sharing", begin); err != nil {
		return err
	}
	if !fits {
		return r.resolveInParts(ctx)
	}
	return r.steps(ctx, []step{
		{"collect", r.collect}, {"exact", r.collapseExact}, {"graph", r.buildGraph}, {"sets", r.loadSets},
		{"decide", r.decide}, {"", r.audit}, {"keep", r.keepForSweep}, {"write", r.write},
	})
}

// step is a named part of a task.
type step struct {
	name string
	do   func(context.Context) error
}

func (t *taskRun) steps(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := t.step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

type resolver struct {
	*taskRun
	scanned  []Record // by shard
	matched  []Record // by partition
	nodes    []node   // in order of place
	places   placeSet // of the nodes, by their numbers
	number   int      // of places
	edges    int64    // members of all buckets
	needed   int64    // memory that takes everything, bytes; with a bound only
	hot      bool     // a bucket has more than neardup.HotBucket members
	byRank   []int32  // rank → node
	graph    neardup.Graph
	sets     *neardup.FileSets
	verdicts []neardup.Verdict
	stats    neardup.Stats
	audited  *alarm.Audit // nil without an audit
	owners   []ownership
	texts    atomic.Int64 // bytes of text read again

	delivery int                       // shards of the delivery
	ranking  map[string]int            // places of the ranked sources
	sources  map[string]int32          // numbers of the sources
	carried  map[int32]*decisionRecord // of nodes that an earlier run dropped
}

func newResolver(t *taskRun) *resolver {
	return &resolver{taskRun: t, delivery: t.Plan.Delivery(), ranking: rankingOf(&t.Plan)}
}

func (r *resolver) close() {
	if r.sets != nil {
		r.sets.Close()
		r.sets = nil
	}
}

// at returns the node of a place that collect has seen.
func (r *resolver) at(p doc.Place) (int32, error) {
	i, ok := r.places.find(p)
	if !ok {
		return 0, fmt.Errorf("%w: line %d of shard %d has keys but no record", doc.ErrCorrupt, p.Ordinal, p.Shard)
	}
	return int32(i), nil
}

// collect makes a node of every document in a group.
func (r *resolver) collect(ctx context.Context) error {
	r.nodes = make([]node, 0, r.number)
	for p := range r.places.all() {
		r.nodes = append(r.nodes, node{place: p, first: int32(len(r.nodes)), rank: -1})
	}
	r.carried = make(map[int32]*decisionRecord)
	return r.describeNodes(ctx)
}

// describeNodes fills in the nodes, one for each place.
func (r *resolver) describeNodes(ctx context.Context) error {
	err := r.eachDoc(ctx, func(number uint32, p doc.Place, rec *docRecord, carried *decisionRecord) error {
		n := &r.nodes[number]
		r.describe(n, rec, r.Plan.IsStanding(int(p.Shard)))
		if carried != nil {
			copied := *carried
			r.carried[int32(number)] = &copied
			n.turn |= turnDropped
		}
		return nil
	})
	r.rec.Numbers["sharing_documents"] = int64(len(r.nodes))
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
	err = r.fetch(ctx, r.nodes, members, func() func(n int32, text []byte) error {
		return func(n int32, text []byte) error {
			r.nodes[n].sum = sha256.Sum256(text)
			return nil
		}
	})
	if err != nil {
		return err
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b int32) int {
			return cmp.Or(cmp.Compare(r.nodes[a].source, r.nodes[b].source), bytes.Compare(r.nodes[a].sum[:], r.nodes[b].sum[:]), r.nodes[a].compare(&r.nodes[b]))
		})
		first := g[0]
		for _, n := range g {
			if r.nodes[n].sum != r.nodes[first].sum || r.nodes[n].source != r.nodes[first].source {
				first = n
			}
			r.nodes[n].first = first
		}
	}
	r.rec.Numbers["exact_groups"] = int64(len(groups))
	return nil
}

// buildGraph keeps the buckets that at least two representatives share, and
// ranks those by priority.
func (r *resolver) buildGraph(ctx context.Context) error {
	var bucket []int32
	return r.graphOf(func(fn func(bucket []int32)) error {
		return r.readGroups(ctx, "buckets", func(members []doc.Place) error {
			bucket = bucket[:0]
			for _, p := range members {
				n, err := r.at(p)
				if err != nil {
					return err
				}
				if r.nodes[n].first == n {
					bucket = append(bucket, n)
				}
			}
			fn(bucket)
			return nil
		})
	})
}

// graphOf is buildGraph of buckets of representatives, which it may reorder.
func (r *resolver) graphOf(buckets func(fn func(bucket []int32)) error) error {
	offsets := []uint64{0}
	var shared []uint32 // members of the buckets, as nodes, then as ranks
	err := buckets(func(bucket []int32) {
		r.bySource(bucket, func(bucket []int32) {
			if len(bucket) < 2 {
				return
			}
			for _, n := range bucket {
				if r.nodes[n].rank < 0 {
					r.nodes[n].rank = 0
					r.byRank = append(r.byRank, n)
				}
				shared = append(shared, uint32(n))
			}
			offsets = append(offsets, uint64(len(shared)))
		})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(r.byRank, func(a, b int32) int { return r.nodes[a].compare(&r.nodes[b]) })
	for rank, n := range r.byRank {
		r.nodes[n].rank = int32(rank)
	}
	for i, n := range shared {
		shared[i] = uint32(r.nodes[n].rank)
	}
	r.graph, err = neardup.NewGraph(len(r.byRank), offsets, shared)
	return err
}

// loadSets reads the text of every document that must be compared once more
// and stores its shingle set, in a scratch file if there are many.
func (r *resolver) loadSets(ctx context.Context) error {
	hasher, err := shingle.HasherFor(r.Plan.Rules.Shingle, r.Plan.Seed)
	if err != nil {
		return err
	}
	w, err := neardup.NewSetWriter(r.scratch(), len(r.byRank))
	if err != nil {
		return err
	}
	w.KeepInMemory(r.setsRoom())
	err = r.fetch(ctx, r.nodes, r.byRank, func() func(n int32, text []byte) error {
		return func(n int32, text []byte) error {
			s := hasher.NewScanner()
			defer s.Release()
			return w.Append(uint32(r.nodes[n].rank), s.Set(text))
		}
	})
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	r.sets, err = w.Finish()
	return err
}

// fetch reads the texts of some of nodes, which are in order of place, again,
// shard by shard on all workers. newFn makes the consumer of one worker, which
// owns its scratch.
func (r *resolver) fetch(ctx context.Context, nodes []node, some []int32, newFn func() func(n int32, text []byte) error) error {
	if len(some) == 0 {
		return nil
	}
	byShard := make([][]int32, len(r.Plan.Shards))
	for _, n := range some {
		s := nodes[n].place.Shard
		byShard[s] = append(byShard[s], n)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Workers))
	for shard, list := range byShard {
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		group.Go(func() error {
			wants := make([]corpus.Want, len(list))
			for i, n := range list {
				wants[i] = corpus.Want{Ordinal: nodes[n].place.Ordinal, Offset: nodes[n].offset}
			}
			parser, err := NewParser(r.Plan.Fields, r.Parser)
			if err != nil {
				return err
			}
			var rec jsonl.Record
			fn := newFn()
			s := r.Plan.Shards[shard]
			file := r.File(s.File)
			exact := xxhash.New()
			err = corpus.Fetch(ctx, file, s, r.Plan.MaxLine, wants, func(i int, line []byte) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				n := &nodes[list[i]]
				rec = jsonl.Record{}
				reason := parser.Parse(line, &rec)
				exact.ResetWithSeed(r.Plan.Seed)
				exact.Write(rec.Text)
				if reason != doc.OK || exact.Sum64() != n.hash || uint64(len(rec.Text)) != n.length {
					return fmt.Errorf("%s: %w: the line at byte %d is not the one that was scanned", file.Path, doc.ErrInputChanged, n.offset)
				}
				r.texts.Add(int64(len(rec.Text)))
				r.advance(int64(len(rec.Text)))
				return fn(list[i], rec.Text)
			})
			if origin := r.Plan.Origin(shard); err != nil && origin != "" {
				err = fmt.Errorf("%w (texts of %s are read again to prove duplicates of them)", err, origin)
			}
			return err
		})
	}
	return group.Wait()
}

func (r *resolver) decide(ctx context.Context) error {
	nd := r.Plan.NearDup
	verdicts, stats, err := neardup.Resolve(ctx, r.graph, r.sets, nd.ThresholdNum, nd.ThresholdDen,
		neardup.Standing{First: r.standing(), Alone: r.Plan.Scope == plan.ScopeReference}, max(1, r.Workers), nil)
	if err != nil {
		return err
	}
	r.verdicts, r.stats = verdicts, stats
	r.tell(&stats, r.sets.Shingles())
	return nil
}

// tell notes what describes the work for those who look at records.
func (r *resolver) tell(stats *neardup.Stats, shingles int64) {
	for name, v := range map[string]int64{
		"near_dup_documents":  int64(stats.Dropped),
		"compared_documents":  int64(stats.Documents),
		"compared_shingles":   shingles,
		"candidates":          int64(stats.Candidates),
		"rejected_by_size":    int64(stats.RejectedBySize),
		"rejected_by_bitmap":  int64(stats.RejectedByBitmap),
		"proofs":              int64(stats.Merged),
		"largest_kept_bucket": int64(stats.LargestBucketKept),
		"most_candidates":     int64(stats.MostCandidates),
	} {
		r.rec.Numbers[name] = v
	}
}

// fates returns what the verdicts make of every node. A copy of a document that
// was dropped is near_dup too, with the same witness and score.
func (r *resolver) fates() []sweep.Fate {
	fates := make([]sweep.Fate, len(r.nodes))
	for i := range r.verdicts {
		v := &r.verdicts[i]
		fates[r.byRank[v.Doc]] = sweep.Fate{
			Class: doc.NearDup, Witness: r.byRank[v.Witness], Overlap: v.Overlap, Union: v.Union, Shared: uint32(v.Shared),
		}
	}
	for i := range r.nodes {
		if first := r.nodes[i].first; first != int32(i) {
			fates[i] = fates[first]
			if fates[i].Class == doc.Kept && (r.Plan.Scope != plan.ScopeReference || r.isStanding(first)) {
				fates[i] = sweep.Fate{Class: doc.ExactDup, Witness: first}
			}
		}
	}
	return fates
}

// write spells the decisions out, a file per shard.
func (r *resolver) write(ctx context.Context) error {
	r.rec.Bytes = r.texts.Load()
	fates := r.fates()
	at := 0
	members := make(map[int32]uint64)
	for shard := range r.delivery {
		e, err := r.encode(ctx, workPath(Resolve, shard, "decisions"), magicDecisions)
		if err != nil {
			return err
		}
		for ; at < len(r.nodes) && r.nodes[at].place.Shard == uint32(shard); at++ {
			if c := r.carried[r.nodes[at].first]; c != nil && fates[at].Class != doc.NearDup {
				copied := *c
				copied.Ordinal = r.nodes[at].place.Ordinal
				e.decision(&copied)
				continue
			}
			f := &fates[at]
			if f.Class == doc.Kept {
				continue
			}
			members[f.Witness]++
			r.own(int32(at), f.Witness)
			d := r.decision(r.nodes[at].place, f, &r.nodes[f.Witness])
			e.decision(&d)
		}
		if err := e.flush(); err != nil {
			return err
		}
	}
	if err := r.writeEvidence(ctx, members); err != nil {
		return err
	}
	return r.writeOwners(ctx)
}

// decision spells out what became of the document of a place that was dropped.
func (t *taskRun) decision(p doc.Place, f *sweep.Fate, witness *node) decisionRecord {
	return decisionRecord{
		Ordinal: p.Ordinal, Class: f.Class,
		Overlap: int(f.Overlap), Union: int(f.Union), Shared: int(f.Shared),
		Witness: witness.place, WitnessLine: t.Plan.Shards[witness.place.Shard].FirstLine + int64(witness.place.Ordinal),
		WitnessID: witness.id, WitnessContrib: witness.contributor,
	}
}
