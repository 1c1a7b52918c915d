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
	"math"
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/hugepage"
	"github.com/tallystick/tallystick/engine/tokenize/trie"
)

// Vocabulary is the tokens of a byte-pair encoding. It is safe for concurrent
// use.
type Vocabulary struct {
	halves []Halves // by symbol; of bytes none
	nodes  []trie.Node
	runs   runTable
	symbol []uint32 // by node, if one ends there
	prefix []uint32 // by symbol: the longest other one that it begins with, or none
	size   []uint16 // by symbol, in bytes
	pairs  pairTable

	// first and last are the bytes that a symbol begins and ends with. crossing is
	// by two bytes, as junction has them, the smallest symbol that is made of one
	// that ends with the first and one that begins with the second of them.
	first, last []byte
	crossing    []uint32

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
)

// New returns the vocabulary in which symbol First+i is made of halves[i], the
// smallest first, and each reached by merging its text; nil if tokens are very
// long, or halves are none of such a vocabulary. It takes 20 to 100 milliseconds for 50,000 to
// 200,000 symbols.
func New(halves []Halves) *Vocabulary {
	v := &Vocabulary{halves: append(make([]Halves, First, First+len(halves)), halves...)}
	all, ok := v.measure()
	if !ok || !v.spell(all) {
		return nil
	}
	v.crossing = slices.Repeat([]uint32{none}, 1<<16)
	for i := len(halves) - 1; i >= 0; i-- {
		v.crossing[v.junction(halves[i].Left, halves[i].Right)] = uint32(First + i)
	}
	v.pairs = newPairTable(halves)
	return v
}

// junction returns the index in crossing of what two symbols make.
func (v *Vocabulary) junction(left, right uint32) int {
	return int(v.last[left])<<8 | int(v.first[right])
}

// measure sets the sizes of all symbols, which have all bytes together, and which
// of them are made, or have a part that is made, of one after it.
func (v *Vocabulary) measure() (all int, ok bool) {
	n := len(v.halves)
	v.size, v.unordered = make([]uint16, n), make([]bool, n)
	for b := range First {
		v.size[b] = 1
	}
	begun := make([]bool, n) // one that is made of itself is never done
	var measure func(id uint32) bool
	measure = func(id uint32) bool {
		if int(id) >= n || v.size[id] == 0 && begun[id] {
			return false
		}
		if v.size[id] > 0 {
			return true
		}
		begun[id] = true
		h := v.halves[id]
		if !measure(h.Left) || !measure(h.Right) {
			return false
		}
		v.size[id] = v.size[h.Left] + v.size[h.Right]
		v.unordered[id] = max(h.Left, h.Right) > id || v.unordered[h.Left] || v.unordered[h.Right]
		all += int(v.size[id])
		return v.size[id] <= longest && all <= most
	}
	for id := range uint32(n) {
		if !measure(id) {
			return 0, false
		}
	}
	return all + First, true
}

// bySize returns all symbols, the shortest first.
func (v *Vocabulary) bySize() []uint32 {
	var end [longest + 2]int // of those of a size, by that and 1 more
	for _, size := range v.size {
		end[size+1]++
	}
	for i := range longest + 1 {
		end[i+1] += end[i]
	}
	order := make([]uint32, len(v.size))
	for id, size := range v.size {
		order[end[size]] = uint32(id)
		end[size]++
	}
	return order
}

// spell makes the trie of the texts of all symbols, which have all bytes together;
// false if two are the same.
func (v *Vocabulary) spell(all int) (ok bool) {
	n := len(v.size)
	v.prefix, v.first, v.last = make([]uint32, n), make([]byte, n), make([]byte, n)
	b := newBuilder(n, v.edges())
	text, begin := make([]byte, 0, all), make([]uint32, n)
	var batch [together]added
	waiting := batch[:0]
	for _, id := range v.bySize() {
		begin[id] = uint32(len(text))
		if id < First {
			v.prefix[id], v.first[id], v.last[id] = none, byte(id), byte(id)
			text = append(text, byte(id))
			continue
		}
		h := v.halves[id]
		v.first[id], v.last[id] = v.first[h.Left], v.last[h.Right]
		text = append(text, text[begin[h.Left]:][:v.size[h.Left]]...)
		right := text[begin[h.Right]:][:v.size[h.Right]]
		text = append(text, right...)
		if len(waiting) == together || len(waiting) > 0 && v.size[waiting[0].symbol] < v.size[id] {
			if !b.add(waiting, v.prefix) {
				return false
			}
			waiting = batch[:0]
		}
		waiting = append(waiting, added{id, h.Left, right})
	}
	if !b.add(waiting, v.prefix) {
		return false
	}
	t := b.states.Trie()
	v.nodes = hugepage.Make[trie.Node](len(t.Nodes))
	v.symbol = hugepage.Make[uint32](len(t.Nodes))
	copy(v.nodes, t.Nodes)
	copy(v.symbol, t.Values)
	runs := runMaker{nodes: v.nodes, heads: map[uint64]runHead{}}
	for id, size := range v.size {
		runs.add(text[begin[id]:][:size])
	}
	v.runs = runs.table()
	return true
}

// longest returns the longest symbol that a text begins with.
func (v *Vocabulary) longest(text []byte) uint32 {
	nodes := v.nodes
	state, best := uint32(0), uint32(0)
	base := nodes[0].Base()
	last := -1
	for i := 0; i < len(text); i++ {
		c := text[i]
		if int(c) == last && isRun(text[i:]) {
			if steps := v.runs.find(state, c); len(steps) > 0 {
				n := runLength(text[i:], len(steps))
				step := steps[n-1]
				if step.best != 0 {
					best = step.best
				}
				state, base = step.node, nodes[step.node].Base()
				i += n - 1
				continue
			}
		}
		last = int(c)
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
	return v.symbol[best]
}

// edges returns how many edges the trie has at most.
func (v *Vocabulary) edges() (n int) {
	for _, h := range v.halves[First:] {
		n += int(v.size[h.Right])
	}
	return n
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
	crossing := v.crossing[v.junction(left, right)]
	for crossing < limit {
		if v.pairs.makesBelow(left, right, limit) {
			return false
		}
		if max(left, right) < First {
			break
		}
		// Both are looked at, as no CPU can guess which is the later one.
		newLeft, newRight := v.halves[left].Right, v.halves[right].Left
		if limit = right + 1; left > right { // of equal merges the left one is made first
			limit = left
		}
		if left > right {
			newRight = right
		}
		if left <= right {
			newLeft = left
		}
		left, right = newLeft, newRight
	}
	return true
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
	h := v.halves[id]
	return v.appendBytes(v.appendBytes(row, h.Left), h.Right)
}
