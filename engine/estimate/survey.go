package estimate

import (
	"context"
	"math/bits"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
)

// Growth is what does not grow as the corpus does.
type Growth struct {
	Sharing      Curve    `json:"sharing_documents"` // that share an exact key or a bucket
	Copies       Curve    `json:"copies"`            // documents with an exact copy
	CopyText     Curve    `json:"copy_text"`         // their bytes
	Compared     Curve    `json:"compared_documents"`
	Text         Curve    `json:"compared_text"` // bytes
	Keys         Curve    `json:"keys"`          // exact keys and those of bands
	Kept         Families `json:"kept_documents"`
	KeptText     Families `json:"kept_text"`    // bytes, of those that are compared
	Contributors Families `json:"contributors"` // each with its documents
}

// survey learns from a job, whose match is done, who shares what with whom.
type survey struct {
	job    *task.Job
	starts [][]uint32 // by shard: the first lines of its blocks
	odd    []int      // by shard: 1 if its blocks are the second, fourth and so on
	blocks int
	docs   []surveyed // by shard and line
	first  []int      // of docs, by shard
	keys   *mates     // of keys instead of documents
}

type surveyed struct {
	bytes       float64
	block       int
	used        bool // a document, no reject
	copy        bool // not the first of its exact group
	exact, near meet
	family      uint64 // blocks of those that were dropped for it
	dropped     bool
}

// meet are the blocks of a document's mates.
type meet struct {
	own    bool
	others uint64
}

func (m *meet) add(own int, mine bool, blocks uint64) {
	m.own = m.own || mine
	m.others |= blocks &^ (1 << own)
}

// maxBlocks is how many blocks a set of bits can tell apart.
const maxBlocks = 64

// growth finds out how what is shared grows.
func (s *survey) growth(ctx context.Context, bandKeys int64) (g Growth, err error) {
	if err := s.read(ctx, &g); err != nil {
		return g, err
	}
	s.keys = newMates(s.blocks)
	if err := stage.EachGroup(ctx, s.job, true, func(members []doc.Place) {
		s.meet(members, func(d *surveyed) *meet { return &d.exact })
		s.count(members)
		for _, p := range members[1:] {
			s.at(p).copy = true
		}
	}); err != nil {
		return g, err
	}
	var first []doc.Place
	if err := stage.EachGroup(ctx, s.job, false, func(members []doc.Place) {
		first = first[:0]
		for _, p := range members {
			if !s.at(p).copy {
				first = append(first, p)
			}
		}
		s.meet(first, func(d *surveyed) *meet { return &d.near })
		s.count(members)
	}); err != nil {
		return g, err
	}
	all := func(weight func(*surveyed) float64, of func(*surveyed) meet) Curve {
		m := newMates(s.blocks)
		for i := range s.docs {
			if d := &s.docs[i]; d.used {
				at := of(d)
				m.add(weight(d), at.own, bits.OnesCount64(at.others))
			}
		}
		return m.curve()
	}
	each := func(*surveyed) float64 { return 1 }
	bytes := func(d *surveyed) float64 { return d.bytes }
	exact := func(d *surveyed) meet { return d.exact }
	near := func(d *surveyed) meet { return d.near }
	g.Sharing = all(each, func(d *surveyed) meet {
		return meet{d.exact.own || d.near.own, d.exact.others | d.near.others}
	})
	rest := float64(bandKeys) - s.keys.total
	for i := range s.docs {
		if s.docs[i].used {
			rest++
		}
	}
	s.keys.add(max(0, rest), false, 0)
	g.Keys = s.keys.curve()
	if g.Kept, g.KeptText, err = s.families(ctx); err != nil {
		return g, err
	}
	g.Copies, g.CopyText = all(each, exact), all(bytes, exact)
	g.Compared, g.Text = all(each, near), all(bytes, near)
	return g, nil
}

func (s *survey) at(p doc.Place) *surveyed { return &s.docs[s.first[p.Shard]+int(p.Ordinal)] }

// meet tells the members of a group of each other.
func (s *survey) meet(members []doc.Place, of func(*surveyed) *meet) {
	if len(members) < 2 {
		return
	}
	var once, twice uint64
	for _, p := range members {
		b := uint64(1) << s.at(p).block
		twice |= once & b
		once |= b
	}
	for _, p := range members {
		d := s.at(p)
		of(d).add(d.block, twice>>d.block&1 == 1, once)
	}
}

// families finds out for whom documents were dropped.
func (s *survey) families(ctx context.Context) (kept, text Families, err error) {
	for shard := range s.starts {
		err := stage.EachDecision(ctx, s.job, shard, func(ordinal uint32, witness doc.Place) {
			d := s.at(doc.Place{Shard: uint32(shard), Ordinal: ordinal})
			d.dropped = true
			s.at(witness).family |= 1 << d.block
		})
		if err != nil {
			return kept, text, err
		}
	}
	all, compared := families{parts: newMates(s.blocks)}, families{parts: newMates(s.blocks)}
	for i := range s.docs {
		d := &s.docs[i]
		if !d.used || d.dropped {
			continue
		}
		blocks := bits.OnesCount64(d.family | 1<<d.block)
		all.add(1, blocks)
		if d.near.own || d.near.others != 0 {
			compared.add(d.bytes, blocks)
		}
	}
	return all.curve(), compared.curve(), nil
}

// count notes the keys of a group.
func (s *survey) count(members []doc.Place) {
	var in [maxBlocks]float64
	var all uint64
	for _, p := range members {
		b := s.at(p).block
		in[b]++
		all |= 1 << b
	}
	for _, p := range members {
		d := s.at(p)
		s.keys.add(1, in[d.block] > 1, bits.OnesCount64(all&^(1<<d.block)))
	}
}

// read notes the documents of all shards.
func (s *survey) read(ctx context.Context, g *Growth) error {
	seen := map[string]uint64{} // blocks by contributor
	for shard := range s.starts {
		s.first = append(s.first, len(s.docs))
		err := stage.EachDocument(ctx, s.job, shard, func(ordinal uint32, reason doc.Reason, size uint64, contributor []byte) {
			for len(s.docs)-s.first[shard] <= int(ordinal) {
				s.docs = append(s.docs, surveyed{})
			}
			d := &s.docs[len(s.docs)-1]
			d.used, d.bytes, d.block = reason == doc.OK, float64(size), s.blockOf(shard, ordinal)
			seen[string(contributor)] |= 1 << d.block
		})
		if err != nil {
			return err
		}
	}
	all := families{parts: newMates(s.blocks)}
	for _, blocks := range seen {
		all.add(1, bits.OnesCount64(blocks))
	}
	g.Contributors = all.curve()
	return nil
}

func (s *survey) blockOf(shard int, ordinal uint32) int {
	starts := s.starts[shard]
	k := 0
	for k+1 < len(starts) && starts[k+1] <= ordinal {
		k++
	}
	return min(2*k+s.odd[shard], s.blocks-1)
}
