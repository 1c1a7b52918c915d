package resolve

import (
	"context"
	"crypto/sha256"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// parts resolves a corpus whose duplicates do not fit into memory together. Nothing
// is decided about a document but by those that it hangs together with by shared
// buckets, so the components of the graph of buckets are resolved by themselves, as
// many at a time as fit; one that does not fit is resolved in blocks (blocks.go).
// What lies between is sorted on disk:
//
//   - exact groups are proven, and the first of each found, from their members
//     sorted by group;
//   - the representatives, their shingle sets, their copies and the buckets are
//     sorted by component;
//   - decisions are sorted by place.
//
// All that stays in memory throughout is 4 bytes and a few bits for each document
// that shares a key, and 4 bytes for each component.
type parts struct {
	*resolver
	room int64 // bytes for what is resolved at a time, and for sorting

	// links leads from a document to its exact group's representative, marked as
	// copy; from a representative to its component's first one.
	links    docset.Forest
	inBucket docset.Bits   // representatives that share a bucket
	inHot    docset.Bits   // or a large one
	copied   docset.Bits   // representatives of copies in the delivery
	dropped  docset.Bits   // representatives that are dropped
	roots    docset.Ranked // first representatives of components
	weights  []uint32
	sums     map[uint32][sha256.Size]byte // of representatives whose text has the hash and length of another

	nodes, sets, copies, buckets *stream  // by component
	shingles                     int64    // of all sets
	kept                         *keeping // of a sweepable run, until it is written
	again                        *again   // where groups and sets are those that one kept
	out                          outcomes
	value                        wire.Recorder
	key                          []byte
}

// copyMark marks the links of copies; documents are numbered below it.
const copyMark = 1 << 31

// weightUnit is what weights of components count, bytes.
const weightUnit = 64

// resolveInParts is resolve where not everything fits.
func (r *resolver) resolveInParts(ctx context.Context) error {
	p, err := newParts(r)
	if err != nil {
		return err
	}
	defer p.close()
	return p.steps(ctx, []step{
		{"exact", p.proveCopies}, {"graph", p.connect}, {"keep", p.keepGraph}, {"sets", p.spill}, {"keep", p.keepSets},
		{"decide", p.resolveAll}, {"", p.audit}, {"write", p.write},
	})
}

func newParts(r *resolver) (*parts, error) {
	n := int64(r.number)
	fixed := 4*n + 5*n/8 + n*r.keptBytes()
	p := &parts{resolver: r, room: r.roomLeft()}
	if r.Memory > 0 && r.fixedRoom == 0 {
		if fixed > r.Memory && fixed > leastToResolve {
			return nil, r.tooLittle("even in parts", fixed/2+leastToResolve)
		}
		p.room = max(p.room-fixed/2, leastToResolve)
	}
	p.sums = map[uint32][sha256.Size]byte{}
	p.links = docset.NewForest(r.number)
	for _, b := range []*docset.Bits{&p.inBucket, &p.inHot, &p.copied, &p.dropped} {
		*b = docset.NewBits(r.number)
	}
	p.out.decisions = p.sorter(16)
	if r.Plan.SharesCredit() {
		p.out.owners = p.sorter(16)
	}
	return p, nil
}

func (p *parts) close() {
	for _, s := range []*stream{p.nodes, p.sets, p.copies, p.buckets} {
		s.close()
	}
	p.kept.close()
	p.again.close()
	p.out.close()
}

// sorter returns one that takes a share of the room.
func (p *parts) sorter(share int64) *extsort.Sorter {
	return extsort.New(p.ScratchDir(), int(min(p.room/share, 1<<30)))
}

// chunk is as many nodes as are described at a time.
type chunk struct {
	nodes   []fate.Node
	numbers []uint32
	carried map[int]*wire.Decision
}

// textOf is the text of a node.
func (c *chunk) textOf(n int32) task.Text { return c.nodes[n].Text() }

// eachChunk calls fn for the nodes of the documents that are wanted, in order of
// place.
func (p *parts) eachChunk(ctx context.Context, wanted func(number uint32, place doc.Place, rec *wire.Document) (bool, error), fn func(c *chunk) error) error {
	c := &chunk{carried: map[int]*wire.Decision{}}
	bytes := int64(0)
	flush := func() error {
		if len(c.nodes) == 0 {
			return nil
		}
		err := fn(c)
		*c = chunk{nodes: c.nodes[:0], numbers: c.numbers[:0], carried: map[int]*wire.Decision{}}
		bytes = 0
		return err
	}
	err := p.eachDoc(ctx, func(number uint32, place doc.Place, rec *wire.Document, carried *wire.Decision) error {
		if ok, err := wanted(number, place, rec); !ok || err != nil {
			return err
		}
		n := fate.Node{Place: place}
		p.order.Describe(&n, rec, p.Plan.IsStanding(int(place.Shard)))
		if carried != nil {
			copied := *carried
			c.carried[len(c.nodes)] = &copied
			n.SetDropped()
		}
		c.nodes, c.numbers = append(c.nodes, n), append(c.numbers, number)
		if bytes += int64(nodeBytes + len(n.ID) + len(n.Contributor)); bytes > p.room/8 {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// eachBucket calls fn for every bucket that two representatives share.
func (p *parts) eachBucket(ctx context.Context, fn func(members []uint32) error) error {
	if p.again != nil {
		return p.again.eachBucket(fn)
	}
	return p.eachBucketOf(ctx, p.isCopy, fn)
}

// connect finds the components of the graph of buckets. A representative that
// shares none, but has copies, is one by itself.
func (p *parts) connect(ctx context.Context) error {
	err := p.eachBucket(ctx, func(members []uint32) error {
		for _, m := range members {
			p.inBucket.Add(m)
			if len(members) > neardup.HotBucket {
				p.inHot.Add(m)
			}
			p.links.Unite(members[0], m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	number := uint32(0)
	for place := range p.places.All() {
		if p.isCopy(number) && int(place.Shard) < p.delivery {
			p.copied.Add(p.links[number] &^ copyMark)
		}
		number++
	}
	roots := docset.NewBits(p.number)
	for n := range p.links {
		if n := uint32(n); p.takesPart(n) {
			p.links[n] = p.links.Find(n)
			roots.Add(p.links[n])
		}
	}
	components := 0
	p.roots, components = roots.Rank()
	p.weights = make([]uint32, components)
	return nil
}

// takesPart reports whether a document is a representative that anything is to be
// decided about, or by.
func (p *parts) takesPart(number uint32) bool {
	return !p.isCopy(number) && (p.inBucket.Has(number) || p.copied.Has(number))
}

// component is that of a representative that takes part.
func (p *parts) component(number uint32) uint32 { return p.roots.Of(p.links[number]) }

// addWeight adds bytes to what a component weighs.
func (p *parts) addWeight(component uint32, bytes int64) {
	units := (bytes + weightUnit - 1) / weightUnit
	p.weights[component] = uint32(min(int64(p.weights[component])+units, 1<<32-1))
}

// spill writes representatives, sets, copies and buckets by component.
func (p *parts) spill(ctx context.Context) error {
	var sorters [4]*extsort.Sorter
	for i := range sorters {
		sorters[i] = p.sorter(12)
		defer sorters[i].Close()
	}
	nodes, sets, copies, buckets := sorters[0], sorters[1], sorters[2], sorters[3]
	if err := p.spillBuckets(ctx, buckets); err != nil {
		return err
	}
	readSets, err := p.spillSets(ctx, sets)
	if err != nil {
		return err
	}
	shares := p.Plan.SharesCredit()
	wanted := func(number uint32, place doc.Place, rec *wire.Document) (bool, error) {
		if !p.isCopy(number) || int(place.Shard) >= p.delivery {
			return p.takesPart(number), nil
		}
		first := p.links[number] &^ copyMark
		p.key = extsort.AppendNumbers(p.key[:0], p.component(first), first, number)
		return false, copies.Add(p.key, p.value.Value(func(e *wire.Encoder) {
			e.Place(place)
			if shares {
				e.Bytes(rec.Contributor)
			}
		}))
	}
	err = p.eachChunk(ctx, wanted, func(c *chunk) error {
		sizes, err := readSets(c)
		if err != nil {
			return err
		}
		for i := range c.nodes {
			number := c.numbers[i]
			if p.again != nil {
				setSum(&c.nodes[i], p.again.ranks[number])
			} else {
				c.nodes[i].Sum = p.sums[number]
			}
			s := nodeRecord{
				Node: c.nodes[i], number: number, carried: c.carried[i], shingle: sizes[i],
				copies: p.copied.Has(number), buckets: p.inBucket.Has(number), hot: p.inHot.Has(number),
			}
			p.addWeight(p.component(number), p.weight(&s))
			p.shingles += int64(sizes[i])
			p.key = extsort.AppendNumbers(p.key[:0], p.component(number), number)
			if err := nodes.Add(p.key, p.value.Value(func(e *wire.Encoder) { s.put(e) })); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, s := range []**stream{&p.nodes, &p.sets, &p.copies, &p.buckets} {
		if *s, err = openStream(sorters[i]); err != nil {
			return err
		}
	}
	return nil
}

// spillSets begins to write shingle sets, by component, and to those of a sweepable run. What it
// returns does that for a chunk of documents, and tells their sizes.
func (p *parts) spillSets(ctx context.Context, to *extsort.Sorter) (func(c *chunk) (sizes []uint32, err error), error) {
	if p.again != nil {
		if err := p.again.spillSets(ctx, p, to); err != nil {
			return nil, err
		}
		return p.again.sizesOf, nil
	}
	hasher, err := shingle.HasherFor(p.Plan.Rules.Shingle, p.Plan.Seed)
	if err != nil {
		return nil, err
	}
	return func(c *chunk) ([]uint32, error) {
		var read []int32
		for i, number := range c.numbers {
			if p.inBucket.Has(number) {
				read = append(read, int32(i))
			}
		}
		sizes := make([]uint32, len(c.nodes))
		return sizes, p.Fetch(ctx, read, c.textOf, func() func(n int32, text []byte) error {
			var key, value []byte
			return func(n int32, text []byte) error {
				s := hasher.NewScanner()
				defer s.Release()
				set := s.Set(text)
				sizes[n] = uint32(len(set))
				value = appendBytes(value[:0], set)
				if err := p.kept.set(c.numbers[n], value); err != nil {
					return err
				}
				key = extsort.AppendNumbers(key[:0], p.component(c.numbers[n]), c.numbers[n])
				return to.Add(key, value)
			}
		})
	}, nil
}

func (p *parts) spillBuckets(ctx context.Context, to *extsort.Sorter) error {
	bucket := uint64(0)
	return p.eachBucket(ctx, func(members []uint32) error {
		component := p.component(members[0])
		p.addWeight(component, edgeBytes*int64(len(members)))
		p.key = extsort.AppendNumbers(p.key[:0], component, uint32(bucket>>32), uint32(bucket))
		bucket++
		return to.Add(p.key, p.value.Value(func(e *wire.Encoder) {
			last := uint32(0)
			for _, m := range members { // ascending, as places do
				e.Uint(uint64(m - last))
				last = m
			}
		}))
	})
}

// resolveAll resolves the components in their order, as many at a time as fit.
func (p *parts) resolveAll(ctx context.Context) error {
	room := uint64(p.room / 2 / weightUnit)
	for lo := 0; lo < len(p.weights); {
		weight, hi := uint64(p.weights[lo]), lo+1
		for hi < len(p.weights) && weight+uint64(p.weights[hi]) <= room {
			weight += uint64(p.weights[hi])
			hi++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if weight <= room {
			err = p.together(ctx, uint32(lo), uint32(hi))
		} else {
			err = p.inBlocks(ctx, uint32(lo))
		}
		if err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// together resolves the components lo … hi−1 in memory.
func (p *parts) together(ctx context.Context, lo, hi uint32) error {
	g := newGroup(p, lo)
	defer g.r.Close()
	if err := p.nodes.until(hi, g.node); err != nil {
		return err
	}
	g.begin(hi)
	if err := g.load(ctx, hi); err != nil {
		return err
	}
	if err := g.r.Decide(ctx, p.Plan.NearDup.ThresholdNum, p.Plan.NearDup.ThresholdDen, p.Workers); err != nil {
		return err
	}
	return g.tell(hi)
}
