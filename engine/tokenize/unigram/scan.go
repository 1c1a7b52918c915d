package unigram

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
	"github.com/tallystick/tallystick/kernels/wordscan"
)

// scanner is countcache.Starts for a text of pieces that begin with a space: a
// key begins at every space, and where a piece may be cut.
type scanner struct {
	cuts *cuts // nil if there are none
	text []byte
	at   int // where the next block begins
	lone int // spaces so far that another one follows, or nothing
	// extra is how many more keys there are of dead characters beyond ASCII, each
	// byte one, than tokens.
	extra int
	// Of the last run of dead characters beyond ASCII: where it ends, whether its
	// bytes are keys, and where another key begins that it is followed by, or -1.
	runEnd, behind int
	apart          bool

	lower      [window]byte // is not looked at
	word, high [window / block]uint64
}

const (
	block  = wordscan.Block
	window = 64 * block
)

// start begins a text, which begins with a space.
func (s *scanner) start(c *cuts, text []byte) {
	s.cuts, s.text, s.at, s.lone, s.extra = c, text, 0, 0, 0
	s.runEnd, s.behind, s.apart = 0, -1, false
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
	if s.runEnd > s.at {
		mask := lowest(s.runEnd - s.at)
		high &^= mask
		if s.apart {
			starts |= mask & valid
		}
	}
	a, ended := rune(0), -1 // a character, and where it ends
	for high != 0 {
		bit := bits.TrailingZeros64(high)
		i := s.at + bit
		if !utf8.RuneStart(s.text[i]) { // the rest of a character that began in the block before
			high &= high - 1
			continue
		}
		b, size := ucd.Decode(s.text[i:])
		if s.cuts.kindOf(b) == dead {
			s.run(i, size)
			size = s.runEnd - i
			if s.apart {
				starts |= lowest(size) << bit & valid
			}
			if k := s.behind - s.at; k >= 0 && k < n {
				starts |= 1 << k
			}
		}
		high &^= lowest(size) << bit
		if b >= 0x800 || i == s.runEnd || i >= 3 && s.text[i-3] >= 0xE0 {
			if i != ended {
				a = lastRune(s.text[:i])
			}
			if s.cuts.between(a, b) {
				starts |= 1 << bit
			}
		}
		a, ended = b, i+size
		if ended == s.runEnd {
			ended = -1 // b is the first of the run
		}
	}
	return starts
}

// lowest returns n bits, at most 64.
func lowest(n int) uint64 { return 1<<n - 1 }

// run looks at the run of dead characters beyond ASCII that begins at i, with a
// character of some bytes.
func (s *scanner) run(i, size int) {
	end := i + s.cuts.deadRun(s.text[i:], size)
	before := lastRune(s.text[:i])
	after := rune(' ')
	if end < len(s.text) {
		after, _ = ucd.Decode(s.text[end:])
	}
	s.runEnd, s.behind = end, -1
	// Beside characters that may or may not be unknown the run stays in their key.
	s.apart = s.cuts.kindOf(before) != half && s.cuts.kindOf(after) != half
	if after < utf8.RuneSelf && end < len(s.text) && (s.apart || s.cuts.isKnown(after)) {
		s.behind = end
	}
	if !s.apart {
		return
	}
	s.extra += end - i
	if s.cuts.isKnown(before) {
		s.extra-- // else the run began before
	}
	if !s.cuts.isKnown(after) {
		s.extra++ // the run goes on in the next key
	}
}

// lastRune is utf8.DecodeLastRune of valid text.
func lastRune(text []byte) rune {
	i := len(text) - 1
	for !utf8.RuneStart(text[i]) {
		i--
	}
	r, _ := ucd.Decode(text[i:])
	return r
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
