package pretoken

import (
	"math/bits"
	"sync"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
	"github.com/tallystick/tallystick/kernels/classmask"
)

// Block is the number of bytes that one mask of a Scanner describes.
const Block = classmask.Block

// window is how many blocks are classified at a time: few enough that their
// planes stay in the fastest cache.
const window = 64

// Scanner finds the pretokens of a text by bits: it sees what Next sees, 64
// bytes at a time. It is for one goroutine; its zero value is ready for Start.
type Scanner struct {
	rules *Rules
	table *classmask.Table
	text  []byte
	at    int // where the next block begins

	planes [window + 1]classmask.Planes // of the blocks from at on
	have   int                          // how many of them are known
	known  int                          // where they end
	state  classmask.State
	direct int             // where the text is too short for whole blocks
	tail   [4 * Block]byte // what is behind, padded
	joined []byte          // of StartJoined

	carry carry
	fresh int // the boundary, as Next found it, with which carry begins
	last  int // where the last pretoken begins that was found
}

// carry is what a block leaves to the one behind it: what its last byte is, in
// the lowest bit. It is zero at a boundary that Next found, from which what is
// behind follows alone.
type carry struct {
	letter, number, sign, space, newline, blank uint64
	lower, after, both, script, gap             uint64
	alone                                       uint64 // a sign that is a pretoken's first character
	prefix                                      uint64 // what a word takes along from before it
	inWord                                      uint64 // letter or prefix
	tail                                        uint64 // a line end that belongs to signs
	contraction                                 uint64 // the bytes of a contraction that are in the next block
	punctuated                                  uint64 // a letter of an ASCII word with a sign before it
	digits                                      int    // numbers in the pretoken so far
}

func (s *Scanner) setRules(r *Rules) {
	if s.rules != r {
		s.rules, s.table = r, r.table()
	}
}

// Start begins a text, which must be UTF-8 and stay as it is while it is
// scanned.
func (s *Scanner) Start(r *Rules, text []byte) {
	s.setRules(r)
	s.text, s.at, s.have, s.known, s.state = text, 0, 0, 0, 0
	s.carry, s.fresh, s.last = carry{}, 0, 0
	s.direct = max(0, len(text)-3) / Block * Block
	// White space beyond the end makes the end the end of no run of it; a
	// line end makes the run one that is cut behind its last line end, so not
	// at all.
	pad := &blanks
	if r.trailing {
		pad = &newlines
	}
	copy(s.tail[copy(s.tail[:], text[s.direct:]):], pad[:])
}

// tailSize is room for two bytes more than a block, one block of padding, and
// the three bytes that may be looked at behind it.
const tailSize = 3*Block + 3

var blanks, newlines = func() (b, n [tailSize]byte) {
	for i := range b {
		b[i], n[i] = ' ', '\n'
	}
	return b, n
}()

// Bits describes the next blocks of 64 bytes, as many as dst has room for: bit
// i of dst[b] is set iff a pretoken begins at byte 64·b + i, counted from the
// block behind the last call. It returns how many blocks it described, 0 at the
// end.
func (s *Scanner) Bits(dst []uint64) (blocks int) {
	dst = dst[:min(len(dst), (len(s.text)-s.at+Block-1)/Block)]
	for blocks < len(dst) {
		n := min(len(dst)-blocks, window)
		s.classify(n + 1)
		s.describe(dst[blocks:blocks+n], s.planes[:])
		s.have = copy(s.planes[:], s.planes[n:s.have])
		blocks += n
	}
	if s.at > len(s.text) && blocks > 0 {
		dst[blocks-1] &= 1<<(len(s.text)%Block) - 1
	}
	return blocks
}

// classify makes the planes of n blocks known.
func (s *Scanner) classify(n int) {
	if s.have < n && s.known < s.direct {
		m := min(n-s.have, (s.direct-s.known)/Block)
		s.state = s.table.Classify(s.planes[s.have:s.have+m], s.text[s.known:], s.state)
		s.have += m
		s.known += m * Block
	}
	if s.have < n {
		s.state = s.table.Classify(s.planes[s.have:n], s.tail[s.known-s.direct:], s.state)
		s.known += (n - s.have) * Block
		s.have = n
	}
}

