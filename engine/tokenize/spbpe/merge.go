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
	short  [countcache.Batch]shortMerge
	long   longMerge
}

// Counts makes it a countcache.Model. The pieces are merged in turns, so that
// one does not wait for the memory that another has asked for.
func (g *merger) Counts(text []byte, spans []countcache.Span, counts []int) {
	var merging [countcache.Batch]int
	n := 0
	for i, span := range spans {
		piece := text[span.Start:span.End]
		if g.joined.has(piece) || g.words && g.model.isWhole(false, piece) {
			counts[i] = 1
		} else if s := &g.short[i]; s.start(g.model, false, piece) {
			merging[n] = i
			n++
		} else {
			counts[i] = g.long.count(g.model, false, piece)
		}
	}
	for n > 0 {
		left := 0
		for _, i := range merging[:n] {
			if s := &g.short[i]; s.step(g.model) {
				merging[left] = i
				left++
			} else {
				counts[i] = bits.OnesCount64(s.begin)
			}
		}
		n = left
	}
}

// count returns the number of tokens of a piece, with a marker in front if
// lead.
func (g *merger) count(lead bool, piece []byte) int {
	if g.words && g.model.isWhole(lead, piece) {
		return 1
	}
	s := &g.short[0]
	if !s.start(g.model, lead, piece) {
		return g.long.count(g.model, lead, piece)
	}
	for s.step(g.model) {
	}
	return bits.OnesCount64(s.begin)
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

// maxShort is the largest number of symbols whose places fit in one word.
const maxShort = 64

// shortMerge is a piece of at most maxShort symbols on its way: while any two
// neighbours have a merge, the first in order is made, the leftmost of equals
// first.
type shortMerge struct {
	symbols [maxShort + most]symbol // by the place where they begin
	// pairs[i] is what the symbol at i makes with the next, shifted left by
	// placeBits, with i below: the smallest is the merge to make next. What is
	// no merge is at least none.
	pairs  [maxShort]uint32
	least  [maxShort / 8]uint32 // of each eight pairs
	blocks int                  // of eight pairs
	begin  uint64               // bit i: a symbol begins at i
}

const placeBits = 6

// start reads a piece, with a marker in front if lead; false if it is too long.
func (s *shortMerge) start(m *model, lead bool, piece []byte) bool {
	if len(piece) >= maxShort*utf8.UTFMax {
		return false
	}
	r := reader{model: m, lead: lead, rest: piece}
	symbols, more := s.symbols[:0], true
	for more {
		if len(symbols) > maxShort {
			return false
		}
		symbols, more = r.next(symbols)
	}
	n := len(symbols)
	if n > maxShort {
		return false
	}
	s.blocks = (n + 7) / 8
	for i := range s.pairs[:s.blocks*8] {
		s.pairs[i] = math.MaxUint32
	}
	for i := 1; i < n; i++ {
		s.pairs[i-1] = s.pair(m, symbols[i-1], symbols[i], i-1)
	}
	s.begin = 0
	if n > 0 {
		s.begin = math.MaxUint64 >> (maxShort - n)
	}
	for b := range s.blocks {
		s.renew(b)
	}
	return true
}

func (s *shortMerge) pair(m *model, left, right symbol, place int) uint32 {
	return min(m.pairs.find(left, right), m.pairs.none())<<placeBits | uint32(place)
}

// step makes the next merge; false if there is none.
func (s *shortMerge) step(m *model) bool {
	best := uint32(math.MaxUint32)
	for _, v := range s.least[:s.blocks] {
		best = min(best, v)
	}
	id := best >> placeBits
	if id >= m.pairs.none() {
		return false
	}
	at := int(best & (maxShort - 1))
	after := s.begin & (math.MaxUint64 << at << 1)
	next := bits.TrailingZeros64(after) & (maxShort - 1)
	if !m.pairs.makes(id, s.symbols[at], s.symbols[next]) {
		s.pairs[at] = m.pairs.exact(s.symbols[at], s.symbols[next])<<placeBits | uint32(at)
		s.renew(at / 8)
		return true
	}
	s.symbols[at] = id
	after &= after - 1
	s.begin &^= 1 << next
	s.pairs[next] = math.MaxUint32
	s.pairs[at] = math.MaxUint32
	if after != 0 {
		s.pairs[at] = s.pair(m, id, s.symbols[bits.TrailingZeros64(after)&(maxShort-1)], at)
	}
	if before := s.begin & (1<<at - 1); before != 0 {
		prev := (63 - bits.LeadingZeros64(before)) & (maxShort - 1)
		s.pairs[prev] = s.pair(m, s.symbols[prev], id, prev)
		s.renew(prev / 8)
	}
	s.renew(at / 8)
	s.renew(next / 8)
	return true
}

// renew finds the least of eight pairs.
func (s *shortMerge) renew(block int) {
	p := (*[8]uint32)(s.pairs[block&7*8:])
	s.least[block&7] = min(min(min(p[0], p[1]), min(p[2], p[3])), min(min(p[4], p[5]), min(p[6], p[7])))
}
