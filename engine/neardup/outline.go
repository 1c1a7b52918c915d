package neardup

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sort"
)

// An Outline is what is kept of a document to tell later, without its text, that
// it cannot reach the threshold with another one. Bits has bit i set if a shingle x
// has x mod size = i. A bit that only one of two outlines has was set by a shingle
// that only its document has, and no other bit by that one, so with h such bits
//
//	|A \ B| + |B \ A| ≥ h
//
// which is never wrong. (The bitmap filter of Sandes, Teodoro, Melo: "Bitmap filter:
// speeding up exact set similarity joins", 2020, of which shingleset has the other
// kind. This one takes shingles that repeat, so that nobody has to sort them.)
type Outline struct {
	AtMost, AtLeast uint64   // bounds of the number of distinct shingles
	Bits            []uint64 // a power of two of words; none of an empty document
	// Whole is a hash of the set of at most maxWhole shingles, never 0; else 0. Where
	// the threshold leaves no room for a difference, as between texts of a few words,
	// it tells apart what falls together in a few bits.
	Whole uint64
}

const maxWhole = 8

// finer is how many times more places an Outliner tells apart than an outline has
// bits: those in use are AtLeast.
const finer = 2

// maxOutlined bounds documents so that products stay within 64 bits. What has more
// shingles is never told apart.
const maxOutlined = 1 << 30

// Outliner makes outlines. It belongs to one goroutine.
type Outliner struct {
	load  uint64 // bits for each shingle, at least
	marks []byte // by place, 1 or 0: bytes, for no store waits for the one before
	bits  []uint64
	one   [1]uint64 // bits where a word is enough
}

// NewOutliner returns an Outliner for a threshold of num/den: the lower, the less
// two documents need to have in common, so the more bits tell them apart.
func NewOutliner(num, den int64) *Outliner {
	load := uint64(8)
	switch {
	case num*100 >= den*72:
		load = 1
	case num*100 >= den*45:
		load = 2
	case num*100 >= den*25:
		load = 4
	}
	return &Outliner{load: load}
}

// Outline returns the outline of a document by its shingles, in any order; they may
// repeat. It is valid until the next call.
func (o *Outliner) Outline(shingles []uint64) Outline {
	n := uint64(len(shingles))
	if n == 0 {
		return Outline{}
	}
	out := Outline{AtMost: n}
	if n*o.load <= 64 { // as of most short texts
		o.word(&out, shingles)
	} else {
		o.words(&out, shingles)
	}
	if n <= maxWhole {
		out.Whole = whole(shingles)
	}
	return out
}

// words sets the bits of an outline, and AtLeast.
func (o *Outliner) words(out *Outline, shingles []uint64) {
	words := 1 << bits.Len64((out.AtMost*o.load-1)/64)
	if cap(o.bits) < words {
		o.bits, o.marks = make([]uint64, words), make([]byte, finer*64*words)
	}
	marks := o.marks[:finer*64*words]
	clear(marks)
	for _, s := range shingles {
		marks[s&uint64(len(marks)-1)] = 1
	}
	out.Bits = o.bits[:words]
	for i := range out.Bits {
		low := (*[64]byte)(marks[64*i:])
		high := (*[64]byte)(marks[64*(words+i):])
		w, sums := uint64(0), uint64(0) // a byte of a sum is 16 at most
		for k := 0; k < 64; k += 8 {
			a, b := binary.LittleEndian.Uint64(low[k:]), binary.LittleEndian.Uint64(high[k:])
			sums += a + b
			w |= (a | b) * 0x0102040810204080 >> 56 << k
		}
		out.Bits[i] = w
		out.AtLeast += sums * 0x0101010101010101 >> 56
	}
}

// word is words where they are one.
func (o *Outliner) word(out *Outline, shingles []uint64) {
	var marks [finer]uint64
	for _, s := range shingles {
		marks[s/64%finer] |= 1 << (s % 64)
	}
	o.one[0] = 0
	for _, w := range marks {
		o.one[0] |= w
		out.AtLeast += uint64(bits.OnesCount64(w))
	}
	out.Bits = o.one[:]
}

