package stage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
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
	links    []uint32
	inBucket bitset // representatives that share a bucket
	inHot    bitset // or a large one
	copied   bitset // representatives of copies in the delivery
	dropped  bitset // representatives that are dropped
	roots    ranked // first representatives of components
	weights  []uint32

	nodes, sets, copies, buckets *stream // by component
	shingles                     int64   // of all sets
	out                          outcomes
	value                        recorder
	key                          []byte
}

// copyMark marks the links of copies; documents are numbered below it.
const copyMark = 1 << 31

// weightUnit is what weights of components count, bytes.
const weightUnit = 64

// What a document takes in memory while it is resolved, bytes: see "Memory" in
// docs/design.md.
const (
	nodeBytes     = 320 // of every node, beside its labels
	comparedBytes = 120 // of one that shares a bucket, beside its parity bitmap
	edgeBytes     = 24  // of each bucket of each node
	hotBytes      = 48  // of each shingle of one in a large bucket
	workerBytes   = 24  // of each candidate, for every worker
)

// weight is what a node takes.
func (r *resolver) weight(s *spilled) int64 {
	w := int64(nodeBytes + len(s.id) + len(s.contributor))
	if s.buckets {
		w += comparedBytes + neardup.ParityBytes(int(s.shingle)) + workerBytes*int64(max(r.Workers, 1))
	}
	if s.hot {
		w += hotBytes * int64(s.shingle)
	}
	return w
}

// Reserved for what resolve does not count: the runtime, buffers of files, outputs.
const reserved = 24 << 20

// leastToResolve is what resolve takes in any case: what it counts is less than what
// it holds, and a bound that is a little too small is better passed than refused.
const leastToResolve = 1 << 20

func (r *resolver) bounded() bool { return r.Memory > 0 || r.resolveRoom > 0 }

