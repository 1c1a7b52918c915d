package wordpiece

import (
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/classmask"
	"github.com/tallystick/tallystick/kernels/wordscan"
)

// chunkBytes is how much text is scanned at once: the masks and the text in
// lower case stay in the first-level cache.
const (
	chunkBytes  = 8 << 10
	chunkBlocks = chunkBytes / wordscan.Block
)

// scanner finds the words of a chunk of text, for one goroutine. It hands them
// to a countcache.Cache as keys of which every byte outside of a word is one
// by itself: the cache counts each as a token without looking, and the scanner
// takes that back.
type scanner struct {
	lower      [chunkBytes + wordscan.Block]byte
	plain      []byte // the chunk, where it need not be in lower case
	word, high [chunkBlocks]uint64
	planes     [chunkBlocks]classmask.Planes
	starts     [chunkBlocks]uint64
	n          int // bytes of the chunk
	asked      int // blocks of starts that Bits has returned
}

// text returns the chunk, in lower case if asked for.
func (s *scanner) text() []byte {
	if s.plain != nil {
		return s.plain
	}
	return s.lower[:s.n]
}

// Bits is countcache.Starts.
func (s *scanner) Bits(dst []uint64) int {
	n := copy(dst, s.starts[s.asked:wordscan.Blocks(s.n)])
	s.asked += n
	return n
}

// chunk scans the beginning of text. It returns how much, 0 if a word is longer
// than a chunk; and what is to be added to the sum of the keys, so that it is
// the number of tokens.
func (s *scanner) chunk(c *classes, text []byte) (used, tokens int) {
	whole := len(text) <= chunkBytes
	if !whole {
		end := chunkBytes
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	wordscan.Scan(s.lower[:], s.word[:], s.high[:], text)
	s.plain, s.asked, s.n = nil, 0, len(text)
	if !c.lower {
		s.plain = text
	}
	blocks := wordscan.Blocks(len(text))
	c.table.Classify(s.planes[:blocks], s.lower[:], 0)
	f := s.find(c, text, s.planes[:blocks])
	if !whole && f.inside != 0 {
		s.cutLast(blocks)
	}
	if f.leftOut {
		f.tokens -= s.nothing(c)
	}
	return s.n, f.tokens
}

// find sets the starts of a text that has these planes.
func (s *scanner) find(c *classes, text []byte, planes []classmask.Planes) finder {
	f := finder{classes: c, text: text}
	for b := range planes {
		valid := ^uint64(0)
		if n := len(text) - b*wordscan.Block; n < wordscan.Block {
			valid = 1<<n - 1
		}
		s.starts[b] = f.block(b, &planes[b], valid)
	}
	return f
}

// group begins several texts at once, each of which begins at a block, for part.
func (s *scanner) group(c *classes, text []byte) {
	wordscan.Scan(s.lower[:], s.word[:], s.high[:], text)
	c.table.Classify(s.planes[:wordscan.Blocks(len(text))], s.lower[:], 0)
}

// part is chunk of one text of a group, which begins at start.
func (s *scanner) part(c *classes, text []byte, start int) (tokens int) {
	s.n, s.asked, s.plain = len(text), 0, text
	if c.lower {
		s.plain = s.lower[start : start+len(text)]
	}
	first := start / wordscan.Block
	f := s.find(c, text, s.planes[first:first+wordscan.Blocks(len(text))])
	if f.leftOut {
		f.tokens -= s.nothing(c)
	}
	return f.tokens
}

// cutLast ends the chunk before its last key.
func (s *scanner) cutLast(blocks int) {
	s.n = 0
	for b := blocks - 1; b >= 0; b-- {
		if last := 63 - bits.LeadingZeros64(s.starts[b]); last >= 0 {
			s.starts[b] &^= 1 << last
			s.n = b*wordscan.Block + last
			break
		}
	}
	if s.plain != nil {
		s.plain = s.plain[:s.n]
	}
}

// nothing returns the number of words that are nothing but one control
// character that the normalizer leaves out.
func (s *scanner) nothing(c *classes) (n int) {
	isStart := func(i int) bool { return i == s.n || s.starts[i/wordscan.Block]>>(i%wordscan.Block)&1 != 0 }
	for i, b := range s.text() {
		if b < utf8.RuneSelf && c.isLeftOut[b] && isStart(i) && isStart(i+1) {
			n++
		}
	}
	return n
}

// finder is the state of a scan from block to block.
type finder struct {
	*classes
	text    []byte
	tokens  int  // of words of one character, less the bytes outside of words
	leftOut bool // a control character has been seen that the normalizer leaves out

	// 1 if the last byte of the last block is in a word, in a symbol.
	word, symbol uint64
	inside       uint64 // either
}

// block returns the starts of a block: of words and of symbols, and every byte
// outside of them.
func (f *finder) block(b int, p *classmask.Planes, valid uint64) (starts uint64) {
	var word, symbol uint64
	if f.pre == whitespace {
		word, symbol = f.expression(b, p, valid)
	} else {
		space, alone := p.Space, p.Script
		if f.clean {
			space &^= f.leftOutSpaces(b, p)
			control := valid &^ (p.Upper | p.Lower | p.Number | p.Sign | space | p.High)
			f.leftOut = f.leftOut || control != 0
		}
		if f.pre == bertPretokenizer {
			alone |= p.Sign
		}
		f.tokens += bits.OnesCount64(alone &^ p.Inner & valid)
		word = valid &^ (space | alone)
	}
	outside := valid &^ (word | symbol)
	f.tokens -= bits.OnesCount64(outside)
	starts = outside | word&^(word<<1|f.word) | symbol&^(symbol<<1|f.symbol)
	// Valid bits end with the text; what is inside of there does not matter.
	last := 63 - bits.LeadingZeros64(valid)
	f.word, f.symbol = word>>last&1, symbol>>last&1
	f.inside = f.word | f.symbol
	return starts
}

// leftOutSpaces returns which spaces of a block are \v or \f, control
// characters that the normalizer leaves out.
func (f *finder) leftOutSpaces(b int, p *classmask.Planes) (mask uint64) {
	for rest := p.Space &^ (p.Blank | p.Newline | p.High); rest != 0; rest &= rest - 1 {
		if i := b*wordscan.Block + bits.TrailingZeros64(rest); i < len(f.text) && f.text[i] != '\t' {
			mask |= rest & -rest
		}
	}
	return mask
}

// expression returns which bytes of a block are in words and symbols of the
// expression of whitespace.
func (f *finder) expression(b int, p *classmask.Planes, valid uint64) (word, symbol uint64) {
	word = p.Upper | p.Lower | p.Number | p.Other
	for rest := p.Sign & valid &^ p.High; rest != 0; rest &= rest - 1 {
		if f.text[b*wordscan.Block+bits.TrailingZeros64(rest)] == '_' {
			word |= rest & -rest
		}
	}
	word &= valid
	return word, valid &^ (word | p.Space)
}