// whole hashes a few shingles as a set.
func whole(shingles []uint64) uint64 {
	var few [maxWhole]uint64
	for n, s := range shingles {
		i := n
		for ; i > 0 && few[i-1] > s; i-- {
			few[i] = few[i-1]
		}
		few[i] = s
	}
	h := uint64(0)
	for i, s := range few[:len(shingles)] {
		if i > 0 && s == few[i-1] {
			continue
		}
		h = (h ^ s) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return h | 1
}

// Outlines tell which documents can reach the threshold with one of theirs, the
// probes.
type Outlines struct {
	num, den uint64
	// By log2 of the words of an outline: the probes that have at least so many,
	// folded to as many, and those of them that have no more.
	folded, own []probeList
}

// probeList is of outlines of one size, by the size of their documents.
type probeList struct {
	probes []outlined
	least  []uint64 // by probe, the least atLeast of it and of all after it
	words  []word   // by probe, where outlines are of one word
	index  []wordIndex
}

// word is what near needs of an outline of one word.
type word struct {
	bits   uint64
	ones   int64
	room   int64 // 2·atMost − ones
	atMost int64
	whole  uint64
}

type outlined struct {
	atMost, ones uint64
	bits         []uint64
	atLeast      uint64
	whole        uint64
}

// NewOutlines takes the outlines of the probes, which it keeps.
func NewOutlines(probes []Outline, num, den int64) *Outlines {
	o := &Outlines{num: uint64(num), den: uint64(den)}
	for _, p := range probes {
		if len(p.Bits) == 0 {
			continue
		}
		top := log2(p.Bits)
		for len(o.own) <= top {
			o.own, o.folded = append(o.own, probeList{}), append(o.folded, probeList{})
		}
		at := outlined{p.AtMost, countOnes(p.Bits), p.Bits, p.AtLeast, p.Whole}
		o.own[top].probes = append(o.own[top].probes, at)
		for l := top; ; l-- {
			o.folded[l].probes = append(o.folded[l].probes, at)
			if l == 0 {
				break
			}
			at.bits = fold(make([]uint64, len(at.bits)/2), at.bits)
			at.ones = countOnes(at.bits)
		}
	}
	for l := range o.own {
		o.own[l].settle()
		o.folded[l].settle()
	}
	return o
}

func log2(b []uint64) int { return bits.Len(uint(len(b))) - 1 }

// fold halves a bitmap.
func fold(half, b []uint64) []uint64 {
	for i := range half {
		half[i] = b[i] | b[i+len(half)]
	}
	return half
}

func countOnes(b []uint64) (n uint64) {
	for _, w := range b {
		n += uint64(bits.OnesCount64(w))
	}
	return n
}

func (l *probeList) settle() {
	slices.SortFunc(l.probes, func(a, b outlined) int { return cmp.Compare(a.atMost, b.atMost) })
	l.least = make([]uint64, len(l.probes))
	least := uint64(math.MaxUint64)
	for i := len(l.probes) - 1; i >= 0; i-- {
		least = min(least, l.probes[i].atLeast)
		l.least[i] = least
	}
	for _, p := range l.probes {
		if len(p.bits) == 1 {
			l.words = append(l.words, word{p.bits[0], int64(p.ones), int64(2*p.atMost - p.ones), int64(p.atMost), p.whole})
		}
	}
	if len(l.words) > 0 {
		for _, pieces := range indexPieces {
			l.index = append(l.index, newWordIndex(pieces, l.words))
		}
	}
}

// OutlineMatcher asks Outlines for one document after the other. It belongs to one
// goroutine.
type OutlineMatcher struct {
	*Outlines
	memory [][]uint64 // of folded outlines, by log2 of the words
}

// NewMatcher returns an OutlineMatcher.
func (o *Outlines) NewMatcher() *OutlineMatcher {
	m := &OutlineMatcher{Outlines: o}
	for l := range o.own {
		m.memory = append(m.memory, make([]uint64, 1<<l))
	}
	return m
}

// Near reports whether a document can reach the threshold with a probe: true where
// it does, and seldom where it does not.
func (m *OutlineMatcher) Near(d Outline) bool {
	if len(d.Bits) == 0 || len(m.own) == 0 {
		return false
	}
	top := log2(d.Bits)
	at := outlined{d.AtMost, 0, d.Bits, d.AtLeast, d.Whole}
	for ; top >= len(m.own); top-- { // of no probe
		half := len(at.bits) / 2
		if top == len(m.own) {
			at.bits = fold(m.memory[top-1], at.bits)
		} else {
			at.bits = fold(make([]uint64, half), at.bits)
		}
	}
	at.ones = countOnes(at.bits)
	if len(at.bits) == len(d.Bits) && m.nearAny(&at, &m.folded[top]) {
		return true
	}
	if len(at.bits) < len(d.Bits) && m.nearAny(&at, &m.own[top]) {
		return true
	}
	for top--; top >= 0; top-- {
		if len(m.own[top].probes) == 0 {
			continue
		}
		for log2(at.bits) > top {
			at.bits = fold(m.memory[log2(at.bits)-1], at.bits)
		}
		at.ones = countOnes(at.bits)
		if m.nearAny(&at, &m.own[top]) {
			return true
		}
	}
	return false
}

// nearAny looks at the probes of one size of outlines, that of d.
func (m *OutlineMatcher) nearAny(d *outlined, l *probeList) bool {
	need, most := d.atLeast*m.num, d.atMost*m.den
	// The first whose atMost can do.
	i, j := 0, len(l.probes)
	for i < j {
		if h := (i + j) / 2; l.probes[h].atMost*m.den < need {
			i = h + 1
		} else {
			j = h
		}
	}
	if len(d.bits) == 1 && d.atMost <= maxOutlined {
		return m.nearWord(d, l, i)
	}
	for ; i < len(l.probes) && l.least[i]*m.num <= most; i++ {
		if m.near(d, &l.probes[i]) {
			return true
		}
	}
	return false
}

// nearWord is near of all probes from the first on that least allows: short texts are
// many. Where a text is so short that hardly a bit may differ, an index has the probes.
func (m *OutlineMatcher) nearWord(d *outlined, l *probeList, first int) bool {
	end := first + sort.Search(len(l.least)-first, func(i int) bool { return l.least[first+i]*m.num > d.atMost*m.den })
	// With onesB ≤ onesA + h what near asks for is h·num ≤ (den − num)·|A|.
	differ := (m.den - m.num) * d.atMost / m.num
	for k := range l.index {
		x := &l.index[k]
		if differ >= uint64(x.pieces) {
			continue
		}
		for p := range x.pieces {
			for _, i := range x.sharing(d.bits[0], p) {
				if int(i) >= first && int(i) < end && m.nearAmong(d, l.words[i:i+1]) {
					return true
				}
			}
		}
		return false
	}
	return m.nearAmong(d, l.words[first:end])
}

// nearAmong is near of words.
func (m *OutlineMatcher) nearAmong(d *outlined, probes []word) bool {
	bit, ones, room := d.bits[0], int64(d.ones), int64(2*d.atMost-d.ones)
	less, sum := int64(m.den-m.num), int64(m.den+m.num)
	for i := range probes {
		p := &probes[i]
		if int64(bits.OnesCount64(p.bits^bit))*sum > less*min(room+p.ones, p.room+ones) {
			continue
		}
		// One shingle of difference needs num/(den − num) in common.
		if d.whole != p.whole && d.whole != 0 && p.whole != 0 && less*min(int64(d.atMost), p.atMost) < int64(m.num) {
			continue
		}
		return true
	}
	return false
}

// near compares at one size. With x = |A \ B| and y = |B \ A| the threshold asks for
// x + y ≤ (1/t − 1)·|A ∩ B|, and |A ∩ B| is at most |A| − x and |B| − y. The bits
// bound x and y from below, and their difference is that of the numbers of bits; so
// with h of them
//
//	h·(num + den) ≤ (den − num)·(2·|A| − onesA + onesB), and so the other way.
func (m *OutlineMatcher) near(a, b *outlined) bool {
	if a.atMost > maxOutlined || b.atMost > maxOutlined {
		return true
	}
	most := (m.den - m.num) * min(2*a.atMost-a.ones+b.ones, 2*b.atMost-b.ones+a.ones)
	sum := m.den + m.num
	x, y := a.bits, b.bits
	different := 0
	for len(x) >= 8 && len(y) >= 8 {
		u, v := (*[8]uint64)(x), (*[8]uint64)(y)
		different += bits.OnesCount64(u[0]^v[0]) + bits.OnesCount64(u[1]^v[1]) + bits.OnesCount64(u[2]^v[2]) + bits.OnesCount64(u[3]^v[3]) +
			bits.OnesCount64(u[4]^v[4]) + bits.OnesCount64(u[5]^v[5]) + bits.OnesCount64(u[6]^v[6]) + bits.OnesCount64(u[7]^v[7])
		if uint64(different)*sum > most {
			return false
		}
		x, y = x[8:], y[8:]
	}
	for k, w := range x {
		different += bits.OnesCount64(w ^ y[k])
	}
	return uint64(different)*sum <= most
}
