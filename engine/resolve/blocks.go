package resolve

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/wire"
)

// blocks resolves a component that does not fit into memory: a template that
// millions of documents fill in, say. Its documents are taken in priority order, a
// block at a time. A block is first held against the documents kept before it,
// which are read again a chunk at a time, then resolved in itself. What its
// documents have found so far goes from one to the next, so that the best witness
// is that of the definition. Cost grows with the number of blocks times that of
// chunks; what is dropped, most of a family of copies, is in no chunk.
type blocks struct {
	p         *parts
	component uint32
	docs      int
	sets      *shingleset.File
	ranks     []uint32      // of the documents, in order of number
	member    docset.Ranked // documents of the component
	sources   []int32       // by rank, where sources are kept apart
	large     docset.Bits   // buckets of more than neardup.HotBucket documents
	inLarge   map[uint32]int
	chunks    []*keptChunk

	sorters                []*extsort.Sorter
	copied, sizes, inTouch *extsort.Sorter
	stats                  neardup.Stats
	most                   fate.Node
}

// keptChunk are kept documents that later ones are tested against together.
type keptChunk struct {
	spool  *extsort.Spool
	weight int64
}

// ranksDoc is a document in a pass.
type ranksDoc struct {
	nodeRecord
	at      uint32 // its rank in the component
	ref     shingleset.Ref
	buckets []uint32
}

// found is the best witness of a document so far.
type found struct {
	fate     sweep.Fate
	witness  *fate.Node
	at       uint32 // rank of the witness
	partners uint32
}

func (p *parts) inBlocks(ctx context.Context, component uint32) error {
	b := &blocks{p: p, component: component, inLarge: map[uint32]int{}}
	defer b.close()
	var err error
	if b.sets, err = shingleset.NewFile(p.ScratchDir()); err != nil {
		return err
	}
	nodes, err := b.order()
	if err != nil {
		return err
	}
	defer nodes.close()
	edges, err := b.spread()
	if err != nil {
		return err
	}
	defer edges.close()
	b.copied, b.sizes, b.inTouch = b.sorter(), b.sorter(), b.sorter()
	for nodes.pending {
		if err := b.block(ctx, nodes, edges); err != nil {
			return err
		}
	}
	return b.end()
}

func (b *blocks) sorter() *extsort.Sorter {
	s := b.p.sorter(32)
	b.sorters = append(b.sorters, s)
	return s
}

func (b *blocks) close() {
	for _, s := range b.sorters {
		s.Close()
	}
	for _, c := range b.chunks {
		c.spool.Close()
	}
	if b.sets != nil {
		b.sets.Close()
	}
}

func (b *blocks) encode(d *ranksDoc) []byte {
	return b.p.value.Value(func(e *wire.Encoder) {
		d.nodeRecord.put(e)
		e.Uint(d.ref.At)
		e.Uint(uint64(d.ref.Size))
		e.Uint(uint64(d.at))
		e.Uint(uint64(len(d.buckets)))
		for _, bucket := range d.buckets {
			e.Uint(uint64(bucket))
		}
	})
}

func decodeRanksDoc(value []byte) (ranksDoc, error) {
	var r ranksDoc
	d := wire.ValueOf(value)
	r.nodeRecord.get(d)
	r.ref = shingleset.Ref{At: d.Uint(), Size: d.Uint32()}
	r.at = d.Uint32()
	for n := d.Uint(); n > 0 && d.Err == nil; n-- {
		r.buckets = append(r.buckets, d.Uint32())
	}
	return r, d.Ended()
}

// order ranks the documents of the component by priority, and stores their sets.
func (b *blocks) order() (*stream, error) {
	p, until := b.p, b.component+1
	members := docset.NewBits(p.number)
	byPriority := b.sorter()
	var set []uint64
	err := p.nodes.until(until, func(_, value []byte) error {
		var r ranksDoc
		d := wire.ValueOf(value)
		r.nodeRecord.get(d)
		if err := d.Ended(); err != nil {
			return err
		}
		members.Add(r.number)
		if value, ok := p.sets.is(b.component, r.number); ok {
			var err error
			set = appendSet(set[:0], value)
			if r.ref, err = b.sets.Append(set); err != nil {
				return err
			}
			p.sets.skip()
		}
		p.key = fate.AppendKey(p.key[:0], &r.Node)
		return byPriority.Add(p.key, b.encode(&r))
	})
	if err != nil {
		return nil, err
	}
	b.member, b.docs = members.Rank()
	b.ranks = make([]uint32, b.docs)
	if p.Plan.Scope == plan.ScopeSource {
		b.sources = make([]int32, b.docs)
	}
	sorted, err := byPriority.Sort()
	if err != nil {
		return nil, err
	}
	defer sorted.Close()
	byRank := b.sorter()
	for rank := uint32(0); sorted.Next(); rank++ {
		r, err := decodeRanksDoc(sorted.Value())
		if err != nil {
			return nil, err
		}
		r.at = rank
		b.ranks[b.member.Of(r.number)] = rank
		if b.sources != nil {
			b.sources[rank] = r.Source
		}
		if err := byRank.Add(extsort.AppendNumbers(nil, rank), b.encode(&r)); err != nil {
			return nil, err
		}
	}
	if sorted.Err() != nil {
		return nil, sorted.Err()
	}
	return openStream(byRank)
}

