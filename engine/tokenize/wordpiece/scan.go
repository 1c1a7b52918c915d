package wordpiece

import (
	"math/bits"
	"unicode/utf8"

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
	lower      [chunkBytes]byte
	plain      []byte // the chunk, where it need not be in lower case
	word, high [chunkBlocks]uint64
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
	f := finder{classes: c, text: text}
	blocks := wordscan.Blocks(len(text))
	for b := range blocks {
		valid := ^uint64(0)
		if n := len(text) - b*wordscan.Block; n < wordscan.Block {
			valid = 1<<n - 1
		}
		s.starts[b] = f.block(b, s.word[b], s.high[b], valid)
	}
	if !whole && f.inside != 0 {
		s.cutLast(blocks)
	}
	if f.leftOut {
		f.tokens -= s.nothing(c)
	}
	return s.n, f.tokens
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

	// How many bytes of the next block belong to a character that the last one
	// ends with, and its class.
	carry      int
	carryClass class
	inside     class1 // what the last byte of the last block is in
}

// class1 is one of the two bits below, or 0.
type class1 uint8

const (
	wordBit class1 = 1 << iota
	symbolBit
)

// block returns the starts of a block: of words and of symbols, and every byte
// outside of them.
func (f *finder) block(b int, word, high, valid uint64) (starts uint64) {
	var symbol uint64
	for rest := valid &^ (word | high); rest != 0; rest &= rest - 1 {
		c := f.text[b*wordscan.Block+bits.TrailingZeros64(rest)]
		switch f.ascii[c] {
		case inWord:
			word |= rest & -rest
			f.leftOut = f.leftOut || f.isLeftOut[c]
		case inSymbol:
			symbol |= rest & -rest
		case alone:
			f.tokens++
		}
	}
	if high != 0 {
		if f.carry > 0 {
			mask := uint64(1)<<f.carry - 1
			switch f.carryClass {
			case inWord:
				word |= mask
			case inSymbol:
				symbol |= mask
			}
			high &^= mask
			f.carry = 0
		}
		for high != 0 {
			at := bits.TrailingZeros64(high)
			class, n := f.classAt(f.text[b*wordscan.Block+at:])
			mask := (uint64(1)<<n - 1) << at
			switch class {
			case inWord:
				word |= mask
			case inSymbol:
				symbol |= mask
			case alone:
				f.tokens++
			}
			high &^= mask
			if at+n > wordscan.Block {
				f.carry, f.carryClass = at+n-wordscan.Block, class
			}
		}
	}
	outside := valid &^ (word | symbol)
	f.tokens -= bits.OnesCount64(outside)
	starts = outside | word&^(word<<1|uint64(f.inside&wordBit)) | symbol&^(symbol<<1|uint64(f.inside&symbolBit)>>1)
	// Valid bits end with the text; what is inside of there does not matter.
	last := uint(63 - bits.LeadingZeros64(valid))
	f.inside = class1(word>>last&1) | class1(symbol>>last&1)<<1
	return starts
}
