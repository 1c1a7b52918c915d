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
	// Of the last run of dead characters beyond ASCII that was not all in its
	// block: where it ends, whether its bytes are keys, and whether another key
	// begins behind it.
	runEnd           int
	apart, cutBehind bool

	last       padded       // the block that text ends with
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
	s.runEnd = 0
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
	if k := s.runEnd - s.at; k >= 0 && s.runEnd > 0 {
		run := lowest(k)
		high &^= run
		if s.apart {
			starts |= run & valid
		}
		if s.cutBehind && k < n {
			starts |= 1 << k
		}
	}
	if high == 0 {
		return starts
	}
	begin := 0 // of what is no rest of a character in the block before
	for high>>begin&1 != 0 && !utf8.RuneStart(s.text[s.at+begin]) {
		begin++
	}
	var m masks
	if rest := s.text[s.at:]; len(rest) >= len(s.last) {
		m = s.cuts.masks((*padded)(rest), high&^lowest(begin))
	} else {
		copy(s.last[:], rest)
		m = s.cuts.masks(&s.last, high&^lowest(begin))
	}
	behind := uint64(0)
	if m.dead != 0 {
		behind = m.dead << 1 &^ m.dead & valid
		starts |= s.runs(m, behind, word|space, sign, begin, n)
	}
	// Other characters of three bytes and more, and what is behind those.
	a, ended := rune(0), -1 // a character, and where it ends
	for look := (m.wide | m.lead&(m.wide<<3)) &^ (m.dead | behind); look != 0; look &= look - 1 {
		i := s.at + bits.TrailingZeros64(look)
		if i != ended {
			a = lastRune(s.text[:i])
		}
		b, size := ucd.Decode(s.text[i:])
		if s.cuts.between(a, b) {
			starts |= look & -look
		}
		a, ended = b, i+size
	}
	return starts
}

// lowest returns n bits, at most 64.
func lowest(n int) uint64 { return 1<<n - 1 }

// masks has a bit for every byte of 64.
type masks struct {
	dead, known uint64 // of characters beyond ASCII of these kinds
	lead        uint64 // first of a character beyond ASCII
	wide        uint64 // first of a character of three bytes or more
}

// masks looks at the characters beyond ASCII that begin in a block, the bytes of
// which are set in high. There is no branch on what a character is: it is nothing
// that a CPU guesses well.
func (c *cuts) masks(text *padded, high uint64) (m masks) {
	if c.deadFrom < 0xF0 {
		m.lead = leads(text, c.deadFrom, 0xF0) & high
		m.wide = m.lead
		m.dead = m.lead | m.lead<<1 | m.lead<<2
		high &^= m.dead
	}
	for high != 0 {
		first := high & -high
		at := uint(bits.TrailingZeros64(high)) % block
		x := binary.LittleEndian.Uint32(text[at:])
		var k kind
		var char uint64
		switch b := uint8(x); {
		case c.deadPairs <= b && b < 0xE0: // where one is there are many
			lead := leads(text, c.deadPairs, 0xE0) & high
			m.lead |= lead
			m.dead |= lead | lead<<1
			high &^= lead | lead<<1
			continue
		case b < 0xE0:
			k = c.kinds[uint16(x&0x1F<<6|x>>8&0x3F)]
			char = first<<2 - first
		case b < 0xF0:
			k = c.kinds[uint16(x<<12|x>>2&(0x3F<<6)|x>>16&0x3F)]
			char = first<<3 - first
			m.wide |= first
		default:
			k = c.kinds[len(c.kinds)-1]
			char = first<<4 - first
			m.wide |= first
		}
		m.lead |= first
		m.dead |= char & -uint64(k/dead)
		m.known |= char & -uint64(k%dead)
		high -= char
	}
	return m
}

// padded is a block and enough of the next one for a character that begins in it,
// or anything at the end of a text.
type padded [block + 8]byte

// runs looks at the runs of dead characters beyond ASCII that begin in the block
// of n bytes at s.at, and returns where keys begin in and behind them. A run stays
// in the key of its neighbours where one of these is of kind half, which may or may
// not be unknown. plain and sign are the ASCII characters, behind is what follows
// runs; the first character that begins in the block is at begin.
func (s *scanner) runs(m masks, behind, plain, sign uint64, begin, n int) (starts uint64) {
	c := s.cuts
	first := m.dead &^ (m.dead << 1)
	ascii := plain | sign
	if !c.plain {
		plain, sign = 0, ascii
	}
	sure := m.known | plain // bytes that are of kind known, among those beside runs
	edges := (first&^(1<<begin))>>1 | behind
	halves := edges &^ (ascii | m.known)
	for look := edges & sign; look != 0; look &= look - 1 {
		switch c.kinds[s.text[s.at+bits.TrailingZeros64(look)]] {
		case known:
			sure |= look & -look
		case half:
			halves |= look & -look
		}
	}
	before := sure << 1 // the same of the bytes before
	if first>>begin&1 != 0 {
		before &^= 1 << begin
		switch c.kindOf(lastRune(s.text[:s.at+begin])) {
		case known:
			before |= 1 << begin
		case half:
			halves |= 1 << begin
		}
	}
	stop, after := s.at+n, known // where the last run ends, if it does not before, and what is behind it
	crosses := m.dead>>(n-1)&1 != 0
	if crosses {
		last := s.at + 63 - bits.LeadingZeros64(m.lead)
		stop = last + c.deadRun(s.text[last:])
		after = c.kindAt(s.text, stop)
		s.runEnd = stop
	}
	if halves == 0 && after != half {
		s.extra += bits.OnesCount64(m.dead) - bits.OnesCount64(first&before) + bits.OnesCount64(behind&^sure)
		if crosses {
			s.extra += stop - (s.at + n)
			if after != known {
				s.extra++ // the run goes on in the next key
			}
			s.apart, s.cutBehind = true, true
		}
		return m.dead | behind
	}
	for ; first != 0; first &= first - 1 {
		bit := bits.TrailingZeros64(first)
		size := bits.TrailingZeros64(^(m.dead >> bit))
		start, end := s.at+bit, s.at+bit+size
		before, next := c.kindOf(lastRune(s.text[:start])), after
		if bit+size < n {
			next = c.kindAt(s.text, end)
		} else {
			end = stop
		}
		apart := before != half && next != half
		cutBehind := apart || next == known
		if apart {
			starts |= lowest(size) << bit
			s.extra += end - start
			if before == known {
				s.extra-- // else the run began before
			}
			if next != known {
				s.extra++
			}
		}
		if bit+size == n {
			s.apart, s.cutBehind = apart, cutBehind
		} else if cutBehind {
			starts |= 1 << (bit + size)
		}
	}
	return starts
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

// leads returns which bytes of a block are at least from and less than end, both
// above 0x80.
func leads(text *padded, from, end byte) (mask uint64) {
	const ones = 0x0101010101010101
	least, beyond := uint64(0x80-from&0x7F)*ones, uint64(0x80-end&0x7F)*ones
	for i := 0; i < block; i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		low := x & (0x7F * ones) // adding to it sets the highest bit of what is large enough
		x &= (low + least) &^ (low + beyond) & (0x80 * ones)
		mask |= x >> 7 * 0x0102040810204080 >> 56 << i
	}
	return mask
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
