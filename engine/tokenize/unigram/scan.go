package unigram

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/wordscan"
)

// scanner is countcache.Starts for a text of pieces that begin with a space: a
// key begins at every space, and where a piece may be cut.
type scanner struct {
	cuts *cuts // nil if there are none
	text []byte
	at   int // where the next block begins
	lone int // spaces so far that another one follows, or nothing
	// dead is the number of bytes so far of characters that are in no entry,
	// each a key, less the number of their runs, each a token.
	dead   int
	last   rune // the last character beyond ASCII
	end    int  // where it ends
	behind int  // where the last run of dead characters is followed by ASCII

	lower      [window]byte // is not looked at
	word, high [window / block]uint64
}

const (
	block  = wordscan.Block
	window = 64 * block
)

// start begins a text, which begins with a space.
func (s *scanner) start(c *cuts, text []byte) {
	s.cuts, s.text, s.at, s.lone, s.dead, s.end, s.behind = c, text, 0, 0, 0, -1, -1
	if text[len(text)-1] == ' ' {
		s.lone = 1
	}
}

// Bits is countcache.Starts.
func (s *scanner) Bits(dst []uint64) (blocks int) {
	text := s.text[s.at:min(len(s.text), s.at+min(window, len(dst)*block))]
	blocks = wordscan.Blocks(len(text))
	if s.cuts != nil {
		wordscan.Scan(s.lower[:], s.word[:], s.high[:], text)
	}
	for b := range blocks {
		m := spaces(text[b*block:])
		before := uint64(0) // 1 if the byte before the block is a space
		if s.at > 0 && s.text[s.at-1] == ' ' {
			before = 1
		}
		s.lone += bits.OnesCount64(m & (m<<1 | before))
		dst[b] = m
		if s.cuts != nil {
			dst[b] |= s.inner(s.word[b], s.high[b], m, min(block, len(text)-b*block))
		}
		s.at += min(block, len(text)-b*block)
	}
	return blocks
}

// inner returns where pieces may be cut within the block of n bytes at s.at:
// looked at are places beside ASCII characters that are no letters, digits or
// spaces, and beside characters of three bytes and more.
func (s *scanner) inner(word, high, space uint64, n int) (starts uint64) {
	valid := ^uint64(0) >> (block - n)
	sign := valid &^ (word | high | space)
	look := (sign | sign<<1 | 1) & valid &^ (high | space)
	if s.at == 0 {
		look &^= 1
	}
	for ; look != 0; look &= look - 1 {
		i := s.at + bits.TrailingZeros64(look)
		a, b := s.text[i-1], s.text[i]
		if a < utf8.RuneSelf {
			if s.cuts.ascii[uint(a)<<7|uint(b)] {
				starts |= look & -look
			}
		} else if s.cuts.between(lastRune(s.text[:i]), rune(b)) {
			starts |= look & -look
		}
	}
	if i := s.behind - s.at; i >= 0 && i < n {
		starts |= 1 << i
	}
	if high != 0 {
		starts |= s.beyond(high)
	}
	return starts
}

// beyond is inner for the places before characters beyond ASCII, and behind
// those that are in no entry of the vocabulary.
func (s *scanner) beyond(high uint64) (starts uint64) {
	for high != 0 {
		bit := bits.TrailingZeros64(high)
		i := s.at + bit
		if i < s.end { // the rest of a character that began in the block before
			mask := (uint64(1)<<(s.end-i) - 1) << bit
			if s.isDead(s.last) {
				starts |= mask
			}
			high &^= mask
			continue
		}
		b := firstRune(s.text[i:])
		n := utf8.RuneLen(b)
		mask := (uint64(1)<<n - 1) << bit
		high &^= mask
		a := s.last
		if i != s.end {
			a = lastRune(s.text[:i])
		}
		s.last, s.end = b, i+n
		switch {
		case s.isDead(b):
			starts |= mask
			s.dead += n
			if s.cuts.isKnown(a) { // else the run goes on
				s.dead--
			}
			if s.end < len(s.text) && s.text[s.end] < utf8.RuneSelf {
				s.behind = s.end
				if bit+n < block {
					starts |= 1 << (bit + n)
				}
				if !s.cuts.isKnown(rune(s.text[s.end])) { // the run goes on in a key
					s.dead++
				}
			}
		case s.isDead(a):
			starts |= 1 << bit
		case a >= 0x800 || b >= 0x800:
			if s.cuts.between(a, b) {
				starts |= 1 << bit
			}
		}
	}
	return starts
}

// isDead tells that no entry of the vocabulary has r.
func (s *scanner) isDead(r rune) bool { return s.cuts.total && !s.cuts.isKnown(r) }

// firstRune is utf8.DecodeRune of valid text.
func firstRune(text []byte) rune {
	switch c := text[0]; {
	case c < utf8.RuneSelf:
		return rune(c)
	case c < 0xE0:
		return rune(c&0x1F)<<6 | rune(text[1]&0x3F)
	case c < 0xF0:
		return rune(c&0xF)<<12 | rune(text[1]&0x3F)<<6 | rune(text[2]&0x3F)
	default:
		return rune(c&7)<<18 | rune(text[1]&0x3F)<<12 | rune(text[2]&0x3F)<<6 | rune(text[3]&0x3F)
	}
}

// lastRune is utf8.DecodeLastRune of valid text.
func lastRune(text []byte) rune {
	i := len(text) - 1
	for !utf8.RuneStart(text[i]) {
		i--
	}
	return firstRune(text[i:])
}

// spaces returns which of the first 64 bytes are spaces.
func spaces(text []byte) (mask uint64) {
	if len(text) < block {
		for i, c := range text {
			if c == ' ' {
				mask |= 1 << i
			}
		}
		return mask
	}
	const ones = 0x0101010101010101
	for i := 0; i < block; i += 8 {
		x := binary.LittleEndian.Uint64(text[i:]) ^ ' '*ones
		// The highest bit of every byte that is 0; then the others.
		x = ^((x&(0x7F*ones) + 0x7F*ones) | x) & (0x80 * ones)
		// Multiplying gathers the bits, byte i in bit i, in the highest byte.
		mask |= x >> 7 * 0x0102040810204080 >> 56 << i
	}
	return mask
}
