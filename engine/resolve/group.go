package resolve

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/shingleset"
	"github.com/tallystick/tallystick/engine/wire"
)

// group is what is resolved at a time: components with numbers from first.
type group struct {
	p       *parts
	r       *fate.Nodes
	first   uint32
	begins  []int32  // of each component in the nodes
	numbers []uint32 // of the nodes; ascending within a component
	carried map[int32]*wire.Decision
}

func newGroup(p *parts, first uint32) *group {
	return &group{p: p, r: fate.New(&p.Plan), first: first, carried: map[int32]*wire.Decision{}}
}

// begin notes where components up to one begin, those that nodes come of next.
func (g *group) begin(component uint32) {
	for len(g.begins) <= int(component-g.first) {
		g.begins = append(g.begins, int32(len(g.r.All)))
	}
}

func (g *group) node(key, value []byte) error {
	var s nodeRecord
	d := wire.ValueOf(value)
	s.get(d)
	if err := d.Ended(); err != nil {
		return err
	}
	g.begin(extsort.NumberOf(key, 0))
	at := int32(len(g.r.All))
	s.Node.First = at
	if s.carried != nil {
		g.carried[at] = s.carried
	}
	g.r.All, g.numbers = append(g.r.All, s.Node), append(g.numbers, s.number)
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
	err := g.r.Connect(func(fn func(bucket []int32)) error {
		return g.p.buckets.until(hi, func(key, value []byte) error {
			bucket = bucket[:0]
			number := uint32(0)
			d := wire.ValueOf(value)
			for d.More() {
				number += d.Uint32()
				n, err := g.at(extsort.NumberOf(key, 0), number)
				if err := cmp.Or(d.Err, err); err != nil {
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
	w, err := shingleset.NewWriter(g.p.ScratchDir(), len(g.r.ByRank))
	if err != nil {
		return err
	}
	w.KeepInMemory(min(fate.MostSets, g.p.room/8))
	w.Expect(g.r.Graph.Buckets, g.r.Graph.Of)
	var set []uint64
	err = g.p.sets.until(hi, func(key, value []byte) error {
		n, err := g.at(extsort.NumberOf(key, 0), extsort.NumberOf(key, 1))
		if err != nil {
			return err
		}
		rank := g.r.All[n].Rank
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
	g.r.Sets, err = w.Finish()
	return err
}

// appendBytes appends a set to the value of a record; appendSet is its inverse.
func appendBytes(value []byte, set []uint64) []byte {
	for _, x := range set {
		value = binary.LittleEndian.AppendUint64(value, x)
	}
	return value
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
	fates := r.Fates()
	members := map[int32]uint64{}
	for i := range fates {
		if f := &fates[i]; f.Class == doc.NearDup {
			members[f.Witness]++
			p.dropped.Add(g.numbers[i])
			if err := p.drop(r.All[i].Place, r.All[i].Contributor, f, &r.All[f.Witness]); err != nil {
				return err
			}
		}
	}
	err := p.copies.until(hi, func(key, value []byte) error {
		first, err := g.at(extsort.NumberOf(key, 0), extsort.NumberOf(key, 1))
		if err != nil {
			return err
		}
		f, witness := &fates[first], first
		if f.Class == doc.NearDup {
			witness = f.Witness
		}
		counts, err := p.dropCopy(value, f, &r.All[first], &r.All[witness], g.carried[first])
		if counts {
			members[witness]++
		}
		return err
	})
	if err != nil {
		return err
	}
	p.out.take(r, members)
	return nil
}
