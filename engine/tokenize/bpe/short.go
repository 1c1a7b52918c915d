package bpe

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// maxShort is the longest text, in bytes, for which the places of symbols fit
// in one word.
const maxShort = 64

// shortMerge is a text of at most maxShort bytes on its way.
type shortMerge struct {
	symbols [maxShort]symbol // by the place where they begin
	// pairs[i] is what the symbol at i makes with the next, shifted left by
	// placeBits, with i below: the smallest is the merge to make next. What is
	// no merge is at least none.
	pairs [maxShort]uint32
	least [maxShort / 8]uint32 // of each eight pairs
	begin uint64               // bit i: a symbol begins at i
	end   int                  // bytes
}

const placeBits = 6

// count returns the tokens of a text of 1 to maxShort bytes.
func (s *shortMerge) count(m *model, text []byte) int {
	if m.junctions == nil || isASCII(text) || !s.startWithChars(m, text) || !s.run(m, true) {
		s.startWithBytes(m, text)
		s.run(m, false)
	}
	return bits.OnesCount64(s.begin)
}

func isASCII(text []byte) bool {
	high := uint64(0)
	for len(text) >= 8 {
		high |= binary.LittleEndian.Uint64(text)
		text = text[8:]
	}
	for _, c := range text {
		high |= uint64(c)
	}
	return high&0x8080808080808080 == 0
}

func (s *shortMerge) startWithBytes(m *model, text []byte) {
	s.clear(len(text))
	left := symbol(text[0])
	s.symbols[0] = left
	for i, b := range text[1:] {
		right := symbol(b)
		s.symbols[(i+1)&63] = right
		s.pairs[i&63] = m.bytes[right<<8|left]<<placeBits | uint32(i)
		left = right
	}
	s.begin = math.MaxUint64 >> (64 - uint(len(text)))
}

// clear takes all pairs away from a text of n bytes.
func (s *shortMerge) clear(n int) {
	s.end = n
	for i := range (n + 7) &^ 7 {
		s.pairs[i&63] = math.MaxUint32
	}
}

// startWithChars starts with solid characters as symbols. It reports
// false if that may change what is merged.
func (s *shortMerge) startWithChars(m *model, text []byte) bool {
	j := m.junctions
	n := len(text)
	s.clear(n)
	s.begin = 0
	var left uint32 // character
	var leftSymbol symbol
	for i, last := 0, 0; i < n; {
		char, size := uint32(text[i]), 1
		switch {
		case char < 0x80:
		case char < 0xE0:
			char, size = char&0x1F<<6|uint32(text[i+1]&0x3F), 2
		case char < 0xF0:
			char, size = char&0xF<<12|uint32(text[i+1]&0x3F)<<6|uint32(text[i+2]&0x3F), 3
		default:
			return false
		}
		id := j.symbols[char&0xFFFF]
		if id == dead {
			return false
		}
		s.symbols[i&63] = id
		s.begin |= 1 << (i & 63)
		if i > 0 {
			if left|char < 0x80 {
				s.pairs[last&63] = m.bytes[char<<8|left]<<placeBits | uint32(last)
			} else if j.torn.has(left, char) {
				return false
			} else {
				s.pairs[last&63] = min(m.pairs.find(leftSymbol, id), m.pairs.none())<<placeBits | uint32(last)
			}
		}
		left, leftSymbol, last = char, id, i
		i += size
	}
	return true
}

// run makes all merges. If chars is set it reports false where a merge is out
// of order: that may come too early for a text that started with characters.
func (s *shortMerge) run(m *model, chars bool) bool {
	none := m.pairs.none() << placeBits
	blocks := (s.end + 7) / 8
	for b := range blocks {
		s.renew(b)
	}
	for {
		best := s.least[0]
		for _, v := range s.least[1:blocks] {
			best = min(best, v)
		}
		if best >= none {
			return true
		}
		if !s.merge(m, best, chars) {
			return false
		}
	}
}

// merge makes the merge of s.pairs that is best.
func (s *shortMerge) merge(m *model, best uint32, chars bool) bool {
	at := int(best & (maxShort - 1))
	id := best >> placeBits
	after := s.begin & (math.MaxUint64 << at << 1)
	next := bits.TrailingZeros64(after) & 63
	left, right := s.symbols[at], s.symbols[next]
	if !m.pairs.makes(id, left, right) {
		s.pairs[at] = min(m.pairs.exact(left, right), m.pairs.none())<<placeBits | uint32(at)
		s.renew(at / 8)
		return true
	}
	if chars && id < max(left, right) {
		return false
	}
	s.symbols[at] = id
	after &= after - 1
	s.begin &^= 1 << next
	s.pairs[next] = math.MaxUint32
	s.pairs[at] = math.MaxUint32
	if after != 0 {
		right := s.symbols[bits.TrailingZeros64(after)&63]
		s.pairs[at] = min(m.pairs.find(id, right), m.pairs.none())<<placeBits | uint32(at)
	}
	if before := s.begin & (1<<at - 1); before != 0 {
		prev := (63 - bits.LeadingZeros64(before)) & 63
		s.pairs[prev] = min(m.pairs.find(s.symbols[prev], id), m.pairs.none())<<placeBits | uint32(prev)
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
