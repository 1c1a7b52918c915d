package shingleset

import "math/bits"

// A parity bitmap of a set has bit i set when an odd number of its elements x
// have x mod size = i. Elements common to two sets cancel in the XOR of their
// bitmaps, so the XOR has at most |A Δ B| bits set and
//
//	|A ∩ B| ≤ (|A| + |B| − distance) / 2:
//
// a bound that is cheap and never wrong. (Sandes, Teodoro, Melo: "Bitmap
// filter: speeding up exact set similarity joins", 2020, with parity for
// "bitmap-xor".) Sizes are powers of two, so the larger of two bitmaps folds
// to the smaller one's size by XOR of its parts.

// minParityWords is the smallest bitmap, 1,024 bits, in words of 64.
const minParityWords = 16

// parityWords returns the words of the bitmap of a set of n elements: the
// smallest power of two that has n bits, at least minParityWords.
func parityWords(n int) int {
	words := minParityWords
	for words*64 < n {
		words *= 2
	}
	return words
}

// ParityBytes is the memory of the bitmap of a set of n shingles.
func ParityBytes(n int) int64 { return 8 * int64(parityWords(n)) }

// addParity adds the elements of set to bitmap, whose length is a power of two. Adding
// one twice takes it away.
func addParity(bitmap []uint64, set []uint64) {
	mask := uint64(len(bitmap)*64 - 1)
	for _, x := range set {
		x &= mask
		bitmap[x/64] ^= 1 << (x % 64)
	}
}

// ParityDistance returns the Hamming distance of two bitmaps at the smaller
// one's size.
func ParityDistance(a, b []uint64) int {
	if len(a) < len(b) {
		a, b = b, a
	}
	distance := 0
	if len(a) == len(b) {
		for i, w := range b {
			distance += bits.OnesCount64(w ^ a[i])
		}
		return distance
	}
	for i, w := range b {
		for j := i; j < len(a); j += len(b) {
			w ^= a[j]
		}
		distance += bits.OnesCount64(w)
	}
	return distance
}
