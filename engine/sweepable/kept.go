package sweepable

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Kept is a finished sweepable run, opened to ask it about other thresholds.
type Kept struct {
	Corpus sweep.Corpus
	task   *task.Task // to read inputs
	nodes  *fate.Nodes
}

func newKept(job *task.Job) *Kept {
	return &Kept{task: job.Begin(task.Resolve, 0), nodes: fate.New(&job.Plan)}
}

// Open reads what the run of job kept. Shingle sets are unpacked into a
// file in folder scratch: 8 bytes for each shingle of each document that is
// compared. Memory is that of resolve.
func Open(ctx context.Context, job *task.Job, scratch string) (*Kept, error) {
	if !job.Plan.NearDup.Sweepable() {
		return nil, fmt.Errorf("%w: the run in %s kept nothing for other thresholds (run it with --sweepable)", doc.ErrUsage, job.Dir)
	}
	k := newKept(job)
	if err := LoadGraph(ctx, job, k.nodes); err != nil {
		return nil, err
	}
	if err := k.readDocs(ctx, nil); err != nil {
		return nil, err
	}
	docs := k.nodes.Graph.Len()
	var err error
	k.nodes.Sets, err = LoadSets(ctx, job, scratch, docs, func(rank uint32) (uint32, bool) { return rank, int(rank) < docs })
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Close frees the scratch file.
func (k *Kept) Close() { k.nodes.Close() }

// readDocs describes the nodes and adds up what came in. each, if not nil, is
// told of every line; node is -1 for one that shares no key.
func (k *Kept) readDocs(ctx context.Context, each func(place doc.Place, node int32, rec *wire.Document)) error {
	g, c := k.nodes, &k.Corpus
	order := fate.NewOrder(&k.task.Plan)
	c.Documents = make([]sweep.Document, len(g.All))
	numbers := map[string]int32{}
	at := 0
	for shard := range k.task.Plan.Shards {
		d, done, err := unpack(ctx, k.task.Job, sweepDocs(shard), magicDocs)
		if err != nil {
			return err
		}
		var rec wire.Document
		for n := 0; d.More(); n++ {
			if n%4096 == 0 && ctx.Err() != nil {
				break
			}
			if d.Document(&rec); d.Err != nil {
				break
			}
			counts := doc.Counts{Documents: 1, Bytes: rec.Bytes, Tokens: rec.Tokens}
			c.In.Add(counts)
			place, node := doc.Place{Shard: uint32(shard), Ordinal: rec.Ordinal}, int32(-1)
			if at < len(g.All) && g.All[at].Place == place {
				node = int32(at)
			}
			if each != nil {
				each(place, node, &rec)
			}
			if rec.Reason != doc.OK {
				c.Rejected.Add(counts)
				continue
			}
			number, known := numbers[string(rec.Contributor)]
			if !known {
				number = int32(len(c.Contributors))
				numbers[string(rec.Contributor)] = number
				c.Contributors = append(c.Contributors, sweep.Contributor{Name: string(rec.Contributor)})
			}
			c.Contributors[number].In.Add(counts)
			if node >= 0 {
				order.Describe(&g.All[at], &rec, false)
				c.Documents[at] = sweep.Document{Contributor: number, Bytes: rec.Bytes, Tokens: rec.Tokens, Hash: rec.Hash}
				at++
			}
		}
		done()
		if err := cmp.Or(d.Err, ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", sweepDocs(shard), err)
		}
	}
	if at != len(g.All) {
		return fmt.Errorf("%s: %w: node %d has no record", Dir, doc.ErrCorrupt, at)
	}
	return nil
}

// Decide returns the fate of every document of the corpus at the threshold
// num/den: that of a run of the same plan at that threshold.
func (k *Kept) Decide(ctx context.Context, num, den int64) ([]sweep.Fate, error) {
	g := *k.nodes
	if err := g.Decide(ctx, num, den, k.task.Workers); err != nil {
		return nil, err
	}
	return g.Fates(), nil
}

// Ref names document i of the corpus.
func (k *Kept) Ref(i int32) sweep.Ref {
	n := &k.nodes.All[i]
	s := k.task.Plan.Shards[n.Place.Shard]
	return sweep.Ref{
		ID: n.ID, Contributor: n.Contributor,
		File: k.task.Plan.Files[s.File].Path, Line: s.FirstLine + int64(n.Place.Ordinal),
	}
}

// Texts reads the texts of some documents of the corpus from the inputs.
func (k *Kept) Texts(ctx context.Context, docs []int32) (map[int32]string, error) {
	docs = slices.Clone(docs)
	slices.Sort(docs)
	texts := map[int32]string{}
	var mu sync.Mutex
	err := k.task.Fetch(ctx, slices.Compact(docs), k.nodes.TextOf, func() func(n int32, text []byte) error {
		return func(n int32, text []byte) error {
			mu.Lock()
			defer mu.Unlock()
			texts[n] = string(text)
			return nil
		}
	})
	return texts, err
}