// describe is Bits of the blocks of the window, whose planes begin with these.
func (s *Scanner) describe(dst []uint64, planes []classmask.Planes) {
	begin := s.at
	var sure uint64 // what is settled of the first block
	for i := 0; i < len(dst); {
		live := ^uint64(0)
		from := s.fresh - s.at
		if from >= Block {
			dst[i], sure = sure, 0
			s.at += Block
			i++
			continue
		}
		if from > 0 {
			live <<= from
			keep(&planes[i], live)
		}
		n, unsure := s.match(dst[i:], planes[i:], live)
		if from >= 0 {
			dst[i] |= 1 << from
		}
		dst[i] |= sure
		i += n
		s.at += n * Block
		sure = 0
		if unsure != 0 {
			sure = s.settle(dst[:i+1], begin, unsure)
		}
	}
	s.last = s.lastBefore(dst, begin, s.at)
}

// keep leaves of a block the live bytes.
func keep(p *classmask.Planes, live uint64) {
	*p = classmask.Planes{
		Upper: p.Upper & live, Lower: p.Lower & live, Other: p.Other & live, Mark: p.Mark & live,
		Number: p.Number & live, Sign: p.Sign & live, Space: p.Space & live, Script: p.Script & live,
		Newline: p.Newline & live, Blank: p.Blank & live, Apostrophe: p.Apostrophe & live, Slash: p.Slash & live,
		Inner: p.Inner & live, High: p.High & live,
	}
}

// match describes blocks, up to the first one with characters, if any, on which
// more hangs than bits can tell, unsure: what it says of that block behind the
// beginning of the pretoken with the first of them is void. live are the bytes
// that count in the first block; the others are in no plane. The planes are
// those of one block more.
func (s *Scanner) match(dst []uint64, planes []classmask.Planes, live uint64) (n int, unsure uint64) {
	switch s.rules.grammar {
	case spaced, apart:
		return s.matchSpaced(dst, planes, live)
	case prefixed:
		return s.matchPrefixed(dst, planes, live), 0
	case cased:
		return s.matchCased(dst, planes, live)
	}
	return s.matchPieced(dst, planes, live), 0
}

// settle has Next decide the pretoken with the first unsure character of the
// block at s.at, the last of dst, and returns the bits of the block up to the
// boundary behind it, from which to go on. dst begins at begin.
func (s *Scanner) settle(dst []uint64, begin int, unsure uint64) (sure uint64) {
	block := &dst[len(dst)-1]
	i := bits.TrailingZeros64(unsure)
	end := s.fresh
	if end != s.at+i {
		*block &= 1<<i - 1
		end = s.lastBefore(dst, begin, s.at+i)
	}
	sure = *block & (1<<i - 1)
	for end <= s.at+i {
		if end >= s.at {
			sure |= 1 << (end - s.at)
		}
		end = s.rules.Next(s.text, end)
	}
	s.fresh, s.carry = end, carry{}
	return sure
}

// lastBefore returns where the last pretoken begins that dst, which begins at
// begin and says nothing from end on, knows, or the one before.
func (s *Scanner) lastBefore(dst []uint64, begin, end int) int {
	for i := (end - begin) / Block; i >= 0; i-- {
		if i < len(dst) && dst[i] != 0 {
			return begin + i*Block + bits.Len64(dst[i]) - 1
		}
	}
	return s.last
}

// The tables of classes, which differ in what a script is.
var (
	plainTable    = sync.OnceValue(func() *classmask.Table { return newTable(nil) })
	hanTable      = sync.OnceValue(func() *classmask.Table { return newTable(ucd.IsHan) })
	cjkTable      = sync.OnceValue(func() *classmask.Table { return newTable(isCJK) })
	numeralsTable = sync.OnceValue(func() *classmask.Table { return newTable(isNewNumeral) })
)

// classified are the ranges that hold all characters with a class or a script,
// and few without.
var classified = [][2]rune{{0x80, 0x32400}, {0xE0100, 0xE0200}}

func newTable(script func(rune) bool) *classmask.Table {
	return classmask.NewTable(func(r rune) classmask.Class {
		c := classOf[ucd.ClassOf(r)]
		if script != nil && script(r) {
			c |= classmask.Script
		}
		return c
	}, classified...)
}

// classOf holds, for the classes of package ucd, those of the kernel.
var classOf = [256]classmask.Class{
	ucd.Upper: classmask.Upper, ucd.Lower: classmask.Lower, ucd.OtherLetter: classmask.Other, ucd.Mark: classmask.Mark,
	ucd.Number: classmask.Number, ucd.Punctuation: classmask.Sign, ucd.Symbol: classmask.Sign, ucd.Space: classmask.Space,
}

func (r *Rules) table() *classmask.Table {
	switch {
	case r.han:
		return hanTable()
	case r.grammar == pieced:
		return cjkTable()
	case r.grammar == apart:
		return numeralsTable()
	}
	return plainTable()
}
