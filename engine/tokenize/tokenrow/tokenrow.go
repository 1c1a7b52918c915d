// Package tokenrow finds what byte-pair encoding makes of a text without merging
// it.
//
// That is the one row of tokens in which every two neighbours are what the two of
// them alone merge to. It is looked for from the left: at each place the longest
// token is tried, then shorter ones, and where none stays beside the one before
// it, that one gives way to a shorter one. As there is only one row for the text
// up to a place, a place where it has failed once is never tried again, so that
// the time is linear (github/rust-gems, crate bpe, "backtracking encoder").
package tokenrow

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/hugepage"
	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
	"github.com/tallystick/tallystick/engine/tokenize/trie"
)

// Vocabulary is the tokens of a byte-pair encoding. It is safe for concurrent
// use.
type Vocabulary struct {
	halves  []Halves
	nodes   []trie.Node
	symbols []uint32 // by node
	prefix  []uint32 // by symbol: the longest other one that it begins with, or none
	size    []uint16 // by symbol, in bytes
	pairs   pairTable

	unordered []bool // by symbol: the merges that make it are not in order
}

// Halves is what a symbol is made of.
type Halves struct{ Left, Right uint32 }

const (
	// First is the smallest symbol that is made of two; those below are bytes.
	First = 256

	none    = math.MaxUint32
	longest = 1 << 12 // bytes of a token
	most    = 1 << 22 // bytes of all: thrice GPT-4o's; the trie has a state for most of them
	kept    = 1 << 16 // bytes of the longest text whose room outlives it
)

// New returns the vocabulary in which symbol First+i is made of halves[i], the
// smallest first, and each reached by merging its text; nil if tokens are very
// long, or halves are none of such a vocabulary. It takes 25 to 140 milliseconds for 50,000 to
// 200,000 symbols.
func New(halves []Halves) *Vocabulary {
	texts, unordered, ok := spell(halves)
	if !ok {
		return nil
	}
	v := &Vocabulary{halves: halves, unordered: unordered, prefix: make([]uint32, len(texts)), size: make([]uint16, len(texts))}
	order, keys := sorted(texts)
	for i, key := range keys {
		v.size[order[i]] = uint16(len(key))
		if i > 0 && key == keys[i-1] {
			return nil
		}
	}
	t := trie.New(keys)
	v.nodes = hugepage.Make[trie.Node](len(t.Nodes))
	v.symbols = hugepage.Make[uint32](len(t.Nodes))
	copy(v.nodes, t.Nodes)
	for i, n := range t.Nodes {
		if n.Ends() {
			v.symbols[i] = order[t.Values[i]]
		}
	}
	for id, text := range texts {
		v.prefix[id] = none
		if len(text) > 1 {
			v.prefix[id] = v.longest([]byte(text[:len(text)-1]))
		}
	}
	v.pairs = newPairTable(halves)
	return v
}

// spell returns the texts of all symbols, and which of them are made, or have a
// part that is made, of one after it.
func spell(halves []Halves) (texts []string, unordered []bool, ok bool) {
	texts, unordered = make([]string, First+len(halves)), make([]bool, First+len(halves))
	for b := range First {
		texts[b] = string([]byte{byte(b)})
	}
	begun := make([]bool, len(texts)) // one that is made of itself is never done
	all := 0
	var spell func(id uint32) bool
	spell = func(id uint32) bool {
		if int(id) >= len(texts) || texts[id] == "" && begun[id] {
			return false
		}
		if texts[id] != "" {
			return true
		}
		begun[id] = true
		h := halves[id-First]
		if !spell(h.Left) || !spell(h.Right) {
			return false
		}
		texts[id] = texts[h.Left] + texts[h.Right]
		unordered[id] = max(h.Left, h.Right) > id || unordered[h.Left] || unordered[h.Right]
		all += len(texts[id])
		return len(texts[id]) <= longest && all <= most
	}
	for id := range texts {
		if !spell(uint32(id)) {
			return nil, nil, false
		}
	}
	return texts, unordered, true
}

