// Package fate decides what becomes of documents that share keys and are in memory
// together: their priority order, whom exact copies stand for, the graph of their
// buckets, and from the verdicts of package neardup the fate of each. Where the
// documents come from, what is done if they do not fit into memory, and how
// decisions are written is the business of packages resolve and sweepable.
package fate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"iter"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/task"
)

// Node is a document that shares a key with another one; all others are kept
// without further thought and never enter memory here.
type Node struct {
	Place       doc.Place
	Offset      int64
	Created     doc.Instant
	Hash        uint64 // of the text
	Length      uint64 // of the text, bytes
	ID          string
	Contributor string
	Turn        uint64 // what the priority begins with
	Source      int32  // number of its source, where sources are kept apart

	Sum   [sha256.Size]byte // of the text, where hash and length are another's too
	First int32             // node that stands for its exact group; itself if there is none
	Rank  int32             // priority among the documents that share buckets; -1 outside
}

// Text is where the text of the document is.
func (n *Node) Text() task.Text {
	return task.Text{Place: n.Place, Offset: n.Offset, Hash: n.Hash, Length: n.Length}
}

// Compare is the priority order of the plan: turn, created, content,
// contributor, id. Texts whose hashes collide are told apart by length and digest, so that
// documents which differ in nothing but their place are the only ones that the
// place decides.
func (a *Node) Compare(b *Node) int {
	c := cmp.Or(cmp.Compare(a.Turn, b.Turn), a.Created.Compare(b.Created), cmp.Compare(a.Hash, b.Hash))
	if c == 0 {
		return a.compareLabels(b)
	}
	return c
}

// compareLabels is Compare of what follows: rarely asked for, and dearer.
func (a *Node) compareLabels(b *Node) int {
	return cmp.Or(
		cmp.Compare(a.Contributor, b.Contributor),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Length, b.Length),
		bytes.Compare(a.Sum[:], b.Sum[:]),
		a.Place.Compare(b.Place),
	)
}

// Nodes are documents that are decided together, all that hang together by shared
// buckets.
type Nodes struct {
	plan     *plan.Plan
	delivery int     // shards of the delivery
	All      []Node  // in order of place
	ByRank   []int32 // rank → node
	Graph    neardup.Graph
	Sets     *shingleset.Stored
	Verdicts []neardup.Verdict
	Stats    neardup.Stats
}

// MostSets is what shingle sets may take in memory, bytes, where nothing else bounds
// them: a file costs a twentieth of a run over technical text.
const MostSets = 256 << 20

// New begins with none.
func New(p *plan.Plan) *Nodes { return &Nodes{plan: p, delivery: p.Delivery()} }

// Close frees the shingle sets.
func (g *Nodes) Close() {
	if g.Sets != nil {
		g.Sets.Close()
		g.Sets = nil
	}
}

// Connect makes the graph of the buckets that at least two of the documents share,
// and ranks those by priority. It may reorder a bucket.
func (g *Nodes) Connect(buckets func(fn func(bucket []int32)) error) error {
	offsets := []uint64{0}
	var shared []uint32 // members of the buckets, as nodes, then as ranks
	err := buckets(func(bucket []int32) {
		for bucket := range BySource(g.plan, bucket, func(n int32) int32 { return g.All[n].Source }) {
			for _, n := range bucket {
				if g.All[n].Rank < 0 {
					g.All[n].Rank = 0
					g.ByRank = append(g.ByRank, n)
				}
				shared = append(shared, uint32(n))
			}
			offsets = append(offsets, uint64(len(shared)))
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(g.ByRank, func(a, b int32) int { return g.All[a].Compare(&g.All[b]) })
	for rank, n := range g.ByRank {
		g.All[n].Rank = int32(rank)
	}
	for i, n := range shared {
		shared[i] = uint32(g.All[n].Rank)
	}
	g.Graph, err = neardup.NewGraph(len(g.ByRank), offsets, shared)
	return err
}

// BySource cuts the documents of a bucket into those that may be compared: of one
// source each where the plan keeps sources apart, two at least. They come in the order of
// their first members, whatever the numbers of sources are. It reorders members.
func BySource[T any](p *plan.Plan, members []T, source func(T) int32) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		if p.Scope != plan.ScopeSource {
			if len(members) > 1 {
				yield(members)
			}
			return
		}
		if slices.ContainsFunc(members, func(m T) bool { return source(m) != source(members[0]) }) {
			met := map[int32]int{}
			for i, m := range members {
				if _, known := met[source(m)]; !known {
					met[source(m)] = i
				}
			}
			slices.SortStableFunc(members, func(a, b T) int { return cmp.Compare(met[source(a)], met[source(b)]) })
		}
		for lo := 0; lo < len(members); {
			hi := lo + 1
			for hi < len(members) && source(members[hi]) == source(members[lo]) {
				hi++
			}
			if hi-lo > 1 && !yield(members[lo:hi]) {
				return
			}
			lo = hi
		}
	}
}

// TextOf is the text of a node.
func (g *Nodes) TextOf(n int32) task.Text { return g.All[n].Text() }

// Decide finds the near duplicates at the threshold num/den.
func (g *Nodes) Decide(ctx context.Context, num, den int64, workers int) error {
	var err error
	g.Verdicts, g.Stats, err = neardup.Resolve(ctx, g.Graph, g.Sets, num, den,
		neardup.Standing{First: g.standing(), Alone: g.plan.Scope == plan.ScopeReference}, max(1, workers), nil)
	return err
}

// IsStanding reports whether a node's document stands.
func (g *Nodes) IsStanding(n int32) bool { return int(g.All[n].Place.Shard) >= g.delivery }

// standing returns how many of the ranked documents stand: the first ones.
func (g *Nodes) standing() uint32 {
	i, _ := slices.BinarySearchFunc(g.ByRank, uint64(turnDelivery), func(n int32, turn uint64) int {
		return cmp.Compare(g.All[n].Turn, turn)
	})
	return uint32(i)
}

// Fates returns what the verdicts make of every node. A copy of a document that
// was dropped is near_dup too, with the same witness and score.
func (g *Nodes) Fates() []sweep.Fate {
	fates := make([]sweep.Fate, len(g.All))
	for i := range g.Verdicts {
		v := &g.Verdicts[i]
		fates[g.ByRank[v.Doc]] = sweep.Fate{
			Class: doc.NearDup, Witness: g.ByRank[v.Witness], Overlap: v.Overlap, Union: v.Union, Shared: uint32(v.Shared),
		}
	}
	for i := range g.All {
		if first := g.All[i].First; first != int32(i) {
			fates[i] = fates[first]
			if fates[i].Class == doc.Kept && (g.plan.Scope != plan.ScopeReference || g.IsStanding(first)) {
				fates[i] = sweep.Fate{Class: doc.ExactDup, Witness: first}
			}
		}
	}
	return fates
}
