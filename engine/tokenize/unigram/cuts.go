package unigram

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// cuts tells where a piece can be cut so that its parts can be counted by
// themselves, and their counts be remembered.
//
// Where no entry of the vocabulary has the two characters at a place side by
// side, every spelling has a boundary there, so the best one is made of the best
// ones of both parts. Two things join the parts all the same:
//
//   - Unknown characters in a row are one token. So one of the two characters
//     must be known, an entry by itself: it is never in an unknown token. (Texts
//     that spell the unknown token, which is one too, are not cut.)
//   - Scores are rounded, so that which of two nearly equal spellings is better
//     may depend on the sum before them. In a piece of less than maxPiece bytes
//     of at most maxScore each, that sum is below 2^22, and the at most
//     maxPart·2 sums of two spellings of a part err by 2^-31 each: by less than
//     margin together. A part in which two spellings come that near each other
//     is not remembered, but counted within its piece (worker.inPiece).
type cuts struct {
	ascii [1 << 14]bool // by two ASCII characters: may be cut between
	// pairs has a bit for every hash of two characters side by side in an entry,
	// at least one of them not ASCII.
	pairs []uint64
	// kinds tells of every character of the basic plane, and in its last element
	// of all others, how it stands in the vocabulary.
	kinds [1<<16 + 1]kind
	// plain tells that all ASCII letters and digits are known, as the space is.
	plain bool
	// All characters of three bytes from that first byte on are dead; 0xF0 if it is
	// none: most vocabularies have no Han or no Hangul at all, and then it is not
	// asked what a character of those is.
	deadFrom byte
	// deadPairs is the same of characters of two bytes, 0xE0 if it is none.
	deadPairs byte
	// unknown spells the unknown token.
	unknown []byte
}

// kind is how a character stands in a vocabulary.
type kind uint8

const (
	half  kind = iota // in entries, but only with others; or may be
	known             // an entry by itself
	dead              // in no entry at all: a run of such is one token
)

const (
	maxPiece = 1 << 16 // bytes
	maxPart  = 256     // bytes of a part that is remembered
	maxScore = 50

	pairBits = 20
)

func pairHash(a, b rune) uint32 {
	return (uint32(a)*0x9E3779B1 ^ uint32(b)*0x85EBCA6B) * 0xC2B2AE35 >> (32 - pairBits)
}

// newCuts returns the cuts of a vocabulary; nil if it has scores too large, or no
// entry that is a space: a run of unknown characters would then go on from the space
// before it, but end at that behind it. unknown is the entry of the unknown token.
func newCuts(entries []entry, unknown string) *cuts {
	c := &cuts{pairs: make([]uint64, 1<<pairBits/64), unknown: []byte(unknown)}
	for r := range c.kinds[:1<<16] {
		c.kinds[r] = dead
	}
	var together [1 << 14]bool
	for _, e := range entries {
		if math.Abs(e.score) > maxScore-unknownPenalty {
			return nil
		}
		before := rune(-1)
		for _, r := range e.piece {
			k := &c.kinds[min(int(r), len(c.kinds)-1)]
			*k &^= dead
			switch {
			case before < 0 && len(e.piece) == utf8.RuneLen(r) && int(r) < len(c.kinds)-1:
				*k = known
			case before < 0:
			case before < utf8.RuneSelf && r < utf8.RuneSelf:
				together[before<<7|r] = true
			default:
				h := pairHash(before, r)
				c.pairs[h/64] |= 1 << (h % 64)
			}
			before = r
		}
	}
	if c.kinds[' '] != known {
		return nil
	}
	c.deadFrom, c.deadPairs = 0xE0, 0xC2
	for r := len(c.kinds) - 2; r >= 0x0800; r-- {
		if c.kinds[r] != dead {
			c.deadFrom = byte(0xE0 + r>>12 + 1)
			break
		}
	}
	for r := 0x07FF; r >= utf8.RuneSelf; r-- {
		if c.kinds[r] != dead {
			c.deadPairs = byte(0xC0 + r>>6 + 1)
			break
		}
	}
	c.plain = true
	for r, k := range c.kinds[:utf8.RuneSelf] {
		c.plain = c.plain && (k == known || !isWord(byte(r)))
	}
	for a := range rune(utf8.RuneSelf) {
		for b := range rune(utf8.RuneSelf) {
			c.ascii[a<<7|b] = b == ' ' || !together[a<<7|b] && (c.isKnown(a) || c.isKnown(b))
		}
	}
	return c
}

