package spbpe

import (
	"encoding/binary"
	"unicode/utf8"
)

// cuts tells where a text can be cut between two characters a and b without
// changing how it is merged. The first merge that crosses the cut would be a
// live one whose left side ends with a and whose right side begins with b; so
// where there is none, there is no merge across at all.
//
// Beside a character that the vocabulary does not have, a cut is exact if such
// a character always becomes bytes, which merge with nothing. If not, unknown
// characters around the cut could fuse or vanish: then none is made there.
type cuts struct {
	model *model
	split bool // a word begins at every marker, cut or not
	none  bool // only words are cut off: what a whole word is matters

	ascii [128 * 128]uint8 // 1 where to cut between two of ASCII, by a<<7 | b
	// junctions has a bit for every other pair between which not to cut, by
	// hash. That pairs share bits only loses cuts.
	junctions []uint64
	shift     uint8
}

func newCuts(m *model, split bool) *cuts {
	c := &cuts{model: m, split: split, none: split && m.whole != nil, shift: 64 - 20}
	if len(m.junctions) > 1<<14 {
		c.shift = 64 - 21
	}
	c.junctions = make([]uint64, 1<<(64-c.shift)/64)
	asSpace := func(r rune) rune {
		if r == '▁' {
			return ' '
		}
		return r
	}
	joined := map[[2]rune]bool{}
	for _, j := range m.junctions {
		a, b := j[0], j[1]
		for _, pair := range [][2]rune{{a, b}, {asSpace(a), b}, {a, asSpace(b)}, {asSpace(a), asSpace(b)}} {
			joined[pair] = true
			h := c.hash(pair[0], pair[1])
			c.junctions[h/64] |= 1 << (h % 64)
		}
	}
	for a := range rune(utf8.RuneSelf) {
		for b := range rune(utf8.RuneSelf) {
			if c.can(a, b, joined[[2]rune{a, b}]) {
				c.ascii[a<<7|b] = 1
			}
		}
	}
	return c
}

// can tells whether to cut between two characters, which are a junction or not.
func (c *cuts) can(a, b rune, junction bool) bool {
	switch {
	case c.split && (b == ' ' || b == '▁'):
		return true
	case c.none || junction:
		return false
	}
	return !c.model.hasUnknown || c.model.symbolOf(a) != inert && c.model.symbolOf(b) != inert
}

func (c *cuts) hash(a, b rune) uint64 {
	return (uint64(a)<<21 | uint64(b)) * 0x9E3779B97F4A7C15 >> c.shift
}

// between tells whether to cut between two characters.
func (c *cuts) between(a, b rune) bool {
	if a|b < utf8.RuneSelf {
		return c.ascii[a<<7|b] != 0
	}
	h := c.hash(a, b)
	return c.can(a, b, c.junctions[h/64]>>(h%64)&1 != 0)
}

// next returns where the piece of text ends that begins at i, or before it with
// the character before. In the second case the piece may have nothing of text.
func (c *cuts) next(text []byte, i int, before rune) int {
	for i < len(text) {
		r, n := utf8.DecodeRune(text[i:])
		if c.between(before, r) {
			break
		}
		before, i = r, i+n
	}
	return i
}

// scanner is a countcache.Starts of the pieces of a text.
type scanner struct {
	cuts   *cuts
	text   []byte
	base   int  // of the next block
	at     int  // of the next character
	before rune // the character before it, at first any
}

const block = 64

func (s *scanner) Bits(dst []uint64) (blocks int) {
	dst = dst[:min(len(dst), (len(s.text)-s.base+block-1)/block)]
	c, text, i, before := s.cuts, s.text, s.at, s.before
	for k := range dst {
		var word uint64
		base := s.base
		end := min(base+block, len(text))
		for i < end {
			// Eight characters of ASCII after another one at a time.
			for before < utf8.RuneSelf && i+8 <= end {
				x := binary.LittleEndian.Uint64(text[i:])
				if x&0x8080808080808080 != 0 {
					break
				}
				b0, b1, b2, b3 := uint(x&0x7F), uint(x>>8&0x7F), uint(x>>16&0x7F), uint(x>>24&0x7F)
				b4, b5, b6, b7 := uint(x>>32&0x7F), uint(x>>40&0x7F), uint(x>>48&0x7F), uint(x>>56)
				w := uint64(c.ascii[(uint(before)<<7|b0)&0x3FFF]) | uint64(c.ascii[b0<<7|b1])<<1 |
					uint64(c.ascii[b1<<7|b2])<<2 | uint64(c.ascii[b2<<7|b3])<<3 |
					uint64(c.ascii[b3<<7|b4])<<4 | uint64(c.ascii[b4<<7|b5])<<5 |
					uint64(c.ascii[b5<<7|b6])<<6 | uint64(c.ascii[(b6<<7|b7)&0x3FFF])<<7
				word |= w << (i % block)
				before = rune(b7)
				i += 8
			}
			if i == end {
				break
			}
			r, n := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(text[i:])
			}
			if c.between(before, r) {
				word |= 1 << (i % block)
			}
			before, i = r, i+n
		}
		dst[k] = word
		s.base += block
	}
	s.at, s.before = i, before
	return len(dst)
}
