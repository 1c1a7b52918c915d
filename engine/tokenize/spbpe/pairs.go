package spbpe

import "math/bits"

// pairTable finds what two symbols make with two loads and no branch: a cuckoo
// table of buckets of two entries of 32 bits, a fingerprint of the pair above
// the symbol that it makes. Of the entries whose fingerprint fits, find returns
// the smallest symbol: never more than the true one, and wrong only rarely. Who
// is about to make a merge checks it (makes), and asks again exactly if it is
// wrong; so the order of merges is always the true one.
//
// A table of 250,000 merges has 2 MB.
type pairTable struct {
	buckets []uint64
	shift   uint8    // of the product of a hash, to a bucket
	idBits  uint8    // of an entry, below the fingerprint
	first   symbol   // that a merge makes: what halves[0] is of
	halves  []halves // what the symbols are made of
}

type halves struct{ left, right symbol }

const (
	hashA = 0x9E3779B97F4A7C15
	hashB = 0xC2B2AE3D27D4EB4F
)

// newPairTable makes a table of merges: the i-th makes first+i.
func newPairTable(first symbol, list []halves) pairTable {
	t := pairTable{first: first, halves: list, idBits: uint8(bits.Len(uint(int(first) + len(list))))}
	size := uint8(4)
	for 1<<size*17 < len(list)*10 { // 85 % of two entries a bucket
		size++
	}
	for ; !t.fill(size); size++ {
	}
	return t
}

// none is what find returns for a pair that has no merge: it, or more.
func (t *pairTable) none() symbol { return 1 << (t.idBits & 31) }

// fill builds the table of 2^size buckets; false if some entry finds no place.
func (t *pairTable) fill(size uint8) bool {
	t.shift = 64 - size
	t.buckets = make([]uint64, 1<<size)
	random := uint32(1)
	for i := range t.halves {
		h := t.halves[i]
		one, two, print := t.places(h.left, h.right)
		entry := print | t.first + symbol(i)
		if t.put(one, entry) || t.put(two, entry) {
			continue
		}
		// Push entries to their other bucket until one finds a free place.
		at, placed := one, false
		for range 500 {
			random = random*1664525 + 1013904223
			half := random >> 31 * 32
			evicted := uint32(t.buckets[at] >> half)
			t.buckets[at] = t.buckets[at]&^(0xFFFFFFFF<<half) | uint64(entry)<<half
			entry = evicted
			h := t.halves[entry&(t.none()-1)-t.first]
			one, two, _ := t.places(h.left, h.right)
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

func (t *pairTable) put(bucket uint64, entry uint32) bool {
	b := &t.buckets[bucket]
	switch {
	case uint32(*b) == 0:
		*b |= uint64(entry)
	case *b>>32 == 0:
		*b |= uint64(entry) << 32
	default:
		return false
	}
	return true
}

// places returns the two buckets of a pair, and its fingerprint (never 0) in
// the place that it has in an entry.
func (t *pairTable) places(left, right symbol) (one, two uint64, print uint32) {
	h := (uint64(left)<<32 | uint64(right)) * hashA
	g := (h ^ h>>32) * hashB
	print = (uint32(g)>>(t.idBits&31) | 1) << (t.idBits & 31)
	return h >> (t.shift & 63), g >> (t.shift & 63), print
}

// find returns a symbol that is at most the one that the pair makes, at least
// none if nothing fits.
func (t *pairTable) find(left, right symbol) symbol {
	one, two, print := t.places(left, right)
	mask := uint64(len(t.buckets) - 1)
	a, b := t.buckets[one&mask], t.buckets[two&mask]
	return min(min(uint32(a)^print, uint32(a>>32)^print), min(uint32(b)^print, uint32(b>>32)^print))
}

// exact returns the symbol that the pair makes, or none.
func (t *pairTable) exact(left, right symbol) symbol {
	one, two, print := t.places(left, right)
	for _, e := range [4]uint64{t.buckets[one], t.buckets[one] >> 32, t.buckets[two], t.buckets[two] >> 32} {
		if id := uint32(e) ^ print; id < t.none() && t.makes(id, left, right) {
			return id
		}
	}
	return t.none()
}

// makes tells whether the symbol is what the pair makes.
func (t *pairTable) makes(id, left, right symbol) bool {
	return id-t.first < uint32(len(t.halves)) && t.halves[id-t.first] == halves{left, right}
}