// roomLeft returns how many bytes resolve may hold under the bound of the job: half
// of what is free, for the collector lets garbage lie as long.
func (r *resolver) roomLeft() int64 {
	if r.resolveRoom > 0 {
		return r.resolveRoom
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return (r.Memory - reserved - int64(m.HeapAlloc)) / 2
}

// fits reports whether everything can be resolved at once: always, without a bound.
func (r *resolver) fits(ctx context.Context) (bool, error) {
	if !r.bounded() {
		return true, nil
	}
	r.needed = r.edges * edgeBytes
	err := r.eachDoc(ctx, func(_ uint32, _ doc.Place, rec *docRecord, _ *decisionRecord) error {
		n := node{length: rec.Bytes}
		r.needed += int64(len(rec.ID)+len(rec.Contributor)) + r.weight(&spilled{node: n, buckets: true, hot: r.hot, shingle: shinglesOf(rec.Bytes)})
		return nil
	})
	return r.needed <= r.roomLeft(), err
}

// mostSets is what shingle sets may take in memory, bytes, where nothing else bounds
// them: a file costs a twentieth of a run over technical text.
const mostSets = 256 << 20

// setsRoom is what they may take where everything is resolved at once.
func (r *resolver) setsRoom() int64 {
	if r.Memory == 0 {
		return mostSets
	}
	return min(mostSets, max(r.roomLeft()-r.needed, 0))
}

// tooLittle says what bound would do.
func (r *resolver) tooLittle(why string, need int64) error {
	enough := r.Memory + 2*(need-r.roomLeft())
	return fmt.Errorf("%w: %d documents share a key with another one; %s, --memory of %d MiB does not suffice, %d MiB would", doc.ErrUsage, r.number, why, r.Memory>>20, (enough+1<<20-1)>>20)
}

// shinglesOf bounds the shingles of a text of so many bytes: every word but the last
// takes two at least.
func shinglesOf(bytes uint64) uint32 { return uint32(min(bytes/2+1, 1<<31-1)) }

// resolveInParts is resolve where not everything fits.
func (r *resolver) resolveInParts(ctx context.Context) error {
	if r.Plan.NearDup.Sweepable() {
		return r.tooLittle("a sweepable run resolves all of them together", r.needed)
	}
	p, err := newParts(r)
	if err != nil {
		return err
	}
	defer p.close()
	return p.steps(ctx, []step{
		{"exact", p.proveCopies}, {"graph", p.connect}, {"sets", p.spill}, {"decide", p.resolveAll}, {"", p.audit}, {"write", p.write},
	})
}

func newParts(r *resolver) (*parts, error) {
	n := int64(r.number)
	fixed := 4*n + 5*n/8
	p := &parts{resolver: r, room: max(r.roomLeft()-fixed/2, leastToResolve)}
	if r.resolveRoom > 0 {
		p.room = r.resolveRoom
	} else if fixed > r.Memory && fixed > leastToResolve {
		return nil, r.tooLittle("even in parts", fixed/2+leastToResolve)
	}
	p.links = make([]uint32, n)
	for i := range p.links {
		p.links[i] = uint32(i)
	}
	for _, b := range []*bitset{&p.inBucket, &p.inHot, &p.copied, &p.dropped} {
		*b = newBitset(r.number)
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
	p.out.close()
}

// sorter returns one that takes a share of the room.
func (p *parts) sorter(share int64) *extsort.Sorter {
	return extsort.New(p.scratch(), int(min(p.room/share, 1<<30)))
}

// chunk is as many nodes as are described at a time.
type chunk struct {
	nodes   []node
	numbers []uint32
	carried map[int]*decisionRecord
}

// eachChunk calls fn for the nodes of the documents that are wanted, in order of
// place.
func (p *parts) eachChunk(ctx context.Context, wanted func(number uint32, place doc.Place, rec *docRecord) (bool, error), fn func(c *chunk) error) error {
	c := &chunk{carried: map[int]*decisionRecord{}}
	bytes := int64(0)
	flush := func() error {
		if len(c.nodes) == 0 {
			return nil
		}
		err := fn(c)
		*c = chunk{nodes: c.nodes[:0], numbers: c.numbers[:0], carried: map[int]*decisionRecord{}}
		bytes = 0
		return err
	}
	err := p.eachDoc(ctx, func(number uint32, place doc.Place, rec *docRecord, carried *decisionRecord) error {
		if ok, err := wanted(number, place, rec); !ok || err != nil {
			return err
		}
		n := node{place: place}
		p.describe(&n, rec, p.Plan.IsStanding(int(place.Shard)))
		if carried != nil {
			copied := *carried
			c.carried[len(c.nodes)] = &copied
			n.turn |= turnDropped
		}
		c.nodes, c.numbers = append(c.nodes, n), append(c.numbers, number)
		if bytes += int64(nodeBytes + len(n.id) + len(n.contributor)); bytes > p.room/8 {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// proveCopies is collapseExact: links then lead to the first document of each
// proven group.
func (p *parts) proveCopies(ctx context.Context) error {
	member := newBitset(p.number)
	groups := int64(0)
	err := p.readGroups(ctx, "exact", func(places []doc.Place) error {
		groups++
		lead := uint32(0)
		for i, place := range places {
			n, err := p.at(place)
			if err != nil {
				return err
			}
			if i == 0 {
				lead = uint32(n)
			}
			p.links[n] = lead
			member.add(uint32(n))
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.rec.Numbers["exact_groups"] = groups
	p.rec.Numbers["sharing_documents"] = int64(p.number)
	sorter := p.sorter(2)
	defer sorter.Close()
	err = p.eachChunk(ctx, func(number uint32, _ doc.Place, _ *docRecord) (bool, error) { return member.has(number), nil }, func(c *chunk) error {
		all := make([]int32, len(c.nodes))
		for i := range all {
			all[i] = int32(i)
		}
		err := p.fetch(ctx, c.nodes, all, func() func(n int32, text []byte) error {
			return func(n int32, text []byte) error {
				c.nodes[n].sum = sha256.Sum256(text)
				return nil
			}
		})
		if err != nil {
			return err
		}
		for i := range c.nodes {
			s := spilled{node: c.nodes[i], number: c.numbers[i]}
			p.key = appendKey(p.key[:0], p.links[s.number], s.number)
			if err := sorter.Add(p.key, p.value.value(func(e *encoder) { e.spilled(&s) })); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	members, err := openStream(sorter)
	if err != nil {
		return err
	}
	defer members.close()
	if err := p.firstOfEach(members); err != nil {
		return err
	}
	for i, link := range p.links {
		if link = p.links[link] &^ copyMark; link != uint32(i) {
			p.links[i] = link | copyMark
		} else {
			p.links[i] = link
		}
	}
	return nil
}

// sameText are the documents of a group that have one text and are of one source.
type sameText struct {
	seen  uint32 // the one met first
	best  spilled
	links []uint32
}

// firstOfEach finds the first document of each text in priority order, and lets the
// links of the others lead to it in two steps at most.
func (p *parts) firstOfEach(members *stream) error {
	type text struct {
		sum    [sha256.Size]byte
		source int32
	}
	texts := map[text]*sameText{}
	group := uint32(0)
	end := func() {
		for _, t := range texts {
			p.links[t.seen] = t.best.number
			p.links[t.best.number] = t.best.number
		}
		clear(texts)
	}
	var s spilled
	err := members.until(copyMark, func(key, value []byte) error {
		d := valueOf(value)
		d.spilled(&s)
		if err := d.ended(); err != nil {
			return err
		}
		if lead := keyNumber(key, 0); lead != group {
			end()
			group = lead
		}
		of := text{s.sum, s.source}
		t := texts[of]
		if t == nil {
			texts[of] = &sameText{seen: s.number, best: s}
			p.links[s.number] = s.number
			return nil
		}
		p.links[s.number] = t.seen
		if s.compare(&t.best.node) < 0 {
			t.best = s
		}
		return nil
	})
	end()
	return err
}

// isCopy reports whether another document stands for one.
func (p *parts) isCopy(number uint32) bool { return p.links[number]&copyMark != 0 }

// find returns the first representative of the component of one. It halves paths
// (Tarjan and van Leeuwen 1984).
func (p *parts) find(n uint32) uint32 {
	for p.links[n] != n {
		p.links[n] = p.links[p.links[n]]
		n = p.links[n]
	}
	return n
}

// eachBucket calls fn for every bucket that two representatives share.
func (p *parts) eachBucket(ctx context.Context, fn func(members []uint32) error) error {
	var bucket []uint32
	return p.readGroups(ctx, "buckets", func(members []doc.Place) error {
		bucket = bucket[:0]
		for _, place := range members {
			n, err := p.at(place)
			if err != nil {
				return err
			}
			if !p.isCopy(uint32(n)) {
				bucket = append(bucket, uint32(n))
			}
		}
		if len(bucket) < 2 {
			return nil
		}
		return fn(bucket)
	})
}

// connect finds the components of the graph of buckets. A representative that
// shares none, but has copies, is one by itself.
func (p *parts) connect(ctx context.Context) error {
	err := p.eachBucket(ctx, func(members []uint32) error {
		for _, m := range members {
			p.inBucket.add(m)
			if len(members) > neardup.HotBucket {
				p.inHot.add(m)
			}
			a, b := p.find(members[0]), p.find(m)
			p.links[max(a, b)] = min(a, b)
		}
		return nil
	})
	if err != nil {
		return err
	}
	number := uint32(0)
	for place := range p.places.all() {
		if p.isCopy(number) && int(place.Shard) < p.delivery {
			p.copied.add(p.links[number] &^ copyMark)
		}
		number++
	}
	roots := newBitset(p.number)
	for n := range p.links {
		if n := uint32(n); p.takesPart(n) {
			p.links[n] = p.find(n)
			roots.add(p.links[n])
		}
	}
	components := 0
	p.roots, components = roots.rank()
	p.weights = make([]uint32, components)
	return nil
}

// takesPart reports whether a document is a representative that anything is to be
// decided about, or by.
func (p *parts) takesPart(number uint32) bool {
	return !p.isCopy(number) && (p.inBucket.has(number) || p.copied.has(number))
}

// component is that of a representative that takes part.
func (p *parts) component(number uint32) uint32 { return p.roots.of(p.links[number]) }

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
	hasher, err := shingle.HasherFor(p.Plan.Rules.Shingle, p.Plan.Seed)
	if err != nil {
		return err
	}
	shares := p.Plan.SharesCredit()
	wanted := func(number uint32, place doc.Place, rec *docRecord) (bool, error) {
		if !p.isCopy(number) || int(place.Shard) >= p.delivery {
			return p.takesPart(number), nil
		}
		first := p.links[number] &^ copyMark
		p.key = appendKey(p.key[:0], p.component(first), first, number)
		return false, copies.Add(p.key, p.value.value(func(e *encoder) {
			e.place(place)
			if shares {
				e.bytes(rec.Contributor)
			}
		}))
	}
	err = p.eachChunk(ctx, wanted, func(c *chunk) error {
		var read []int32
		for i, number := range c.numbers {
			if p.inBucket.has(number) {
				read = append(read, int32(i))
			}
		}
		sizes := make([]uint32, len(c.nodes))
		err := p.fetch(ctx, c.nodes, read, func() func(n int32, text []byte) error {
			s := hasher.NewScanner()
			var key, value []byte
			return func(n int32, text []byte) error {
				set := s.Set(text)
				sizes[n] = uint32(len(set))
				value = value[:0]
				for _, x := range set {
					value = binary.LittleEndian.AppendUint64(value, x)
				}
				key = appendKey(key[:0], p.component(c.numbers[n]), c.numbers[n])
				return sets.Add(key, value)
			}
		})
		if err != nil {
			return err
		}
		for i := range c.nodes {
			number := c.numbers[i]
			s := spilled{
				node: c.nodes[i], number: number, carried: c.carried[i], shingle: sizes[i],
				copies: p.copied.has(number), buckets: p.inBucket.has(number), hot: p.inHot.has(number),
			}
			p.addWeight(p.component(number), p.weight(&s))
			p.shingles += int64(sizes[i])
			p.key = appendKey(p.key[:0], p.component(number), number)
			if err := nodes.Add(p.key, p.value.value(func(e *encoder) { e.spilled(&s) })); err != nil {
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

func (p *parts) spillBuckets(ctx context.Context, to *extsort.Sorter) error {
	bucket := uint64(0)
	return p.eachBucket(ctx, func(members []uint32) error {
		component := p.component(members[0])
		p.addWeight(component, edgeBytes*int64(len(members)))
		p.key = appendKey(p.key[:0], component, uint32(bucket>>32), uint32(bucket))
		bucket++
		return to.Add(p.key, p.value.value(func(e *encoder) {
			last := uint32(0)
			for _, m := range members { // ascending, as places do
				e.uint(uint64(m - last))
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
	defer g.r.close()
	if err := p.nodes.until(hi, g.node); err != nil {
		return err
	}
	g.begin(hi)
	if err := g.load(ctx, hi); err != nil {
		return err
	}
	if err := g.r.decide(ctx); err != nil {
		return err
	}
	return g.tell(hi)
}

// group is what is resolved at a time: components with numbers from first.
type group struct {
	p       *parts
	r       *resolver
	first   uint32
	begins  []int32  // of each component in the nodes
	numbers []uint32 // of the nodes; ascending within a component
	carried map[int32]*decisionRecord
}

func newGroup(p *parts, first uint32) *group {
	return &group{p: p, r: newResolver(p.taskRun), first: first, carried: map[int32]*decisionRecord{}}
}

// begin notes where components up to one begin, those that nodes come of next.
func (g *group) begin(component uint32) {
	for len(g.begins) <= int(component-g.first) {
		g.begins = append(g.begins, int32(len(g.r.nodes)))
	}
}

func (g *group) node(key, value []byte) error {
	var s spilled
	d := valueOf(value)
	d.spilled(&s)
	if err := d.ended(); err != nil {
		return err
	}
	g.begin(keyNumber(key, 0))
	at := int32(len(g.r.nodes))
	s.node.first = at
	if s.carried != nil {
		g.carried[at] = s.carried
	}
	g.r.nodes, g.numbers = append(g.r.nodes, s.node), append(g.numbers, s.number)
	return nil
}

// at returns the node of a document by its number.
func (g *group) at(component, number uint32) (int32, error) {
	c := int(component - g.first)
	if c+1 < len(g.begins) {
		lo, hi := g.begins[c], g.begins[c+1]
		if i, ok := slices.BinarySearch(g.numbers[lo:hi], number); ok {
			return lo + int32(i), nil
		}
	}
	return 0, fmt.Errorf("%w: document %d is not in component %d", doc.ErrCorrupt, number, component)
}

// load makes the graph and reads the sets.
func (g *group) load(ctx context.Context, hi uint32) error {
	var bucket []int32
	err := g.r.graphOf(func(fn func(bucket []int32)) error {
		return g.p.buckets.until(hi, func(key, value []byte) error {
			bucket = bucket[:0]
			number := uint32(0)
			d := valueOf(value)
			for d.more() {
				number += d.uint32()
				n, err := g.at(keyNumber(key, 0), number)
				if err := cmp.Or(d.err, err); err != nil {
					return err
				}
				bucket = append(bucket, n)
			}
			fn(bucket)
			return nil
		})
	})
	if err != nil {
		return err
	}
	w, err := neardup.NewSetWriter(g.p.scratch(), len(g.r.byRank))
	if err != nil {
		return err
	}
	w.KeepInMemory(min(mostSets, g.p.room/8))
	var set []uint64
	err = g.p.sets.until(hi, func(key, value []byte) error {
		n, err := g.at(keyNumber(key, 0), keyNumber(key, 1))
		if err != nil {
			return err
		}
		rank := g.r.nodes[n].rank
		if rank < 0 { // its mates are of other sources
			return nil
		}
		set = appendSet(set[:0], value)
		return w.Append(uint32(rank), set)
	})
	if err != nil {
		w.Abort()
		return err
	}
	g.r.sets, err = w.Finish()
	return err
}

func appendSet(set []uint64, value []byte) []uint64 {
	for ; len(value) >= 8; value = value[8:] {
		set = append(set, binary.LittleEndian.Uint64(value))
	}
	return set
}

// tell passes on what was decided, about the copies too.
func (g *group) tell(hi uint32) error {
	p, r := g.p, g.r
	fates := r.fates()
	members := map[int32]uint64{}
	for i := range fates {
		if f := &fates[i]; f.Class == doc.NearDup {
			members[f.Witness]++
			p.dropped.add(g.numbers[i])
			if err := p.drop(r.nodes[i].place, r.nodes[i].contributor, f, &r.nodes[f.Witness]); err != nil {
				return err
			}
		}
	}
	err := p.copies.until(hi, func(key, value []byte) error {
		first, err := g.at(keyNumber(key, 0), keyNumber(key, 1))
		if err != nil {
			return err
		}
		f, witness := &fates[first], first
		if f.Class == doc.NearDup {
			witness = f.Witness
		}
		counts, err := p.dropCopy(value, f, &r.nodes[first], &r.nodes[witness], g.carried[first])
		if counts {
			members[witness]++
		}
		return err
	})
	if err != nil {
		return err
	}
	for n, dropped := range members {
		p.out.group(&r.nodes[n], dropped)
	}
	var most *node
	if r.stats.MostCandidates > 0 {
		most = &r.nodes[r.byRank[r.stats.MostCandidatesDoc]]
	}
	p.out.add(&r.stats, most, uint64(neardup.LargestComponent(r.graph, r.verdicts)))
	return nil
}
