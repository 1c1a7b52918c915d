package spbpe

import (
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
)

// merger counts the tokens of pieces, for one goroutine.
type merger struct {
	model  *model
	words  bool // pieces are whole words, which ignore_merges looks up
	joined *joined
	short  shortMerge
	long   longMerge
}

// Counts makes it a countcache.Model.
func (g *merger) Counts(text []byte, spans []countcache.Span, counts []int) {
	for i, span := range spans {
		piece := text[span.Start:span.End]
		if g.joined.has(piece) {
			counts[i] = 1
			continue
		}
		counts[i] = g.count(false, piece)
	}
}

// count returns the number of tokens of a piece, with a marker in front if
// lead.
func (g *merger) count(lead bool, piece []byte) int {
	if g.words && g.model.isWhole(lead, piece) {
		return 1
	}
	r := reader{model: g.model, lead: lead, rest: piece}
	symbols, more := r.read(g.short.symbols[:0])
	if more {
		return g.long.count(g.model, lead, piece)
	}
	return g.short.count(g.model, len(symbols))
}

// maxShort is the largest number of symbols whose places fit in one word.
const maxShort = 64

// shortMerge merges at most maxShort symbols: while any two neighbours have a
// merge, the first in order is made, the leftmost of equals first.
type shortMerge struct {
	symbols [maxShort + most]symbol // by the place where they begin
	// pairs[i] is what the symbol at i makes with the next, shifted left by
	// placeBits, with i below: the smallest is the merge to make next.
	pairs [maxShort]uint32
	least [maxShort / 8]uint32 // of each eight pairs
	begin uint64               // bit i: a symbol begins at i
}

const placeBits = 6

// count merges the first n symbols and returns how many are left.
func (s *shortMerge) count(m *model, n int) int {
	if n == 0 {
		return 0
	}
	least := s.least[:(n+7)/8]
	for i := range s.pairs[:8*len(least)] {
		s.pairs[i] = math.MaxUint32
	}
	for i := range n - 1 {
		s.pairs[i&(maxShort-1)] = m.pairs.get(s.symbols[i], s.symbols[i+1])<<placeBits | uint32(i)
	}
	for i := range least {
		s.renew(i * 8)
	}
	s.begin = math.MaxUint64 >> (maxShort - n)
	for {
		best := least[0]
		for _, pair := range least[1:] {
			best = min(best, pair)
		}
		if best>>placeBits >= none {
			return bits.OnesCount64(s.begin)
		}
		s.merge(m, best)
	}
}

// merge makes the merge of a pair.
func (s *shortMerge) merge(m *model, pair uint32) {
	made, at := pair>>placeBits, int(pair&(maxShort-1))
	after := s.begin & (math.MaxUint64 << at << 1)
	next := bits.TrailingZeros64(after) & (maxShort - 1)
	after &= after - 1
	s.begin &^= 1 << next
	s.symbols[at] = made
	s.pairs[next] = math.MaxUint32
	s.pairs[at] = math.MaxUint32
	if after != 0 {
		s.pairs[at] = m.pairs.get(made, s.symbols[bits.TrailingZeros64(after)])<<placeBits | uint32(at)
	}
	if before := s.begin & (1<<at - 1); before != 0 {
		prev := (63 - bits.LeadingZeros64(before)) & (maxShort - 1)
		s.pairs[prev] = m.pairs.get(s.symbols[prev], made)<<placeBits | uint32(prev)
		if prev/8 != at/8 {
			s.renew(prev)
		}
	}
	s.renew(at)
	if next/8 != at/8 {
		s.renew(next)
	}
}

// renew finds the least of the eight pairs among which a place is.
func (s *shortMerge) renew(place int) {
	p := (*[8]uint32)(s.pairs[place&(maxShort-1)&^7:])
	s.least[place/8&7] = min(min(min(p[0], p[1]), min(p[2], p[3])), min(min(p[4], p[5]), min(p[6], p[7])))
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
