package spbpe

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/kernels/cutscan"
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
	plain bool // no such things: only pairs of characters matter

	ascii [128 * 128]uint8 // 1 where to cut between two of ASCII, by a<<7 | b
	// junctions has every other pair between which not to cut. That it may have
	// more only loses cuts.
	junctions *cutscan.Pairs
}

func newCuts(m *model, split bool) *cuts {
	c := emptyCuts(m, split)
	size := 1 << 20
	if len(m.junctions) > 1<<14 {
		size = 1 << 21
	}
	c.junctions = cutscan.NewPairs(make([]uint64, size/64))
	asSpace := func(r rune) rune {
		if r == '▁' {
			return ' '
		}
		return r
	}
	var joined [128 * 128]bool // of ASCII
	for j := range m.junctions {
		a, b := j[0], j[1]
		for _, pair := range [][2]rune{{a, b}, {asSpace(a), b}, {a, asSpace(b)}, {asSpace(a), asSpace(b)}} {
			if pair[0]|pair[1] < utf8.RuneSelf {
				joined[pair[0]<<7|pair[1]] = true
			}
			c.junctions.Add(charOf(pair[0]), charOf(pair[1]))
		}
	}
	for a := range rune(utf8.RuneSelf) {
		for b := range rune(utf8.RuneSelf) {
			if c.can(a, b, joined[a<<7|b]) {
				c.ascii[a<<7|b] = 1
			}
		}
	}
	return c
}

// emptyCuts is cuts without the pairs of characters.
func emptyCuts(m *model, split bool) *cuts {
	none := split && m.whole != nil
	return &cuts{model: m, split: split, none: none, plain: !split && !m.hasUnknown}
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

// between tells whether to cut between two characters.
func (c *cuts) between(a, b rune) bool {
	if a|b < utf8.RuneSelf {
		return c.ascii[a<<7|b] != 0
	}
	return c.can(a, b, c.junctions.Has(charOf(a), charOf(b)))
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

// scanner is a countcache.Starts of the pieces of a text, which is valid UTF-8.
type scanner struct {
	cuts *cuts
	text []byte
	base int // of the next block

	added []pipeline.Span // pieces in any case, those that end in this block or later

	before uint32 // for plain cuts: the character in front of that, see charOf

	at         int  // for others: the next character
	beforeRune rune // the one in front of it
}

const block = 64

// Bits sets a bit where a piece begins; that of the very first may be either.
func (s *scanner) Bits(dst []uint64) (blocks int) {
	dst = dst[:min(len(dst), (len(s.text)-s.base+block-1)/block)]
	for k := range dst {
		switch rest := s.text[s.base:]; {
		case !s.cuts.plain:
			dst[k] = s.slow(min(s.base+block, len(s.text)))
		case len(rest) >= len(cutscan.Padded{}):
			dst[k], s.before = s.cuts.block((*cutscan.Padded)(rest), s.before)
		default:
			var p cutscan.Padded
			copy(p[:], rest)
			dst[k], s.before = s.cuts.block(&p, s.before)
			if len(rest) < block {
				dst[k] &= 1<<len(rest) - 1
			}
		}
		if len(s.added) > 0 {
			s.setAdded(&dst[k])
		}
		s.base += block
	}
	return len(dst)
}

// setAdded makes the added tokens in the block at base pieces.
func (s *scanner) setAdded(word *uint64) {
	for len(s.added) > 0 {
		start, stop := s.added[0].Start-s.base, s.added[0].Stop-s.base
		if start >= block {
			return
		}
		// Shifts by 64 or more give 0.
		*word &^= (1<<max(stop, 0) - 1) &^ (1<<max(start, 0) - 1)
		if start >= 0 {
			*word |= 1 << start
		}
		if stop >= block {
			return
		}
		if s.added[0].Stop < len(s.text) {
			*word |= 1 << stop
		}
		s.added = s.added[1:]
	}
}

// slow returns the bits of the block that ends at end, character by character.
func (s *scanner) slow(end int) (word uint64) {
	for s.at < end {
		r, n := utf8.DecodeRune(s.text[s.at:])
		if s.cuts.between(s.beforeRune, r) {
			word |= 1 << (s.at % block)
		}
		s.beforeRune = r
		s.at += n
	}
	return word
}

// block returns the bits of a block for cuts that are plain, and its last
// character. Before is the one in front of it.
func (c *cuts) block(text *cutscan.Padded, before uint32) (word uint64, last uint32) {
	const group = 8
	var (
		hashed    uint64 // the characters to be looked up with the one in front of them
		inFront   uint64 // those that only stand in front of such a one
		wasASCII  = before < utf8.RuneSelf
		lastASCII = uint64(before)
	)
	for g := 0; g < block; g += group {
		x := binary.LittleEndian.Uint64(text[g:])
		if high := x & 0x8080808080808080; high != 0 {
			starts := ^(high & ^(x << 1)) & 0x8080808080808080
			hashed |= (starts >> 7 * 0x0102040810204080 >> 56) << g
			if wasASCII && g > 0 {
				inFront |= 1 << (g - 1)
			}
			wasASCII = false
			continue
		}
		b0, b1, b2, b3 := x&0x7F, x>>8&0x7F, x>>16&0x7F, x>>24&0x7F
		b4, b5, b6, b7 := x>>32&0x7F, x>>40&0x7F, x>>48&0x7F, x>>56&0x7F
		w := uint64(c.ascii[b0<<7|b1])<<1 |
			uint64(c.ascii[b1<<7|b2])<<2 | uint64(c.ascii[b2<<7|b3])<<3 |
			uint64(c.ascii[b3<<7|b4])<<4 | uint64(c.ascii[b4<<7|b5])<<5 |
			uint64(c.ascii[b5<<7|b6])<<6 | uint64(c.ascii[b6<<7|b7])<<7
		if wasASCII {
			w |= uint64(c.ascii[(lastASCII&0x7F)<<7|b0])
		} else {
			hashed |= 1 << g
		}
		word |= w << g
		wasASCII, lastASCII = true, b7
	}
	if hashed != 0 {
		word |= hashed &^ c.junctions.Among(text, hashed|inFront, before)
	}
	if wasASCII {
		return word, uint32(lastASCII)
	}
	return word, text.CharAt(bits.Len64(hashed) - 1)
}

// charOf returns a character as its bytes in UTF-8, the first lowest.
func charOf(r rune) uint32 {
	var b [4]byte
	utf8.EncodeRune(b[:], r)
	return binary.LittleEndian.Uint32(b[:])
}
