package bpe

import (
	"math"
	"math/bits"
	"sync"
)

// model is a BPE model over bytes that counts what it would make.
type model struct {
	live  *liveMerges
	pairs *pairTable
	bytes []symbol            // bytes[left<<8|right] is what two bytes make, or dead
	whole map[string]struct{} // tokens that merging does not reach but a whole pretoken can be: ignore_merges

	windows sync.Pool // of *longMerge
}

func newModel(live *liveMerges, whole map[string]struct{}) *model {
	m := &model{live: live, pairs: newPairTable(live.halves), whole: whole}
	m.bytes = make([]symbol, 1<<16)
	for i := range m.bytes {
		m.bytes[i] = m.pairs.none()
	}
	for i, h := range live.halves {
		if h.left < firstMerged && h.right < firstMerged {
			m.bytes[h.left<<8|h.right] = firstMerged + symbol(i)
		}
	}
	return m
}

// count returns the number of tokens of a pretoken of one byte or more: while
// any two neighbours have a merge, that of the lowest rank is made, the
// leftmost of equals first.
func (m *model) count(pretoken []byte) int {
	if m.whole != nil {
		if _, ok := m.whole[string(pretoken)]; ok {
			return 1
		}
	}
	return m.merge(pretoken)
}

// merge is count without the tokens that only a whole pretoken can be.
func (m *model) merge(text []byte) int {
	if len(text) <= maxShort {
		var s shortMerge
		return s.count(m, text)
	}
	return m.countLong(text)
}

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
}

const placeBits = 6

func (s *shortMerge) count(m *model, text []byte) int {
	n := len(text)
	none := m.pairs.none() << placeBits
	for i := range (n + 7) &^ 7 {
		s.pairs[i] = math.MaxUint32
	}
	left := symbol(text[0])
	s.symbols[0] = left
	for i := 1; i < n; i++ {
		right := symbol(text[i])
		s.symbols[i&63] = right
		s.pairs[(i-1)&63] = m.bytes[left<<8|right]<<placeBits | uint32(i-1)
		left = right
	}
	s.begin = math.MaxUint64 >> (64 - uint(n))
	blocks := (n + 7) / 8
	for b := range blocks {
		s.renew(b)
	}
	for {
		best := s.least[0]
		for _, v := range s.least[1:blocks] {
			best = min(best, v)
		}
		if best >= none {
			return bits.OnesCount64(s.begin)
		}
		s.merge(m, best)
	}
}

// merge makes the merge of s.pairs that is best.
func (s *shortMerge) merge(m *model, best uint32) {
	at := int(best & (maxShort - 1))
	id := best >> placeBits
	after := s.begin & (math.MaxUint64 << at << 1)
	next := bits.TrailingZeros64(after) & 63
	if !m.pairs.makes(id, s.symbols[at], s.symbols[next]) {
		s.pairs[at] = min(m.pairs.exact(s.symbols[at], s.symbols[next]), m.pairs.none())<<placeBits | uint32(at)
		s.renew(at / 8)
		return
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
}

// renew finds the least of eight pairs.
func (s *shortMerge) renew(block int) {
	p := s.pairs[block&7*8 : block&7*8+8 : maxShort]
	s.least[block&7] = min(min(min(p[0], p[1]), min(p[2], p[3])), min(min(p[4], p[5]), min(p[6], p[7])))
}
