package spbpe

import (
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
)

// merger counts the tokens of pieces, for one goroutine.
type merger struct {
	model   *model
	words   bool // pieces are whole words, which ignore_merges looks up
	symbols []symbol
	long    longMerger
}

// maxShort is the longest piece, in symbols, merged by looking at all pairs
// for each merge; above it a heap is quicker.
const maxShort = 48

// Counts makes it a countcache.Model.
func (g *merger) Counts(text []byte, spans []countcache.Span, counts []int) {
	for i, s := range spans {
		counts[i] = g.count(false, text[s.Start:s.End])
	}
}

// count returns the number of tokens of a piece, with a marker in front if
// lead.
func (g *merger) count(lead bool, piece []byte) int {
	if g.words && g.model.isWhole(lead, piece) {
		return 1
	}
	g.symbols = g.model.appendSymbols(g.symbols[:0], lead, piece)
	if len(g.symbols) <= maxShort {
		return g.model.countShort(g.symbols)
	}
	return g.long.count(g.model, g.symbols)
}

// trim gives back what has grown past its bound.
func (g *merger) trim() {
	if cap(g.symbols) > maxScratch/4 {
		g.symbols = nil
	}
	if cap(g.long.products) > maxScratch/4 {
		g.long = longMerger{}
	}
}

// appendSymbols appends the symbols of a piece (BPE::merge_word).
func (m *model) appendSymbols(dst []symbol, lead bool, piece []byte) []symbol {
	if lead {
		dst = append(dst, m.basic['▁'])
	}
	pending := false // an unknown token, which stands before the next character that is known
	if lead && dst[len(dst)-1] == inert {
		dst, pending = m.appendUnknown(dst[:len(dst)-1], pending, []byte(marker))
	}
	for i := 0; i < len(piece); {
		r, n := utf8.DecodeRune(piece[i:])
		s := m.symbolOf(r)
		switch {
		case s != inert:
			if pending {
				dst, pending = append(dst, inert), false
			}
			dst = append(dst, s)
		case r == ' ':
			dst, pending = m.appendUnknown(dst, pending, []byte(marker))
		default:
			dst, pending = m.appendUnknown(dst, pending, piece[i:i+n])
		}
		i += n
	}
	if pending {
		dst = append(dst, inert)
	}
	return dst
}

// appendUnknown appends what becomes of a character that is not in the
// vocabulary. Pending is an unknown token that has not been appended.
func (m *model) appendUnknown(dst []symbol, pending bool, char []byte) ([]symbol, bool) {
	switch {
	case m.fallsBack(char):
		for range char {
			dst = append(dst, inert)
		}
	case m.unk:
		if pending && !m.fuseUnk {
			dst = append(dst, inert)
		}
		pending = true
	}
	return dst, pending
}

// countShort merges symbols, at most maxShort, and returns how many are left:
// while any two neighbours have a merge, the first in order is made, the
// leftmost of equals first. It overwrites symbols.
func (m *model) countShort(symbols []symbol) int {
	var products [maxShort]symbol // products[i] is that of symbols[i] and the next
	n := len(symbols)
	for i := 1; i < n; i++ {
		products[i-1] = m.pairs.get(symbols[i-1], symbols[i])
	}
	for n > 1 {
		best, at := inert, 0
		for i, p := range products[:n-1] {
			if p < best {
				best, at = p, i
			}
		}
		if best == inert {
			break
		}
		symbols[at] = best
		copy(symbols[at+1:n-1], symbols[at+2:n])
		copy(products[at:n-2], products[at+1:n-1])
		n--
		if at+1 < n {
			products[at] = m.pairs.get(symbols[at], symbols[at+1])
		}
		if at > 0 {
			products[at-1] = m.pairs.get(symbols[at-1], symbols[at])
		}
	}
	return n
}

// longMerger is countShort in O(n log n): the pairs wait in a heap by product,
// then place; an entry whose pair has changed since is passed over.
type longMerger struct {
	products   []symbol
	prev, next []int32
	waiting    mergeHeap
}

func (l *longMerger) count(m *model, symbols []symbol) int {
	n := len(symbols)
	l.products = slices.Grow(l.products[:0], n)[:n]
	l.prev = slices.Grow(l.prev[:0], n)[:n]
	l.next = slices.Grow(l.next[:0], n)[:n]
	l.waiting = l.waiting[:0]
	products, prev, next := l.products, l.prev, l.next
	products[n-1] = inert
	for i := range n {
		prev[i], next[i] = int32(i-1), int32(i+1)
		if i+1 < n {
			products[i] = m.pairs.get(symbols[i], symbols[i+1])
			if products[i] != inert {
				l.waiting = append(l.waiting, uint64(products[i])<<32|uint64(i))
			}
		}
	}
	l.waiting.init()

	left := n
	renew := func(i int32) {
		products[i] = inert
		if j := next[i]; int(j) < n {
			products[i] = m.pairs.get(symbols[i], symbols[j])
		}
		if products[i] != inert {
			l.waiting.push(uint64(products[i])<<32 | uint64(i))
		}
	}
	for len(l.waiting) > 0 {
		top := l.waiting.pop()
		i := int32(uint32(top))
		if products[i] != symbol(top>>32) {
			continue
		}
		symbols[i] = products[i]
		gone := next[i]
		products[gone] = inert
		next[i] = next[gone]
		if int(next[i]) < n {
			prev[next[i]] = i
		}
		left--
		renew(i)
		if prev[i] >= 0 {
			renew(prev[i])
		}
	}
	return left
}

// mergeHeap is a binary min-heap.
type mergeHeap []uint64

func (h mergeHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *mergeHeap) push(v uint64) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent] <= s[i] {
			break
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func (h *mergeHeap) pop() uint64 {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	*h = s[:len(s)-1]
	h.down(0)
	return top
}

func (h mergeHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
