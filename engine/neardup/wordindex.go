package neardup

import (
	"math/bits"
	"slices"
)

// wordIndex finds, of outlines of one word, those that can differ from another word
// in few bits only: where fewer bits differ than a word is cut into pieces, one piece
// is the same in both.
type wordIndex struct {
	pieces int      // equal ones, of 64 bits together
	shift  int      // of a hash, that leaves a slot
	starts []uint32 // by slot, into items; those of a slot end where the next one begins
	items  []uint32 // numbers of words
}

// indexPieces are the numbers of pieces that words are cut into for an index each. Of
// more pieces too many are the same: most are empty.
var indexPieces = [...]int{1, 2}

// newWordIndex indexes words, of which there are fewer than 2³².
func newWordIndex(pieces int, words []word) wordIndex {
	slots := 4 * len(words) * pieces
	x := wordIndex{pieces: pieces, shift: 64 - bits.Len(uint(slots))}
	x.starts = make([]uint32, 1<<(64-x.shift)+1)
	x.items = make([]uint32, len(words)*pieces)
	for _, w := range words {
		for p := range pieces {
			x.starts[x.slot(w.bits, p)+1]++
		}
	}
	for i := 1; i < len(x.starts); i++ {
		x.starts[i] += x.starts[i-1]
	}
	next := slices.Clone(x.starts)
	for i, w := range words {
		for p := range pieces {
			at := &next[x.slot(w.bits, p)]
			x.items[*at] = uint32(i)
			*at++
		}
	}
	return x
}

// slot is where the words are that have the same piece p, and a few others.
func (x *wordIndex) slot(w uint64, p int) uint64 {
	width := 64 / x.pieces
	piece := w >> (p * width) & (1<<width - 1)
	return (piece<<2 | uint64(p)) * 0x9e3779b97f4a7c15 >> x.shift
}

// sharing returns the numbers of the words that may have piece p of w.
func (x *wordIndex) sharing(w uint64, p int) []uint32 {
	slot := x.slot(w, p)
	return x.items[x.starts[slot]:x.starts[slot+1]]
}
