package bpe

import (
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/cutscan"
)

// junctions is what live merges do at the boundaries of characters. The first
// merge to cross a boundary in some text has its junction there; so where no
// live merge can have its junction nothing ever crosses, and the text can be
// cut. Most merges join characters. A few, the torn ones, take a part only of
// a character beside the junction, before its bytes have become one.
//
// All is about characters below 0x10000.
type junctions struct {
	// crossed holds the neighbours, both of calm, between which some live merge
	// may have its junction, in any text in which the left one is no space and
	// follows none. Spaces are put aside since what is torn by them is torn at
	// the beginning of a pretoken only.
	crossed charPairs
	// calm leaves out characters that may be torn together with so many others
	// that the pairs would be too many.
	calm charSet
	// torn holds the neighbours, both solid, one of which some live merge may
	// tear, in a text in which it is the first to tear one. So none is torn in a
	// text without such neighbours, and merging may begin with characters.
	torn charPairs
	// symbols are those of the solid characters, which merge to one symbol;
	// dead for others.
	symbols []symbol
	// whole is not nil if there are tokens that only a whole pretoken can be.
	whole *wholeEdges
	// cuts is calm, but for noCut, and crossed.
	cuts *cutscan.Table
}

// charSet is a set of characters below 0x10000.
type charSet []uint64

func newCharSet() charSet { return make(charSet, 1<<16/64) }

func (s charSet) has(c uint32) bool { return c < 1<<16 && s.bit(c) != 0 }

// bit is 1 for a character of the set, else 0.
func (s charSet) bit(c uint32) uint64 { return s[c/64] >> (c % 64) & 1 }

func (s charSet) add(c uint32)    { s[c/64] |= 1 << (c % 64) }
func (s charSet) remove(c uint32) { s[c/64] &^= 1 << (c % 64) }

// charPairs is a set of pairs of characters by two bits of a hash: it may hold
// pairs that were never added, which only costs time.
type charPairs struct {
	bits  []uint64
	shift uint8
}

// newCharPairs makes a set with 32 bits or more for a pair, but at most 2^most.
func newCharPairs(pairs [][2]uint32, most uint8) charPairs {
	size := uint8(10)
	for size < most && 1<<size < 32*len(pairs) {
		size++
	}
	s := charPairs{make([]uint64, 1<<size/64), 32 - size}
	for _, p := range pairs {
		h, i := cutscan.Places(p[0], p[1], s.shift)
		s.bits[h/64] |= 1 << (h % 64)
		s.bits[i/64] |= 1 << (i % 64)
	}
	return s
}

// charPairsOf is the set of these bits, if they are as many as a set has.
func charPairsOf(words []uint64) (s charPairs, ok bool) {
	size := bits.Len(uint(64*len(words))) - 1
	return charPairs{words, uint8(32 - size)}, len(words) > 0 && size <= 27 && 1<<size == 64*len(words)
}

func (s *charPairs) has(a, b uint32) bool { return s.bit(a, b) != 0 }

// bit is 1 for a pair of the set, else 0.
func (s *charPairs) bit(a, b uint32) uint64 {
	h, i := cutscan.Places(a, b, s.shift)
	return s.bits[h/64] >> (h % 64) & (s.bits[i/64] >> (i % 64)) & 1
}

// Bounds of the work that torn merges make. Known vocabularies have some
// hundreds of them.
const (
	maxTorn      = 4096
	maxTornPairs = 1 << 14 // of one merge, before characters are put out of calm
	maxCrossed   = 1 << 20
)

// findJunctions returns nil where characters are torn so much that neither
// cutting nor beginning with characters would pay.
func findJunctions(m *model) *junctions {
	ends := symbolEnds(m.live.halves)
	var full [][2]uint32
	var torn []tornMerge
	for i, h := range m.live.halves {
		left, ok1 := ends[h.left].last()
		right, ok2 := ends[h.right].first()
		switch {
		case !ok1 || !ok2: // no boundary, or no text
		case left.part == 0 && right.part == 0:
			if left.char < 1<<16 && right.char < 1<<16 && right.char >= 0x800 {
				full = append(full, [2]uint32{left.char, right.char})
			}
		default:
			torn = append(torn, tornMerge{firstMerged + symbol(i), left, right})
		}
	}
	if len(torn) > maxTorn {
		return nil
	}
	j := &junctions{symbols: make([]symbol, 1<<16), calm: newCharSet()}
	for c := range uint32(1 << 16) {
		if j.symbols[c] = m.charSymbol(rune(c)); utf8.ValidRune(rune(c)) {
			j.calm.add(c)
		}
	}
	crossed, tornPairs, ok := j.tornPairs(m, torn)
	if !ok {
		return nil
	}
	if len(m.whole) > 0 {
		var within [][2]uint32
		j.whole, within = newWholeEdges(m.whole)
		full = append(full, within...)
	}
	j.crossed = newCharPairs(append(full, crossed...), 22)
	j.torn = newCharPairs(tornPairs, 21)
	j.setCuts()
	return j
}

