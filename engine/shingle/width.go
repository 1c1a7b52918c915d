package shingle

import "github.com/tallystick/tallystick/engine/plan"

// maxWidth is the most words that a shingle can have.
const maxWidth = plan.MaxShingleWords

// newHasherOf returns a hasher for shingles of width words, 1 to maxWidth: rule
// w1-v1, w2-v1 and so on. That of Width words is NewHasher's; only it is fast.
func newHasherOf(seed uint64, width int) *Hasher {
	if width < 1 || width > maxWidth {
		panic("shingle: no such width")
	}
	h := NewHasher(seed)
	h.width = width
	return h
}

// wide stores in shingles[i] the hash of the window of width words that starts
// at word i.
func wide(shingles, words []uint64, width int) {
	for i := range shingles {
		shingles[i] = fold(words[i : i+width])
	}
}

// fold is the hash of the words of a shingle where the rule has another width
// than 5: x starts as their number and takes in each hash w in order,
//
//	x = (x ^ w) · 0x9e3779b97f4a7c15,  x = x ^ x >> 32
//
// modulo 2⁶⁴. Each step is a bijection of x and of w, so that neither the order
// nor the repetition of words goes unnoticed at any width.
func fold(words []uint64) uint64 {
	x := uint64(len(words))
	for _, w := range words {
		x = (x ^ w) * 0x9e3779b97f4a7c15
		x ^= x >> 32
	}
	return x
}
