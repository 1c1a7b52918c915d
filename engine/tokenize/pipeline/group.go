package pipeline

import (
	"bytes"
	"math"

	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// Grouper is a Worker that counts many short texts at once: what is to be done
// once for each of them costs more than their bytes otherwise.
type Grouper interface {
	Worker
	// Groups tells whether CountGroup may be called.
	Groups() bool
	// IsNormal tells whether Normalize returns text as it is, perhaps not of all
	// such texts.
	IsNormal(text []byte) bool
	// CountGroup adds what Count returns of text[s.Start:s.Stop], s = spans[i],
	// to counts[i], as the first segment of a document. Each of these begins at
	// a multiple of GroupBlock, is normal and holds no added token, and there
	// are spaces behind it, one or more, up to the next; at the end there is one
	// block more of spaces.
	CountGroup(text []byte, spans []Span, counts []int)
}

// Limits of a group.
const (
	GroupBlock = 64      // bytes
	GroupBytes = 4 << 10 // of the text, without the last block
	groupTexts = GroupBytes / GroupBlock
	longest    = 512 // bytes of the longest text that gains by it
)

// Deferrer is a Worker that can leave out of a count what it would rather count
// later: together with what other texts have of that.
type Deferrer interface {
	Worker
	// Defer makes Count leave that out and add it to counts[i], at Settle at the
	// latest. The counts are the same in every call before that.
	Defer(counts []int, i int)
	// Settle ends what Defer began.
	Settle()
}

// Uncounted is in the place of a count that CountTogether left out.
const Uncounted = -1

// group is short texts put together.
type group struct {
	text   [GroupBytes + GroupBlock]byte
	spans  [groupTexts]Span
	index  [groupTexts]int // in the list they are from
	counts [groupTexts]int
	blocks int
	n      int // texts
}

var spaces = [GroupBlock]byte(bytes.Repeat([]byte{' '}, GroupBlock))

// add tells whether there was room for a text, which is not empty.
func (g *group) add(text []byte, index int) bool {
	end := g.blocks + len(text)/GroupBlock + 1
	if end > groupTexts {
		return false
	}
	start := g.blocks * GroupBlock
	*(*[GroupBlock]byte)(g.text[(end-1)*GroupBlock:]) = spaces
	copy(g.text[start:], text)
	g.spans[g.n], g.index[g.n] = Span{start, start + len(text)}, index
	g.n++
	g.blocks = end
	return true
}

// joined returns the texts as CountGroup takes them.
func (g *group) joined() []byte {
	end := g.blocks * GroupBlock
	*(*[GroupBlock]byte)(g.text[end:]) = spaces
	return g.text[:end+GroupBlock]
}

// CountTogether sets counts[i] to the number of tokens of texts[i] where that is
// faster than one by one, and to Uncounted where not, or where Count fails: those
// are left to Count.
func (c *Counter) CountTogether(texts [][]byte, counts []int) {
	for i := range texts {
		counts[i] = Uncounted
	}
	if !c.groups && !c.defers {
		return
	}
	p := c.workers.Get().(*place)
	if c.groups {
		c.countShort(p, texts, counts)
	}
	if c.defers {
		c.countDeferred(p, texts, counts)
	}
	p.Trim()
	c.workers.Put(p) // not after a panic: the group may be half full
}

// countDeferred counts the texts that have not been counted.
func (c *Counter) countDeferred(p *place, texts [][]byte, counts []int) {
	d := p.Worker.(Deferrer)
	for i, text := range texts {
		if counts[i] != Uncounted || len(text) > math.MaxInt32 || !utf8valid.Valid(text) {
			continue
		}
		counts[i] = 0
		d.Defer(counts, i)
		n := c.count(text, d)
		counts[i] += n
		d.Trim()
	}
	d.Settle()
}

// countShort counts short texts, many at once.
func (c *Counter) countShort(p *place, texts [][]byte, counts []int) {
	for i, text := range texts {
		switch {
		case len(text) == 0:
			counts[i] = 0
		case len(text) <= longest:
			if !p.group.add(text, i) {
				c.countGroup(p, counts)
				p.group.add(text, i)
			}
		}
	}
	c.countGroup(p, counts)
}

// Groups tells whether many short texts together are faster than one by one.
func (c *Counter) Groups() bool { return c.groups }

// keep takes those texts out of the group that are not ok. Of the joined texts
// ok tells whether all are, as far as it can.
func (g *group) keep(joined []byte, ok func(text []byte) bool) {
	if ok(joined) {
		return
	}
	n := 0
	for k, s := range g.spans[:g.n] {
		text := joined[s.Start:s.Stop]
		if ok(text) {
			g.spans[n], g.index[n] = s, g.index[k]
			n++
			continue
		}
		for len(text) > 0 {
			text = text[copy(text, spaces[:]):]
		}
	}
	g.n = n
}

// countGroup counts the group and empties it.
func (c *Counter) countGroup(p *place, counts []int) {
	g, w := &p.group, p.Worker.(Grouper)
	text := g.joined()
	g.keep(text, utf8valid.Valid)
	g.keep(text, w.IsNormal)
	g.keep(text, c.lacksAdded)
	clear(g.counts[:])
	w.CountGroup(text, g.spans[:g.n], g.counts[:g.n])
	for k, i := range g.index[:g.n] {
		counts[i] = g.counts[k]
	}
	g.n, g.blocks = 0, 0
}

// lacksAdded tells whether text, normalised already, has no added token.
func (c *Counter) lacksAdded(text []byte) bool {
	for _, t := range [...]*addedTokens{c.raw, c.normalized} {
		if len(t.tokens) > 0 {
			if _, _, token := t.find(text, 0); token != nil {
				return false
			}
		}
	}
	return true
}