// A tornMerge has a junction beside a part of a character.
type tornMerge struct {
	id          symbol
	left, right edge
}

// edge is a symbol seen from a junction: the character there, or if the symbol
// is only a part of that, its bytes.
type edge struct {
	char  uint32
	part  int // bytes; 0 for a whole character
	bytes [2]byte
}

// ends reports whether a character ends with the edge, and is more.
func (e edge) ends(char []byte) bool {
	return len(char) > e.part && string(char[len(char)-e.part:]) == string(e.bytes[:e.part])
}

// begins reports whether a character begins with the edge, and is more.
func (e edge) begins(char []byte) bool {
	return len(char) > e.part && string(char[:e.part]) == string(e.bytes[:e.part])
}

// tornPairs returns the pairs of characters for crossed and torn between which
// torn merges may be made. Whether one can be made depends on when: a part
// is there to be taken until it has become its character, unless that has been
// torn from the other side before.
func (j *junctions) tornPairs(m *model, merges []tornMerge) (crossed, torn [][2]uint32, ok bool) {
	var fromLeft, fromRight []edge // by which characters are torn from that side
	for _, t := range merges {
		if t.right.part > 0 && t.left.char != ' ' && !slices.Contains(fromLeft, t.right) {
			fromLeft = append(fromLeft, t.right)
		}
		if t.left.part > 0 && !slices.Contains(fromRight, t.left) {
			fromRight = append(fromRight, t.left)
		}
	}
	var lefts, rights []candidate
	for _, t := range merges {
		lefts, rights = lefts[:0], rights[:0]
		if t.left.part == 0 {
			lefts = j.appendCandidate(lefts, t.left.char, true)
		} else {
			j.eachChar(t.left, true, func(c uint32, char []byte) {
				free := m.standsAlone(char, len(char)-t.left.part, len(char), t.id)
				if free || anyEdge(fromLeft, edge.begins, char) {
					lefts = j.appendCandidate(lefts, c, free)
				}
			})
		}
		if t.right.part == 0 {
			rights = j.appendCandidate(rights, t.right.char, true)
		} else {
			j.eachChar(t.right, false, func(c uint32, char []byte) {
				free := m.standsAlone(char, 0, t.right.part, t.id)
				if free || anyEdge(fromRight, edge.ends, char) {
					rights = j.appendCandidate(rights, c, free)
				}
			})
		}
		if len(lefts)*len(rights) > maxTornPairs {
			lefts = j.upset(lefts)
		}
		if len(lefts)*len(rights) > maxTornPairs {
			rights = j.upset(rights)
		}
		if len(crossed)+len(lefts)*len(rights) > maxCrossed {
			return nil, nil, false
		}
		for _, a := range lefts {
			for _, b := range rights {
				pair := [2]uint32{a.char, b.char}
				if a.char != noCut {
					crossed = append(crossed, pair)
				}
				if a.free && b.free && a.solid && b.solid {
					torn = append(torn, pair)
				}
			}
		}
	}
	return crossed, torn, true
}

// A candidate is a character beside the junction of a torn merge.
type candidate struct {
	char  uint32
	free  bool // the part is there to be taken if nothing else has torn it
	solid bool
}

func (j *junctions) appendCandidate(list []candidate, char uint32, free bool) []candidate {
	if !j.calm.has(char) {
		return list // a cut is made beside none such, and it is not solid
	}
	return append(list, candidate{char, free, j.symbols[char] != dead})
}

// upset takes all candidates out of calm that are not solid, and so rare.
func (j *junctions) upset(list []candidate) []candidate {
	return slices.DeleteFunc(list, func(c candidate) bool {
		if !c.solid {
			j.calm.remove(c.char)
		}
		return !c.solid
	})
}

func anyEdge(edges []edge, fits func(edge, []byte) bool, char []byte) bool {
	for _, e := range edges {
		if fits(e, char) {
			return true
		}
	}
	return false
}

// eachChar calls fn for the calm characters of two or three bytes that end, or
// begin, with a part.
func (j *junctions) eachChar(part edge, end bool, fn func(c uint32, char []byte)) {
	first, second := uint32(part.bytes[0]), uint32(part.bytes[1])&0x3F
	var begin, step, count uint32
	switch {
	case end && part.part == 1:
		begin, step, count = first&0x3F, 1<<6, 1<<10
	case end && part.part == 2:
		begin, step, count = first&0x3F<<6|second, 1<<12, 1<<4
	case end || first >= 0xF0: // of characters of four bytes
	case first < 0xE0:
		begin, step, count = first&0x1F<<6, 1, 1<<6
	case part.part == 1:
		begin, step, count = first&0xF<<12, 1, 1<<12
	default:
		begin, step, count = first&0xF<<12|second<<6, 1, 1<<6
	}
	var buf [4]byte
	for i := range count {
		if c := begin + i*step; c >= 0x80 && j.calm.has(c) && (c >= 0x800 || part.part == 1 && (end || first < 0xE0)) {
			fn(c, utf8.AppendRune(buf[:0], rune(c)))
		}
	}
}

