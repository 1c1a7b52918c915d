package sweepable

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// mostMates is how many documents of the buckets of one are compared with it
// for Neighbours: those that share most buckets with it.
const mostMates = 200

// Around is what a sweepable run kept of some documents: as much as decides
// about them at any threshold, which is them, the earlier documents that share
// a bucket with them, the earlier ones of those, and so on.
type Around struct {
	Found []Found // the documents asked for, in order of place
	kept  *Kept
	mates map[int32][]int32 // nodes of the buckets of each node found, nearest first
}

// Found is a document that was asked for.
type Found struct {
	Ref    sweep.Ref
	Place  doc.Place
	Node   int32 // index for other methods; -1 if it shares no key with any other
	Reason doc.Reason
}

// OpenAround finds the documents of a sweepable run that match, and opens what
// is around them.
func OpenAround(ctx context.Context, job *task.Job, scratch string, match func(sweep.Ref) bool) (*Around, error) {
	a := &Around{kept: newKept(job), mates: map[int32][]int32{}}
	if err := LoadGraph(ctx, job, a.kept.nodes); err != nil {
		return nil, err
	}
	err := a.kept.readDocs(ctx, func(place doc.Place, node int32, rec *wire.Document) {
		s := job.Plan.Shards[place.Shard]
		ref := sweep.Ref{
			ID: string(rec.ID), Contributor: string(rec.Contributor),
			File: job.Plan.Files[s.File].Path, Line: s.FirstLine + int64(place.Ordinal),
		}
		if match(ref) {
			a.Found = append(a.Found, Found{Ref: ref, Place: place, Node: node, Reason: rec.Reason})
		}
	})
	if err != nil {
		return nil, err
	}
	return a, a.restrict(ctx, job, scratch)
}

// Close frees the scratch file.
func (a *Around) Close() { a.kept.nodes.Close() }

// restrict takes out of the graph what decides nothing about the documents
// that were found, and loads the sets of the rest and of their mates.
func (a *Around) restrict(ctx context.Context, job *task.Job, scratch string) error {
	g := a.kept.nodes
	begin, members := g.Graph.Members()
	matters := make([]bool, g.Graph.Len()) // ranks that may decide
	var queue []uint32
	visit := func(rank uint32) {
		if !matters[rank] {
			matters[rank] = true
			queue = append(queue, rank)
		}
	}
	load := make([]bool, g.Graph.Len())
	for _, f := range a.Found {
		if f.Node < 0 {
			continue
		}
		// A copy fares as the document that stands for it.
		rank := g.All[g.All[f.Node].First].Rank
		if rank < 0 {
			continue
		}
		visit(uint32(rank))
		shared := map[uint32]int{}
		for _, b := range g.Graph.Of(uint32(rank)) {
			for _, m := range members[begin[b]:begin[b+1]] {
				if m != uint32(rank) {
					shared[m]++
				}
			}
		}
		mates := make([]uint32, 0, len(shared))
		for m := range shared {
			mates = append(mates, m)
		}
		slices.SortFunc(mates, func(a, b uint32) int { return cmp.Or(cmp.Compare(shared[b], shared[a]), cmp.Compare(a, b)) })
		mates = mates[:min(len(mates), mostMates)]
		for _, m := range mates {
			load[m] = true
			a.mates[f.Node] = append(a.mates[f.Node], g.ByRank[m])
		}
	}
	visited := make([]int, g.Graph.Buckets) // how many of a bucket's members have been
	for len(queue) > 0 {
		rank := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, b := range g.Graph.Of(rank) {
			bucket := members[begin[b]:begin[b+1]]
			for ; visited[b] < len(bucket) && bucket[visited[b]] < rank; visited[b]++ {
				visit(bucket[visited[b]])
			}
		}
	}
	// Those that matter keep their order, those that are only compared follow,
	// without buckets: nothing is decided about them.
	as := make(map[uint32]uint32)
	graph := neardup.Graph{Offsets: []uint64{0}, Buckets: g.Graph.Buckets}
	var byRank []int32
	for _, deciding := range []bool{true, false} {
		for rank := range uint32(g.Graph.Len()) {
			if deciding != matters[rank] || !deciding && !load[rank] {
				continue
			}
			as[rank] = uint32(len(byRank))
			byRank = append(byRank, g.ByRank[rank])
			if deciding {
				graph.IDs = append(graph.IDs, g.Graph.Of(rank)...)
			}
			graph.Offsets = append(graph.Offsets, uint64(len(graph.IDs)))
		}
	}
	for _, n := range g.ByRank {
		g.All[n].Rank = -1
	}
	for rank, n := range byRank {
		g.All[n].Rank = int32(rank)
	}
	g.Graph, g.ByRank = graph, byRank
	var err error
	g.Sets, err = LoadSets(ctx, job, scratch, len(byRank), func(rank uint32) (uint32, bool) {
		to, ok := as[rank]
		return to, ok
	})
	return err
}

// Decide returns the fates of the documents that were found, in their order, at
// the threshold num/den.
func (a *Around) Decide(ctx context.Context, num, den int64) ([]sweep.Fate, error) {
	fates, err := a.kept.Decide(ctx, num, den)
	if err != nil {
		return nil, err
	}
	var out []sweep.Fate
	for _, f := range a.Found {
		if f.Node < 0 {
			out = append(out, sweep.Fate{})
		} else {
			out = append(out, fates[f.Node])
		}
	}
	return out, nil
}

// Ref names the document of a node.
func (a *Around) Ref(node int32) sweep.Ref { return a.kept.Ref(node) }

// Neighbour is a document that shares buckets with another one.
type Neighbour struct {
	Ref            sweep.Ref
	Overlap, Union uint32
}

// Neighbours returns the documents most similar to a node, nearest first, of
// those that share most buckets with it and whose place is accepted.
func (a *Around) Neighbours(node int32, most int, accept func(doc.Place) bool) ([]Neighbour, error) {
	g := a.kept.nodes
	var out []Neighbour
	for _, m := range a.mates[node] {
		if !accept(g.All[m].Place) {
			continue
		}
		overlap, union, err := shingleset.Score(g.Sets, uint32(g.All[g.All[node].First].Rank), uint32(g.All[m].Rank))
		if err != nil {
			return nil, err
		}
		out = append(out, Neighbour{a.Ref(m), uint32(overlap), uint32(union)})
	}
	slices.SortStableFunc(out, func(a, b Neighbour) int {
		return cmp.Compare(uint64(b.Overlap)*uint64(a.Union), uint64(a.Overlap)*uint64(b.Union))
	})
	return out[:min(len(out), most)], nil
}
