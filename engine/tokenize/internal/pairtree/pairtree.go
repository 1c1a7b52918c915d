// Package pairtree is a row of symbols on its way to be merged, as byte-pair
// encoding does, with a tree that finds the pair to be merged next: of n symbols
// in about log n steps.
package pairtree

import (
	"math"
	"math/bits"
)

// Tree is a row of symbols with what its pairs make. Symbols go by the place
// where they begin, which stays theirs. It is for one goroutine; its zero value
// is ready for Reset.
type Tree struct {
	symbols []uint32
	levels  [][]uint64 // levels[0]: what a pair makes <<32 | its place; each further one the least of eight
	begin   []uint64   // bit i: a symbol begins at i
}

// ResetRow makes the row one of n places without symbols, and returns a bit for
// each, to be set where one begins: then Count and Next tell of these.
func (t *Tree) ResetRow(n int) (begin []uint64) {
	t.begin = resize(t.begin, n/64+1)
	clear(t.begin)
	return t.begin
}

// noPair is larger than all pairs.
const noPair = math.MaxUint64

// Reset makes the row one of n symbols, 1 or more, and returns those for the
// caller to fill. The pairs are to be set by SetFirst, each of them, and then
// Build is to be called.
func (t *Tree) Reset(n int) (symbols []uint32) {
	t.symbols = resize(t.symbols, n)
	t.begin = resize(t.begin, n/64+1)
	for i := range t.begin {
		t.begin[i] = math.MaxUint64
	}
	t.begin[n/64] = 1<<(n%64) - 1
	if len(t.levels) == 0 {
		t.levels = make([][]uint64, 1)
	}
	pairs := resize(t.levels[0], (n+7)&^7)
	for i := n - 1; i < len(pairs); i++ {
		pairs[i] = noPair
	}
	t.levels[0] = pairs
	return t.symbols
}

// SetFirst sets what the symbols at a place and the next make, before Build.
func (t *Tree) SetFirst(place int, made uint32) {
	t.levels[0][place] = uint64(made)<<32 | uint64(place)
}

// Build finds the least of all pairs.
func (t *Tree) Build() {
	t.levels = t.levels[:1]
	for level := 0; len(t.levels[level]) > 8; level++ {
		below := t.levels[level]
		t.levels = resize(t.levels, level+2)
		here := resize(t.levels[level+1], (len(below)/8+7)&^7)
		for i := range len(below) / 8 {
			here[i] = least(below, i)
		}
		for i := len(below) / 8; i < len(here); i++ {
			here[i] = noPair
		}
		t.levels[level+1] = here
	}
}

// resize returns s with n elements, whatever they are.
func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}

// Least returns the smallest that a pair makes and the place of the leftmost
// such pair. It is MaxUint32 where there is one symbol.
func (t *Tree) Least() (made uint32, place int) {
	best := uint64(noPair)
	for _, v := range t.levels[len(t.levels)-1] {
		best = min(best, v)
	}
	return uint32(best >> 32), int(uint32(best))
}

// Pair is the places of two symbols and of those around them: Before is -1, and
// After Len or more, where there is none.
type Pair struct{ Before, At, Next, After int }

// PairAt returns the places of the symbol at a place, the one behind it, which
// there is, and their neighbours.
func (t *Tree) PairAt(place int) Pair {
	p := Pair{Before: t.previous(place), At: place, Next: t.Next(place + 1)}
	p.After = t.Next(p.Next + 1)
	return p
}

// Len returns the number of symbols before any merge, Symbol the one that
// begins at a place.
func (t *Tree) Len() int                { return len(t.symbols) }
func (t *Tree) Symbol(place int) uint32 { return t.symbols[place] }

// Cap returns how many symbols there is room for.
func (t *Tree) Cap() int { return max(cap(t.symbols), 64*cap(t.begin)) }

// Set sets what the symbols at a place and the next make.
func (t *Tree) Set(place int, made uint32) {
	t.levels[0][place] = uint64(made)<<32 | uint64(place)
	t.renew(place)
}

// Merge makes one symbol of two, and sets what that makes with the one before
// it, if there is one, and the one after it, or MaxUint32.
func (t *Tree) Merge(p Pair, symbol, withBefore, withAfter uint32) {
	t.symbols[p.At] = symbol
	t.begin[p.Next/64] &^= 1 << (p.Next % 64)
	pairs := t.levels[0]
	pairs[p.Next] = noPair
	pairs[p.At] = uint64(withAfter)<<32 | uint64(p.At)
	if p.Before >= 0 {
		pairs[p.Before] = uint64(withBefore)<<32 | uint64(p.Before)
		if p.Before/8 != p.At/8 {
			t.renew(p.Before)
		}
	}
	t.renew(p.At)
	if p.Next/8 != p.At/8 {
		t.renew(p.Next)
	}
}

// renew finds the least of the pairs around a place anew.
func (t *Tree) renew(place int) {
	for level := range len(t.levels) - 1 {
		v := least(t.levels[level], place/8)
		place /= 8
		if t.levels[level+1][place] == v {
			return
		}
		t.levels[level+1][place] = v
	}
}

// least returns the smallest of the i-th eight of a level.
func least(level []uint64, i int) uint64 {
	p := (*[8]uint64)(level[i*8:])
	return min(min(min(p[0], p[1]), min(p[2], p[3])), min(min(p[4], p[5]), min(p[6], p[7])))
}

// Count counts the symbols that begin before a place.
func (t *Tree) Count(place int) (n int) {
	for _, word := range t.begin[:place/64] {
		n += bits.OnesCount64(word)
	}
	if place%64 != 0 {
		n += bits.OnesCount64(t.begin[place/64] & (1<<(place%64) - 1))
	}
	return n
}

// Next returns where the first symbol at place or after it begins, or a place
// past the end.
func (t *Tree) Next(place int) int {
	i := place / 64
	if i >= len(t.begin) {
		return math.MaxInt - 1
	}
	word := t.begin[i] >> (place % 64) << (place % 64)
	for word == 0 {
		if i++; i == len(t.begin) {
			return math.MaxInt - 1
		}
		word = t.begin[i]
	}
	return i*64 + bits.TrailingZeros64(word)
}

// previous returns where the last symbol before place begins, or -1.
func (t *Tree) previous(place int) int {
	i := place / 64
	word := t.begin[i] & (1<<(place%64) - 1)
	for word == 0 {
		if i--; i < 0 {
			return -1
		}
		word = t.begin[i]
	}
	return i*64 + 63 - bits.LeadingZeros64(word)
}