// standsAlone reports whether the bytes char[begin:end] may be a symbol when,
// of the merges within the character, those before id have been made. Merges
// out of order are taken to be made at any time.
func (m *model) standsAlone(char []byte, begin, end int, id symbol) bool {
	if !m.inOrder(id) {
		return true
	}
	parts, ordered := m.mergeChar(char, id)
	if !ordered {
		return true
	}
	at := 0
	for _, p := range parts {
		if at == begin && at+p.bytes == end {
			return true
		}
		at += p.bytes
	}
	return false
}

// inOrder reports whether a merge comes after those that make its halves.
func (m *model) inOrder(id symbol) bool {
	h := m.live.halves[id-firstMerged]
	return id > h.left && id > h.right
}

type charPart struct {
	id    symbol
	bytes int
}

// mergeChar makes the merges before limit in the bytes of a character; not
// ordered if one of them was out of order.
func (m *model) mergeChar(char []byte, limit symbol) (parts []charPart, ordered bool) {
	var buf [4]charPart
	parts = buf[:0]
	for _, b := range char {
		parts = append(parts, charPart{symbol(b), 1})
	}
	for {
		best, at := limit, -1
		for i := range len(parts) - 1 {
			if id := m.made(parts[i].id, parts[i+1].id); id < best {
				best, at = id, i
			}
		}
		if at < 0 {
			return parts, true
		}
		if !m.inOrder(best) {
			return nil, false
		}
		parts[at] = charPart{best, parts[at].bytes + parts[at+1].bytes}
		parts = append(parts[:at+1], parts[at+2:]...)
	}
}

// made returns the symbol that a pair makes, or dead.
func (m *model) made(left, right symbol) symbol {
	if left|right >= firstMerged {
		return m.pairs.exact(left, right)
	}
	if id := m.bytes[right<<8|left]; id < m.pairs.none() {
		return id
	}
	return dead
}

// charSymbol returns the symbol of a solid character, else dead.
func (m *model) charSymbol(c rune) symbol {
	if !utf8.ValidRune(c) {
		return dead
	}
	var buf [4]byte
	parts, ordered := m.mergeChar(utf8.AppendRune(buf[:0], c), dead)
	if !ordered || len(parts) > 1 {
		return dead
	}
	return parts[0].id
}

// symbolEnd is the outermost bytes of a symbol, up to four at either end.
type symbolEnd struct {
	head, tail [4]byte // tail ends at its end
	bytes      int     // at most 4
}

func symbolEnds(list []halves) []symbolEnd {
	ends := make([]symbolEnd, firstMerged, int(firstMerged)+len(list))
	for b := range ends {
		ends[b] = symbolEnd{[4]byte{byte(b)}, [4]byte{3: byte(b)}, 1}
	}
	ends = ends[:cap(ends)]
	done := make([]bool, len(ends))
	var find func(id symbol) symbolEnd
	find = func(id symbol) symbolEnd {
		if id < firstMerged || done[id] {
			return ends[id]
		}
		h := list[id-firstMerged]
		left, right := find(h.left), find(h.right)
		e := symbolEnd{left.head, right.tail, min(left.bytes+right.bytes, 4)}
		copy(e.head[left.bytes:], right.head[:])
		copy(e.tail[:4-right.bytes], left.tail[right.bytes:])
		ends[id], done[id] = e, true
		return e
	}
	for i := range list {
		find(firstMerged + symbol(i))
	}
	return ends
}

// last is what the symbol is to its right: the character that it ends with or,
// if it is only a part of one, that. It is not ok if in valid text no character
// ends there.
func (s symbolEnd) last() (e edge, ok bool) {
	tail := s.tail[4-s.bytes:]
	for i := len(tail) - 1; i >= 0; i-- {
		if utf8.RuneStart(tail[i]) {
			c, size := utf8.DecodeRune(tail[i:])
			return edge{char: uint32(c)}, size == len(tail)-i && (c != utf8.RuneError || size == 3)
		}
	}
	e.part = len(tail)
	copy(e.bytes[:], tail)
	return e, e.part < 4
}

// first is what the symbol is to its left; not ok if no character begins there.
func (s symbolEnd) first() (e edge, ok bool) {
	head := s.head[:s.bytes]
	if !utf8.RuneStart(head[0]) {
		return e, false
	}
	if utf8.FullRune(head) {
		c, size := utf8.DecodeRune(head)
		return edge{char: uint32(c)}, c != utf8.RuneError || size == 3
	}
	e.part = len(head)
	copy(e.bytes[:], head)
	return e, true
}
