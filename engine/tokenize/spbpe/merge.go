package spbpe

import (
	"math"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// merger counts the tokens of pieces, for one goroutine.
type merger struct {
	model  *model
	words  bool // pieces are whole words, which ignore_merges looks up
	joined *joined
	short  [maxShort + most]symbol
	long   longMerge
	lanes  *longLanes // nil where one piece after another is faster, or until tables for them pay
	asked  int        // bytes of pieces of more than manySymbols before that
}

// Counts makes it a countcache.Model.
func (g *merger) Counts(text []byte, spans []countcache.Span, counts []int) {
	for i, span := range spans {
		piece := text[span.Start:span.End]
		if g.joined.has(piece) {
			counts[i] = 1
			continue
		}
		if g.words && g.model.isWhole(false, piece) {
			counts[i] = 1
			continue
		}
		r := reader{model: g.model, rest: piece}
		symbols, more := r.read(g.short[:0])
		asked := 0
		if len(symbols) > manySymbols {
			asked = len(piece)
		}
		switch lanes := g.hasLanes(asked); {
		case !more && (!lanes || len(symbols) < fewestSymbols):
			counts[i] = g.model.count(symbols)
		case !lanes || len(piece) > maxTogether:
			counts[i] = g.countLong(false, piece)
		case more:
			g.lanes.add(&reader{model: g.model, rest: piece}, i)
		default:
			g.lanes.addSymbols(symbols, i)
		}
	}
	if g.lanes != nil && len(g.lanes.to) > 0 {
		g.lanes.count(text, spans, counts, &g.long)
	}
}

// hasLanes tells, where so many bytes more would gain by them, whether there are
// lanes.
func (g *merger) hasLanes(size int) bool {
	if g.lanes != nil {
		return true
	}
	if g.asked += size; !pairmerge.Fast() || g.asked < manyAsked {
		return false
	}
	g.lanes = newLongLanes(g.model)
	return g.lanes != nil
}

// countLong is count for more than maxShort symbols.
func (g *merger) countLong(lead bool, piece []byte) int {
	if g.hasLanes(len(piece)) {
		if n, ok := g.lanes.stream(reader{model: g.model, lead: lead, rest: piece}); ok {
			return n
		}
	}
	return g.long.count(g.model, lead, piece)
}

// count returns the number of tokens of a piece, with a marker in front if
// lead.
func (g *merger) count(lead bool, piece []byte) int {
	if g.words && g.model.isWhole(lead, piece) {
		return 1
	}
	r := reader{model: g.model, lead: lead, rest: piece}
	symbols, more := r.read(g.short[:0])
	if more {
		return g.countLong(lead, piece)
	}
	return g.model.count(symbols)
}

// maxShort is the largest number of symbols merged by looking at all pairs for
// each merge.
const maxShort = 24

// count merges symbols, at most maxShort, and returns how many are left: while
// any two neighbours have a merge, the first in order is made, the leftmost of
// equals first. It overwrites symbols.
func (m *model) count(symbols []symbol) int {
	const (
		placeBits = 5
		places    = 1 << placeBits
	)
	var made [places]symbol // made[i] is by symbols[i] and the next
	n := len(symbols)
	for i := 1; i < n; i++ {
		made[(i-1)%places] = m.pairs.get(symbols[i-1], symbols[i])
	}
	for n > 1 {
		// With the place below: the leftmost of equals is the least.
		best := uint32(math.MaxUint32)
		for i, id := range made[:n-1] {
			best = min(best, id<<placeBits|uint32(i))
		}
		id, at := best>>placeBits, int(best%places)
		if id == none {
			break
		}
		n--
		symbols[at] = id
		for i := at + 1; i < n; i++ {
			symbols[i] = symbols[i+1]
			made[(i-1)%places] = made[i%places]
		}
		if at+1 < n {
			made[at] = m.pairs.get(id, symbols[at+1])
		}
		if at > 0 {
			made[at-1] = m.pairs.get(symbols[at-1], id)
		}
	}
	return n
}

// reader reads the symbols of a piece (BPE::merge_word).
type reader struct {
	model   *model
	lead    bool // a marker comes first
	rest    []byte
	pending bool // an unknown token, which stands before the next character that is known
}

// most is the largest number of symbols that next appends.
const most = utf8.UTFMax + 1

// next appends the symbols of one more character; it returns false at the end.
func (r *reader) next(dst []symbol) ([]symbol, bool) {
	m := r.model
	if r.lead {
		r.lead = false
		if s := m.basic['▁']; s != inert {
			return append(dst, s), true
		}
		return r.unknown(dst, []byte(marker)), true
	}
	if len(r.rest) == 0 {
		if r.pending {
			dst, r.pending = append(dst, inert), false
			return dst, true
		}
		return dst, false
	}
	char, n := utf8.DecodeRune(r.rest)
	text := r.rest[:n]
	r.rest = r.rest[n:]
	s := m.symbolOf(char)
	switch {
	case s != inert:
		if r.pending {
			dst, r.pending = append(dst, inert), false
		}
		dst = append(dst, s)
	case char == ' ':
		dst = r.unknown(dst, []byte(marker))
	default:
		dst = r.unknown(dst, text)
	}
	return dst, true
}

// unknown appends what becomes of a character that is not in the vocabulary.
func (r *reader) unknown(dst []symbol, char []byte) []symbol {
	switch {
	case r.model.fallsBack(char):
		for range char {
			dst = append(dst, inert)
		}
	case r.model.unk:
		if r.pending && !r.model.fuseUnk {
			dst = append(dst, inert)
		}
		r.pending = true
	}
	return dst
}

// read appends the symbols of the piece, at most maxShort if the piece has no
// more; else it stops somewhere beyond that and more is true.
func (r *reader) read(dst []symbol) (_ []symbol, more bool) {
	if !r.lead && !r.model.hasUnknown {
		return r.readPlain(dst)
	}
	for more = true; more && len(dst) <= maxShort; {
		dst, more = r.next(dst)
	}
	return dst, more || len(dst) > maxShort
}

// readPlain is read where every character has symbols of its own.
func (r *reader) readPlain(dst []symbol) (_ []symbol, more bool) {
	m, text := r.model, r.rest
	for i := 0; i < len(text) && len(dst) <= maxShort; {
		c, n := rune(text[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(text[i:])
		}
		i += n
		s := m.symbolOf(c)
		if s != inert {
			dst = append(dst, s)
			continue
		}
		if c == ' ' {
			n = len(marker)
		}
		for range n {
			dst = append(dst, inert)
		}
	}
	return dst, len(dst) > maxShort
}
