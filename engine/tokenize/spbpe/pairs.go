package spbpe

import "math"

// pairTable maps pairs of symbols to what they make: open addressing, linear
// probing, at most half full. An entry is left<<40 | right<<20 | made, so that
// one cache line answers nearly every question.
type pairTable struct {
	entries []uint64
	shift   uint8 // of the product of a hash, to an entry
}

type halves struct{ left, right symbol }

const (
	symbolBits = 20
	// none is what pairs without a merge make: all ones, as in a free entry.
	none     symbol = 1<<symbolBits - 1
	freePair        = math.MaxUint64

	hashFactor = 0x9E3779B97F4A7C15
)

// newPairTable makes a table of merges: the i-th makes first+i.
func newPairTable(first symbol, list []halves) pairTable {
	size := uint8(1)
	for 1<<size < 2*len(list) {
		size++
	}
	t := pairTable{entries: make([]uint64, 1<<size), shift: 64 - size}
	for i := range t.entries {
		t.entries[i] = freePair
	}
	mask := uint64(len(t.entries) - 1)
	for i, h := range list {
		pair := uint64(h.left)<<symbolBits | uint64(h.right)
		at := pair * hashFactor >> t.shift
		for t.entries[at&mask] != freePair {
			at++
		}
		t.entries[at&mask] = pair<<symbolBits | uint64(first) + uint64(i)
	}
	return t
}

// get returns what a pair makes, or none.
func (t *pairTable) get(left, right symbol) symbol {
	pair := uint64(left)<<symbolBits | uint64(right)
	mask := uint64(len(t.entries) - 1)
	for i := pair * hashFactor >> (t.shift & 63); ; i++ {
		e := t.entries[i&mask]
		if e>>symbolBits == pair || e == freePair {
			return symbol(e) & none
		}
	}
}
