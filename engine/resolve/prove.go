package resolve

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/wire"
)

// proveCopies is collapseExact: links then lead to the first document of each
// proven group.
func (p *parts) proveCopies(ctx context.Context) error {
	member := docset.NewBits(p.number)
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
			member.Add(uint32(n))
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.Record.Numbers["exact_groups"] = groups
	p.Record.Numbers["sharing_documents"] = int64(p.number)
	sorter := p.sorter(2)
	defer sorter.Close()
	err = p.eachChunk(ctx, func(number uint32, _ doc.Place, _ *wire.Document) (bool, error) { return member.Has(number), nil }, func(c *chunk) error {
		all := make([]int32, len(c.nodes))
		for i := range all {
			all[i] = int32(i)
		}
		err := p.Fetch(ctx, all, c.textOf, func() func(n int32, text []byte) error {
			return func(n int32, text []byte) error {
				c.nodes[n].Sum = sha256.Sum256(text)
				return nil
			}
		})
		if err != nil {
			return err
		}
		for i := range c.nodes {
			s := nodeRecord{Node: c.nodes[i], number: c.numbers[i]}
			p.key = extsort.AppendNumbers(p.key[:0], p.links[s.number], s.number)
			if err := sorter.Add(p.key, p.value.Value(func(e *wire.Encoder) { s.put(e) })); err != nil {
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
	seen uint32 // the one met first
	best nodeRecord
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
		sums := map[[sha256.Size]byte]bool{}
		for of, t := range texts {
			p.links[t.seen] = t.best.number
			p.links[t.best.number] = t.best.number
			sums[of.sum] = true
		}
		if len(texts) > 1 {
			p.shared.collide = true
		}
		if len(sums) > 1 {
			for of, t := range texts {
				p.sums[t.best.number] = of.sum
			}
		}
		clear(texts)
	}
	var s nodeRecord
	err := members.until(copyMark, func(key, value []byte) error {
		d := wire.ValueOf(value)
		s.get(d)
		if err := d.Ended(); err != nil {
			return err
		}
		if lead := extsort.NumberOf(key, 0); lead != group {
			end()
			group = lead
		}
		of := text{s.Sum, s.Source}
		t := texts[of]
		if t == nil {
			texts[of] = &sameText{seen: s.number, best: s}
			p.links[s.number] = s.number
			return nil
		}
		p.links[s.number] = t.seen
		if s.Compare(&t.best.Node) < 0 {
			t.best = s
		}
		return nil
	})
	end()
	return err
}

// first is the number of the document that stands for the text of one.
func (p *parts) first(number uint32) uint32 {
	if p.isCopy(number) {
		return p.links[number] &^ copyMark
	}
	return number
}

// checkCopies refuses copies of copies, which somebody else's links may have.
func (p *parts) checkCopies() error {
	for number := range p.links {
		if first := p.first(uint32(number)); p.isCopy(first) {
			return fmt.Errorf("%w: document %d is a copy of %d, which is a copy", doc.ErrCorrupt, number, first)
		}
	}
	return nil
}

// isCopy reports whether another document stands for one.
func (p *parts) isCopy(number uint32) bool { return p.links[number]&copyMark != 0 }
