package spbpe

import (
	"math"
	"math/bits"
)

// pairTable finds what two symbols make: a cuckoo table of buckets of two
// entries, left<<40 | right<<20 | made, among which no branch is needed. A
// branch on which entry is the right one is one that the CPU guesses wrongly.
//
// Gemma has 4 MB of table, in no near cache. A filter of 256 KB, a bit for every
// pair by hash, comes first where a text has pairs that make nothing from all
// over it; where texts repeat themselves a little, as they do, it only costs.
type pairTable struct {
	buckets     [][2]uint64
	shift       uint8 // of the product of a hash, to a bucket
	filter      []uint64
	filterShift uint8
}

type halves struct{ left, right symbol }

const (
	symbolBits = 20
	// none is what pairs without a merge make.
	none symbol = 1<<symbolBits - 1

	hashA = 0x9E3779B97F4A7C15
	hashB = 0xC2B2AE3D27D4EB4F
)

// newPairTable makes a table of merges: the i-th makes first+i.
func newPairTable(first symbol, list []halves) pairTable {
	size := uint8(1)
	for 1<<size*17 < len(list)*10 { // 85 % of two entries a bucket
		size++
	}
	t := pairTable{}
	for !t.fill(size, first, list) {
		size++
	}
	words := 1
	for 64*words < 8*len(list) {
		words *= 2
	}
	t.filter = make([]uint64, words)
	t.setShifts()
	for _, h := range list {
		i := (uint64(h.left)<<symbolBits | uint64(h.right)) * hashA >> t.filterShift
		t.filter[i/64] |= 1 << (i % 64)
	}
	return t
}

// setShifts sets what follows from the sizes of the tables.
func (t *pairTable) setShifts() {
	t.shift = uint8(64 - bits.TrailingZeros(uint(len(t.buckets))))
	t.filterShift = uint8(64 - bits.TrailingZeros(uint(64*len(t.filter))))
}

// fill builds the table of 2^size buckets; false if some entry finds no place.
func (t *pairTable) fill(size uint8, first symbol, list []halves) bool {
	t.buckets, t.shift = make([][2]uint64, 1<<size), 64-size
	for i := range t.buckets {
		t.buckets[i] = [2]uint64{math.MaxUint64, math.MaxUint64} // free
	}
	random := uint32(1)
	for i, h := range list {
		pair := uint64(h.left)<<symbolBits | uint64(h.right)
		entry := pair<<symbolBits | uint64(first) + uint64(i)
		at, other := t.places(pair)
		if t.put(at, entry) || t.put(other, entry) {
			continue
		}
		// Push entries to their other bucket until one finds a free place.
		placed := false
		for range 500 {
			random = random*1664525 + 1013904223
			half := random >> 31
			entry, t.buckets[at][half] = t.buckets[at][half], entry
			one, two := t.places(entry >> symbolBits)
			at ^= one ^ two // the other of the two
			if placed = t.put(at, entry); placed {
				break
			}
		}
		if !placed {
			return false
		}
	}
	return true
}

func (t *pairTable) put(bucket, entry uint64) bool {
	for i, e := range t.buckets[bucket] {
		if e == math.MaxUint64 {
			t.buckets[bucket][i] = entry
			return true
		}
	}
	return false
}

// places returns the two buckets of a pair.
func (t *pairTable) places(pair uint64) (one, two uint64) {
	h := pair * hashA
	return h >> (t.shift & 63), (h ^ h>>32) * hashB >> (t.shift & 63)
}

// get returns what a pair makes, or none. What is left of an entry without the
// pair is what that makes if the entry is its, and larger if it is not.
func (t *pairTable) get(left, right symbol) symbol {
	pair := uint64(left)<<symbolBits | uint64(right)
	one, two := t.places(pair)
	mask := uint64(len(t.buckets) - 1)
	a, b := &t.buckets[one&mask], &t.buckets[two&mask]
	pair <<= symbolBits
	return symbol(min(a[0]^pair, a[1]^pair, b[0]^pair, b[1]^pair, uint64(none)))
}

// getFiltered is get, after a look at the filter.
func (t *pairTable) getFiltered(left, right symbol) symbol {
	i := (uint64(left)<<symbolBits | uint64(right)) * hashA >> (t.filterShift & 63)
	if t.filter[i/64]>>(i%64)&1 == 0 {
		return none
	}
	return t.get(left, right)
}
