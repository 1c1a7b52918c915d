package bpe

import (
	"math/bits"
	"unsafe"

	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// pairTable finds the merge of two symbols with two loads and no branch: a
// cuckoo table of buckets of two entries of 32 bits, a fingerprint of the pair
// above the symbol that it makes. Of the entries whose fingerprint fits, find
// returns the smallest symbol: never more than the true one, and wrong only
// rarely. Who is about to make a merge checks it against the halves, and asks
// again exactly if it is wrong; so the order of merges is always the true one.
//
// A table of 200,000 merges has 1 MB.
type pairTable struct {
	buckets []uint64
	shift   uint8 // of a hash, to a bucket
	idBits  uint8 // of an entry, below the fingerprint
	halves  []halves
}

const (
	hashA = 0x9E3779B97F4A7C15
	hashB = 0xC2B2AE3D27D4EB4F
	// maxSymbols keeps a symbol with the place of a pair in 32 bits.
	maxSymbols = 1<<25 - 1
)

// none is what find returns for a pair that has no merge: it, or more.
func (t *pairTable) none() symbol { return 1 << (t.idBits & 31) }

func newPairTable(list []halves) *pairTable {
	t := emptyPairTable(list)
	t.buckets = pairmerge.Buckets(laneHalves(list), firstMerged, t.idBits)
	t.shift = uint8(33 - bits.Len(uint(len(t.buckets))))
	return t
}

// laneHalves is list: both are two numbers of 32 bits, left and right.
func laneHalves(list []halves) []pairmerge.Halves {
	return unsafe.Slice((*pairmerge.Halves)(unsafe.Pointer(unsafe.SliceData(list))), len(list))
}

func emptyPairTable(list []halves) *pairTable {
	return &pairTable{halves: list, idBits: uint8(bits.Len(uint(int(firstMerged) + len(list))))}
}

// pairTableOf is the table of these merges with these buckets, if they can be
// those of one: merging in lanes trusts the symbols in them.
func pairTableOf(buckets []uint64, list []halves) (t *pairTable, ok bool) {
	size := uint8(bits.Len(uint(len(buckets)))) - 1
	t = emptyPairTable(list)
	t.shift, t.buckets = 32-size, buckets
	for _, b := range buckets {
		for _, entry := range [2]uint32{uint32(b), uint32(b >> 32)} {
			if id := entry & (t.none() - 1); entry != 0 && (id < firstMerged || id-firstMerged >= uint32(len(list))) {
				return nil, false
			}
		}
	}
	return t, len(buckets) > 1 && 1<<size == len(buckets)
}

// places returns the two buckets of a pair, and its fingerprint (never 0) in
// the place that it has in an entry.
func (t *pairTable) places(left, right symbol) (one, two uint64, print uint32) {
	h, g, print := pairmerge.Hash(left, right)
	print = print<<(t.idBits&31) | 1<<(t.idBits&31)
	return uint64(h >> (t.shift & 31)), uint64(g >> (t.shift & 31)), print
}

// find returns a symbol that is at most the one that the pair makes, at least
// none if nothing fits.
func (t *pairTable) find(left, right symbol) symbol {
	one, two, print := t.places(left, right)
	mask := uint64(len(t.buckets) - 1)
	a, b := t.buckets[one&mask], t.buckets[two&mask]
	return min(min(uint32(a)^print, uint32(a>>32)^print), min(uint32(b)^print, uint32(b>>32)^print))
}

// exact returns the symbol that the pair makes, or dead.
func (t *pairTable) exact(left, right symbol) symbol {
	one, two, print := t.places(left, right)
	for _, e := range [4]uint64{t.buckets[one], t.buckets[one] >> 32, t.buckets[two], t.buckets[two] >> 32} {
		if id := uint32(e) ^ print; id < t.none() && t.makes(id, left, right) {
			return id
		}
	}
	return dead
}

// makes reports whether the symbol is what the pair makes.
func (t *pairTable) makes(id, left, right symbol) bool {
	return id-firstMerged < uint32(len(t.halves)) && t.halves[id-firstMerged] == halves{left, right}
}
