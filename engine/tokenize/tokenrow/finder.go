package tokenrow

import (
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
)

// Finder finds rows, for one goroutine.
type Finder struct {
	vocabulary *Vocabulary
	frequent   frequent
	memo       [1 << memoBits]fit // of pairs that frequent does not know
	row        []uint32
	failed     []uint64 // bit i: no row goes on from place i
	patience   int      // pairs of symbols that may be looked at to merge tokens out of order
}

// fit is the longest symbol that right is or begins with, and that stays beside
// left; none if there is none.
type fit struct{ left, right, symbol uint32 }

const (
	memoBits = 16
	kept     = 1 << 16 // bytes of the longest text whose room outlives it
	// Merging two tokens takes the square of their length. It is paid for by the
	// bytes of the texts, of which some can wait for each other.
	patiencePerByte = 8
	mostPatience    = 1 << 17
)

// NewFinder returns a Finder.
func NewFinder(v *Vocabulary) *Finder {
	f := &Finder{vocabulary: v, frequent: newFrequent(len(v.size)), patience: mostPatience}
	f.known(0, 0).left = none // or two bytes of 0 would seem to be known
	return f
}

// fit returns the longest symbol that right is or begins with, and that stays
// beside left; none if there is none.
func (f *Finder) fit(left, right uint32) uint32 {
	hops := f.frequent.at(left, right)
	if hops == nil {
		return f.rareFit(left, right)
	}
	switch n := *hops; n {
	case 0:
		found := f.rareFit(left, right)
		*hops = f.hops(right, found)
		return found
	case noHops:
		return none
	default:
		for range n - 1 {
			right = f.vocabulary.prefix[right]
		}
		return right
	}
}

// hops returns what frequent remembers of a symbol and a prefix of it.
func (f *Finder) hops(symbol, prefix uint32) uint8 {
	if prefix == none {
		return noHops
	}
	n := uint8(1)
	for ; symbol != prefix; symbol = f.vocabulary.prefix[symbol] {
		if n++; n == noHops {
			return 0
		}
	}
	return n
}

// rareFit is fit by the pairs met last, of any symbols.
func (f *Finder) rareFit(left, right uint32) uint32 {
	if known := f.known(left, right); known.left == left && known.right == right {
		return known.symbol
	}
	v := f.vocabulary
	found := right
	for ; found != none; found = v.prefix[found] {
		if known := f.known(left, found); known.left == left && known.right == found {
			found = known.symbol
			break
		}
		if v.unordered[left] || v.unordered[found] {
			n := int(v.size[left]) + int(v.size[found])
			f.patience -= n * n
		}
		if v.stable(left, found) {
			break
		}
	}
	// All that are longer have been tried as well.
	for end := right; ; end = v.prefix[end] {
		*f.known(left, end) = fit{left, end, found}
		if end == found || v.prefix[end] == none {
			return found
		}
	}
}

// known returns where two symbols are remembered.
func (f *Finder) known(left, right uint32) *fit {
	return &f.memo[(uint64(left)<<32|uint64(right))*hashA>>(64-memoBits)]
}

// Find sets where the tokens of a text of a byte or more begin; it is not ok if
// the vocabulary is none that New is for, or has so many tokens out of order that
// merging is faster.
func (f *Finder) Find(t *pairtree.Tree, text []byte) (ok bool) {
	v := f.vocabulary
	f.failed = slices.Grow(f.failed[:0], len(text)/64+1)[:len(text)/64+1]
	clear(f.failed)
	f.patience = max(f.patience, min(f.patience+patiencePerByte*len(text), mostPatience))
	row := f.row[:0]
	for at := 0; at < len(text); {
		if f.patience < 0 {
			return false
		}
		id := f.next(row, at, v.longest(text[at:]))
		for id == none {
			f.failed[at/64] |= 1 << (at % 64)
			if len(row) == 0 {
				return false
			}
			last := row[len(row)-1]
			row = row[:len(row)-1]
			at -= int(v.size[last])
			id = f.next(row, at, v.prefix[last])
		}
		row, at = append(row, id), at+int(v.size[id])
	}
	begin := t.ResetRow(len(text))
	at := 0
	for _, id := range row {
		begin[at/64] |= 1 << (at % 64)
		at += int(v.size[id])
	}
	if f.row = row; len(text) > kept { // a strange text
		f.row, f.failed = nil, nil
	}
	return true
}

// next returns the longest symbol that id is or begins with, that stays beside the
// last one of a row, and behind which a row may go on; none if there is none.
func (f *Finder) next(row []uint32, at int, id uint32) uint32 {
	for id != none {
		if len(row) > 0 {
			if id = f.fit(row[len(row)-1], id); id == none {
				break
			}
		}
		if end := at + int(f.vocabulary.size[id]); f.failed[end/64]>>(end%64)&1 == 0 {
			break
		}
		id = f.vocabulary.prefix[id]
	}
	return id
}