// spread gives every document its buckets, by rank. Buckets are numbered anew, those
// of each source by themselves.
func (b *blocks) spread() (*stream, error) {
	p := b.p
	edges := b.sorter()
	next := uint32(0)
	var ranks []uint32
	err := p.buckets.until(b.component+1, func(_, value []byte) error {
		ranks = ranks[:0]
		number := uint32(0)
		d := wire.ValueOf(value)
		for d.More() {
			if number += d.Uint32(); d.Err != nil || int(number) >= p.number || !b.member.Has(number) {
				return cmp.Or(d.Err, fmt.Errorf("%w: document %d in a bucket of component %d", doc.ErrCorrupt, number, b.component))
			}
			ranks = append(ranks, b.ranks[b.member.Of(number)])
		}
		for ranks := range fate.BySource(&p.Plan, ranks, func(rank uint32) int32 { return b.sources[rank] }) {
			if err := b.bucket(edges, next, ranks); err != nil {
				return err
			}
			if next++; next == math.MaxUint32 {
				return fmt.Errorf("component %d has %d buckets: no more can be numbered", b.component, next)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return openStream(edges)
}

func (b *blocks) bucket(edges *extsort.Sorter, bucket uint32, ranks []uint32) error {
	if len(ranks) > neardup.HotBucket {
		for int(bucket/64) >= len(b.large) {
			b.large = append(b.large, 0)
		}
		b.large.Add(bucket)
	}
	for _, rank := range ranks {
		b.p.key = extsort.AppendNumbers(b.p.key[:0], rank, bucket)
		if err := edges.Add(b.p.key, nil); err != nil {
			return err
		}
	}
	return nil
}

func (b *blocks) isLarge(bucket uint32) bool {
	return int(bucket/64) < len(b.large) && b.large.Has(bucket)
}

// weigh returns what a document takes in a pass.
func (b *blocks) weigh(d *ranksDoc) int64 {
	return b.p.weight(&d.nodeRecord) + nodeBytes + 2*edgeBytes*int64(len(d.buckets))
}

// block resolves the next documents.
func (b *blocks) block(ctx context.Context, nodes, edges *stream) error {
	room := b.p.room / 4
	var docs []ranksDoc
	for weight := int64(0); nodes.pending && weight <= room; {
		r, err := decodeRanksDoc(nodes.records.Value())
		if err != nil {
			return err
		}
		err = edges.until(r.at+1, func(key, _ []byte) error {
			r.buckets = append(r.buckets, extsort.NumberOf(key, 1))
			return nil
		})
		if err != nil {
			return err
		}
		weight += b.weigh(&r)
		docs = append(docs, r)
		if err := nodes.skip(); err != nil {
			return err
		}
	}
	standing := 0
	for standing < len(docs) && docs[standing].Stands() {
		standing++
	}
	best := make([]found, len(docs))
	for _, c := range b.chunks {
		if standing == len(docs) {
			break
		}
		kept, err := c.load()
		if err != nil {
			return err
		}
		err = b.pass(ctx, append(kept, docs[standing:]...), best[standing:], neardup.Standing{First: uint32(len(kept)), Alone: true})
		if err != nil {
			return err
		}
	}
	alone := b.p.Plan.Scope == plan.ScopeReference
	if err := b.pass(ctx, docs, best, neardup.Standing{First: uint32(standing), Alone: alone}); err != nil {
		return err
	}
	return b.settle(docs, best, standing, alone)
}

func (c *keptChunk) load() (docs []ranksDoc, err error) {
	err = c.spool.Each(func(_, value []byte) error {
		r, err := decodeRanksDoc(value)
		docs = append(docs, r)
		return err
	})
	return docs, err
}

// pass resolves docs, and improves what the last of them have found.
func (b *blocks) pass(ctx context.Context, docs []ranksDoc, best []found, standing neardup.Standing) error {
	var ids []uint32
	for i := range docs {
		ids = append(ids, docs[i].buckets...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	g := neardup.Graph{Offsets: []uint64{0}, Buckets: len(ids), Large: make([]bool, len(ids))}
	for i, bucket := range ids {
		g.Large[i] = b.isLarge(bucket)
	}
	refs := make([]shingleset.Ref, len(docs))
	for i := range docs {
		refs[i] = docs[i].ref
		for _, bucket := range docs[i].buckets {
			at, _ := slices.BinarySearch(ids, bucket)
			g.IDs = append(g.IDs, uint32(at))
		}
		g.Offsets = append(g.Offsets, uint64(len(g.IDs)))
	}
	sets, err := b.sets.Sets(refs)
	if err != nil {
		return err
	}
	first := len(docs) - len(best)
	standing.Before = make([]neardup.Before, len(docs))
	for i := range best {
		f := &best[i]
		standing.Before[first+i] = neardup.Before{Overlap: f.fate.Overlap, Union: f.fate.Union, Partners: f.partners}
	}
	nd := b.p.Plan.NearDup
	verdicts, stats, err := neardup.Resolve(ctx, g, sets, nd.ThresholdNum, nd.ThresholdDen, standing, max(1, b.p.Workers), nil)
	if err != nil {
		return err
	}
	for i := range best {
		best[i].partners = standing.Before[first+i].Partners
	}
	witnesses := map[uint32]*fate.Node{} // copies, so that no pass is kept alive by a few
	for i := range verdicts {
		v := &verdicts[i]
		w := witnesses[v.Witness]
		if w == nil {
			copied := docs[v.Witness].Node
			w = &copied
			witnesses[v.Witness] = w
		}
		f := &best[int(v.Doc)-first]
		f.fate = sweep.Fate{Class: doc.NearDup, Overlap: v.Overlap, Union: v.Union, Shared: uint32(v.Shared)}
		f.witness, f.at = w, docs[v.Witness].at
	}
	b.stats.Candidates += stats.Candidates
	b.stats.RejectedBySize += stats.RejectedBySize
	b.stats.RejectedByBitmap += stats.RejectedByBitmap
	b.stats.Merged += stats.Merged
	return nil
}

// settle passes on what a block decided.
func (b *blocks) settle(docs []ranksDoc, best []found, standing int, alone bool) error {
	type size struct {
		witness *fate.Node
		dropped uint64
	}
	groups := map[uint32]*size{}
	for i := range docs {
		d, f := &docs[i], &best[i]
		if len(d.buckets) > 0 {
			b.stats.Documents++
		}
		dropped := f.witness != nil
		if i >= standing {
			b.count(d, f.partners, dropped)
		}
		if dropped {
			b.stats.Dropped++
			b.p.dropped.Add(d.number)
			if err := b.p.drop(d.Place, d.Contributor, &f.fate, f.witness); err != nil {
				return err
			}
			if groups[f.at] == nil {
				groups[f.at] = &size{witness: f.witness}
			}
			groups[f.at].dropped++
		} else if err := b.keep(d, i < standing || !alone); err != nil {
			return err
		}
		if d.copies {
			if err := b.noteCopied(d, f); err != nil {
				return err
			}
		}
	}
	for at, s := range groups {
		if err := b.noteSize(at, s.witness, s.dropped); err != nil {
			return err
		}
	}
	return nil
}

// count adds the partners of a document to the statistics, as Resolve would.
func (b *blocks) count(d *ranksDoc, partners uint32, dropped bool) {
	n := uint64(partners)
	for _, bucket := range d.buckets {
		if b.isLarge(bucket) {
			n += uint64(min(b.inLarge[bucket], neardup.HotBucket))
		}
	}
	if n > b.stats.MostCandidates {
		b.stats.MostCandidates, b.most = n, d.Node
	}
	if !dropped {
		b.stats.KeptCandidates += n
	}
}

// keep notes a kept document; others are tested against it if it is a witness.
func (b *blocks) keep(d *ranksDoc, witness bool) error {
	value := []byte{0}
	if witness {
		value[0] = 1
	}
	for _, bucket := range d.buckets {
		if witness && b.isLarge(bucket) {
			b.inLarge[bucket]++
		}
		b.p.key = extsort.AppendNumbers(b.p.key[:0], bucket, d.at)
		if err := b.inTouch.Add(b.p.key, value); err != nil {
			return err
		}
	}
	if !witness || len(d.buckets) == 0 {
		return nil
	}
	weight := b.weigh(d)
	last := len(b.chunks) - 1
	if last < 0 || b.chunks[last].weight+weight > b.p.room/4 {
		spool, err := extsort.NewSpool(b.p.ScratchDir())
		if err != nil {
			return err
		}
		b.chunks = append(b.chunks, &keptChunk{spool: spool})
		last++
	}
	b.chunks[last].weight += weight
	return b.chunks[last].spool.Add(nil, b.encode(d))
}
