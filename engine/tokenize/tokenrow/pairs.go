package tokenrow

import (
	"math/bits"

	"github.com/tallystick/tallystick/engine/tokenize/hugepage"
)

// pairTable finds what two symbols make. Most pairs that are asked for make
// nothing: a filter with a bit for each by hash is asked first.
type pairTable struct {
	filter  []uint64
	entries []pairEntry // linear probing, at most half full
	shift   uint8       // of a hash, to an entry
}

type pairEntry struct{ left, right, made uint32 } // made is 0 where it is free

const (
	hashA      = 0x9E3779B97F4A7C15
	filterBits = 3 // for each entry, as a power of two
)

func newPairTable(halves []Halves) pairTable {
	size := max(6, bits.Len(uint(2*len(halves))))
	p := pairTable{
		filter:  hugepage.Make[uint64](1 << (size + filterBits) / 64),
		entries: hugepage.Make[pairEntry](1 << size),
		shift:   uint8(64 - size),
	}
	for i, h := range halves {
		x := hash(h.Left, h.Right)
		bit := x >> (p.shift - filterBits)
		p.filter[bit/64] |= 1 << (bit % 64)
		*p.at(x, h.Left, h.Right) = pairEntry{h.Left, h.Right, uint32(First + i)}
	}
	return p
}

func hash(left, right uint32) uint64 { return (uint64(left)<<32 | uint64(right)) * hashA }

// at returns the entry of a pair, free if it has none.
func (p *pairTable) at(x uint64, left, right uint32) *pairEntry {
	for i := x >> (p.shift & 63); ; i++ {
		e := &p.entries[i&uint64(len(p.entries)-1)]
		if e.left == left && e.right == right || e.made == 0 {
			return e
		}
	}
}

// makesBelow tells whether a pair makes a symbol below limit.
func (p *pairTable) makesBelow(left, right, limit uint32) bool {
	x := hash(left, right)
	bit := x >> ((p.shift - filterBits) & 63)
	if p.filter[bit/64]>>(bit%64)&1 == 0 {
		return false
	}
	e := p.at(x, left, right)
	return e.made != 0 && e.made < limit
}

// makes returns what a pair makes, or none.
func (p *pairTable) makes(left, right uint32) uint32 {
	if e := p.at(hash(left, right), left, right); e.made != 0 {
		return e.made
	}
	return none
}