func (c *cuts) kindOf(r rune) kind { return c.kinds[min(int(r), len(c.kinds)-1)] }

// kindAt returns the kind of the character at a place of text, or of the space
// that stands for its end.
func (c *cuts) kindAt(text []byte, at int) kind {
	if at == len(text) {
		return c.kinds[' ']
	}
	r, _ := ucd.Decode(text[at:])
	return c.kindOf(r)
}

func (c *cuts) isKnown(r rune) bool { return c.kindOf(r) == known }

// isWord tells of ASCII letters and digits.
func isWord(b byte) bool {
	return 'a' <= b|0x20 && b|0x20 <= 'z' || '0' <= b && b <= '9'
}

// deadRun returns the length of the run of dead characters beyond ASCII that text
// begins with.
func (c *cuts) deadRun(text []byte) (n int) {
	for n < len(text) {
		b := text[n]
		switch {
		case b < utf8.RuneSelf:
			return n
		case b < 0xE0:
			if c.kinds[uint16(b&0x1F)<<6|uint16(text[n+1]&0x3F)] != dead {
				return n
			}
			n += 2
		case b < 0xF0:
			if c.kinds[uint16(b)<<12|uint16(text[n+1]&0x3F)<<6|uint16(text[n+2]&0x3F)] != dead {
				return n
			}
			n += 3
		default:
			if c.kinds[len(c.kinds)-1] != dead {
				return n
			}
			n += 4
		}
	}
	return n
}

// between tells whether to cut between two characters; always before a space.
func (c *cuts) between(a, b rune) bool {
	if a|b < utf8.RuneSelf {
		return c.ascii[a<<7|b]
	}
	if b == ' ' {
		return true
	}
	ka, kb := c.kindOf(a), c.kindOf(b)
	if ka != known && kb != known {
		return false
	}
	if ka == dead || kb == dead {
		// Not left to the hashes: what follows a run of dead characters has to be
		// a key of its own.
		return true
	}
	h := pairHash(a, b)
	return c.pairs[h/64]>>(h%64)&1 == 0
}

// fits tells whether pieces of a text may be cut: all are shorter than maxPiece,
// and the unknown token is not spelt.
func (c *cuts) fits(text []byte) bool {
	const window = maxPiece / 2
	if len(c.unknown) > 0 && bytes.Contains(text, c.unknown) {
		return false
	}
	for len(text) > window {
		if bytes.IndexByte(text[:window], ' ') < 0 {
			return false
		}
		text = text[window:]
	}
	return true
}

// inPiece is the count of a part as part of its piece, for a few parts of the
// same piece one after the other.
type inPiece struct {
	start  int // of the piece in the text, -1 before the first
	tokens []int32
}

// count returns the number of tokens of the part text[start:end], where a run
// of unknown characters that it begins with is one of its own.
func (p *inPiece) count(v *viterbi, text []byte, start, end int) int {
	from := max(bytes.LastIndexByte(text[:start+1], ' '), 0)
	if from != p.start {
		to := len(text)
		if i := bytes.IndexByte(text[start+1:], ' '); i >= 0 {
			to = start + 1 + i
		}
		if n := to - from + 1; cap(p.tokens) < n {
			p.tokens = make([]int32, n)
		}
		p.tokens = p.tokens[:to-from+1]
		v.walk(text[from:to], p.tokens)
		p.start = from
	}
	n := int(p.tokens[end-from] - p.tokens[start-from])
	if first, _ := ucd.Decode(text[start:]); start > from && !v.cuts.isKnown(first) && !v.cuts.isKnown(lastRune(text[:start])) {
		n++
	}
	return n
}