// sorted returns the numbers of texts in their order, and the texts.
func sorted(texts []string) (order []uint32, keys []string) {
	type entry struct {
		head uint64 // the first bytes, which mostly tell
		id   uint32
	}
	const digit = 16 // bits of the head by which the texts are dealt out before the rest is sorted
	heads := make([]uint64, len(texts))
	ends := make([]int, 1<<digit+1) // of the texts of a digit, by that and 1 more
	for i, text := range texts {
		var head [8]byte
		copy(head[:], text)
		heads[i] = binary.BigEndian.Uint64(head[:])
		ends[heads[i]>>(64-digit)+1]++
	}
	for i := range 1 << digit {
		ends[i+1] += ends[i]
	}
	entries := make([]entry, len(texts))
	for i, head := range heads {
		end := &ends[head>>(64-digit)]
		entries[*end] = entry{head, uint32(i)}
		*end++
	}
	begin := 0
	for _, end := range ends[:1<<digit] {
		slices.SortFunc(entries[begin:end], func(a, b entry) int {
			if a.head != b.head {
				return cmp.Compare(a.head, b.head)
			}
			return cmp.Compare(texts[a.id], texts[b.id])
		})
		begin = end
	}
	order, keys = make([]uint32, len(texts)), make([]string, len(texts))
	for i, e := range entries {
		order[i], keys[i] = e.id, texts[e.id]
	}
	return order, keys
}

// longest returns the longest token that a text begins with.
func (v *Vocabulary) longest(text []byte) uint32 {
	nodes := v.nodes
	state, best := uint32(0), uint32(0)
	base := nodes[0].Base()
	for _, c := range text {
		next := base ^ uint32(c)
		node := nodes[next]
		if node.Parent() != state {
			break
		}
		state, base = next, node.Base()
		if node.Ends() {
			best = next
		}
	}
	return v.symbols[best]
}

// stable tells whether two tokens side by side stay two. Undoing the merges of
// both, the later first, goes through all the symbols that were side by side at
// their junction; none of these pairs may make a symbol before one of the two is
// merged into a larger one.
func (v *Vocabulary) stable(left, right uint32) bool {
	if v.unordered[left] || v.unordered[right] {
		return slices.Equal(v.merged(left, right), []uint32{left, right})
	}
	limit := uint32(none) // the merges before this one have been made at the time looked at
	for {
		if v.pairs.makesBelow(left, right, limit) {
			return false
		}
		switch {
		case left > right && left >= First:
			limit, left = left, v.halves[left-First].Right
		case right >= First:
			limit, right = right+1, v.halves[right-First].Left // of equal merges the left one is made first
		default:
			return true
		}
	}
}

// merged merges the bytes of two tokens side by side.
func (v *Vocabulary) merged(left, right uint32) []uint32 {
	row := v.appendBytes(v.appendBytes(nil, left), right)
	for {
		best, at := uint32(none), 0
		for i := 1; i < len(row); i++ {
			if id := v.pairs.makes(row[i-1], row[i]); id < best {
				best, at = id, i
			}
		}
		if best == none {
			return row
		}
		row[at-1] = best
		row = slices.Delete(row, at, at+1)
	}
}

func (v *Vocabulary) appendBytes(row []uint32, id uint32) []uint32 {
	if id < First {
		return append(row, id)
	}
	h := v.halves[id-First]
	return v.appendBytes(v.appendBytes(row, h.Left), h.Right)
}

// Finder finds rows, for one goroutine.
type Finder struct {
	vocabulary *Vocabulary
	memo       [1 << memoBits]uint64 // pairs, above whether they are stable
	row        []uint32
	failed     []uint64 // bit i: no row goes on from place i
	patience   int      // pairs of symbols that may be looked at to merge tokens out of order
}

const (
	memoBits = 16
	// Merging two tokens takes the square of their length. It is paid for by the
	// bytes of the texts, of which some can wait for each other.
	patiencePerByte = 8
	mostPatience    = 1 << 17
)

// NewFinder returns a Finder.
func NewFinder(v *Vocabulary) *Finder { return &Finder{vocabulary: v, patience: mostPatience} }

// stable is Vocabulary.stable of two tokens of which one may be known.
func (f *Finder) stable(left, right uint32) bool {
	key := uint64(left+1)<<32 | uint64(right)<<1
	known := &f.memo[key*hashA>>(64-memoBits)]
	if *known&^1 != key {
		*known = key
		if v := f.vocabulary; v.unordered[left] || v.unordered[right] {
			n := int(v.size[left]) + int(v.size[right])
			f.patience -= n * n
		}
		if f.vocabulary.stable(left, right) {
			*known |= 1
		}
	}
	return *known&1 != 0
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
		id := v.longest(text[at:])
		for {
			end := at + int(v.size[id])
			if f.failed[end/64]>>(end%64)&1 == 0 && (len(row) == 0 || f.stable(row[len(row)-1], id)) {
				row, at = append(row, id), end
				break
			}
			id = v.prefix[id]
			for id == none {
				f.failed[at/64] |= 1 << (at % 64)
				if len(row) == 0 {
					return false
				}
				last := row[len(row)-1]
				row = row[:len(row)-1]
				at -= int(v.size[last])
				id = v.prefix[last]
			}
		}
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
