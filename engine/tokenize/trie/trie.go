// Package trie finds the strings of a vocabulary that a text begins with. It is
// a double array (Aoe, An Efficient Digital Search Algorithm by Using a
// Double-Array Structure, 1989) with exclusive-or in the place of the sum, as
// darts-clone has it: one load for every byte of the text.
package trie

import "math/bits"

// Trie maps byte strings to numbers. It is safe for concurrent use once built.
type Trie struct {
	// Nodes[s] is state s; the root is 0. Its child by byte c is the state
	// s.Base()^c, if s is the parent of that.
	Nodes []Node
	// Values[s] is the number of the string that ends at state s, if one does.
	Values []uint32
}

// Node is a state.
type Node struct {
	base   uint32 // of the children; the highest bit tells that a string ends here
	parent uint32
}

const (
	ending   = 1 << 31
	noParent = 1<<32 - 1 // of the root, and of what is no node
)

// Ends tells whether a string ends here.
func (n Node) Ends() bool { return n.base&ending != 0 }

// Base is what the children of this state are counted from.
func (n Node) Base() uint32 { return n.base &^ ending }

// Parent is the state that this one is a child of.
func (n Node) Parent() uint32 { return n.parent }

// Next returns the state that byte c leads to; ok is false if there is none.
func (t *Trie) Next(state uint32, c byte) (next uint32, ok bool) {
	next = t.Nodes[state].base&^ending ^ uint32(c)
	return next, t.Nodes[next].parent == state
}

// Longest returns the length of the longest string that text begins with, 0 if
// there is none.
func (t *Trie) Longest(text []byte) (n int) {
	nodes := t.Nodes
	state := uint32(0)
	base := nodes[0].base
	for i, c := range text {
		next := base&^ending ^ uint32(c)
		node := nodes[next]
		if node.parent != state {
			break
		}
		state, base = next, node.base
		if base&ending != 0 {
			n = i + 1
		}
	}
	return n
}

// Depths returns the states by their depth: the root, then its children and so
// on.
func (t *Trie) Depths() (states [][]uint32) {
	depths := make([]uint32, len(t.Nodes)) // plus 1, 0 for those not known yet
	depths[0] = 1
	var path []uint32
	for state := range t.Nodes {
		if state > 0 && t.Nodes[state].parent == noParent {
			continue
		}
		at := uint32(state)
		for ; depths[at] == 0; at = t.Nodes[at].parent {
			path = append(path, at)
		}
		depth := depths[at]
		for i := len(path) - 1; i >= 0; i-- {
			depth++
			depths[path[i]] = depth
		}
		path = path[:0]
		for int(depth) > len(states) {
			states = append(states, nil)
		}
		states[depth-1] = append(states[depth-1], uint32(state))
	}
	return states
}

// New returns the trie of keys, which are sorted, different and not empty; the
// string keys[i] has the number i.
func New(keys []string) *Trie {
	b := &builder{t: &Trie{}, keys: keys}
	b.grow()
	b.take(0, noParent)
	if len(keys) > 0 {
		b.add(0, 0, len(keys), 0)
	}
	return b.t
}

const blockSize = 256 // nodes that one base reaches

type builder struct {
	t     *Trie
	keys  []string
	free  [][blockSize / 64]uint64 // by block
	first int                      // block before which none is looked at
}

// lookBack is how many blocks are searched for room before there is a new one.
const lookBack = 24

func (b *builder) grow() {
	b.free = append(b.free, [blockSize / 64]uint64{1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1})
	for range blockSize {
		b.t.Nodes = append(b.t.Nodes, Node{parent: noParent})
		b.t.Values = append(b.t.Values, 0)
	}
}

func (b *builder) isFree(at uint32) bool {
	return b.free[at/blockSize][at%blockSize/64]>>(at%64)&1 != 0
}

func (b *builder) take(at, parent uint32) {
	b.free[at/blockSize][at%blockSize/64] &^= 1 << (at % 64)
	b.t.Nodes[at].parent = parent
}

// add makes the children of a state that keys[from:to] lead to, which share
// their first depth bytes. It calls itself but for the last child: a key of many
// megabytes would need more stack than there is.
func (b *builder) add(state uint32, from, to, depth int) {
	for {
		if len(b.keys[from]) == depth {
			b.t.Nodes[state].base |= ending
			b.t.Values[state] = uint32(from)
			if from++; from == to {
				return
			}
		}
		var labels []byte
		for i := from; i < to; i++ {
			if c := b.keys[i][depth]; len(labels) == 0 || labels[len(labels)-1] != c {
				labels = append(labels, c)
			}
		}
		base := b.place(labels)
		b.t.Nodes[state].base |= base
		for _, c := range labels {
			b.take(base^uint32(c), state)
		}
		depth++
		last := len(labels) - 1
		for _, c := range labels[:last] {
			end := from
			for b.keys[end][depth-1] == c {
				end++
			}
			b.add(base^uint32(c), from, end, depth)
			from = end
		}
		state = base ^ uint32(labels[last])
	}
}

// place returns a base from which all labels lead to free nodes.
func (b *builder) place(labels []byte) uint32 {
	for b.first < len(b.free) && b.free[b.first] == [blockSize / 64]uint64{} {
		b.first++
	}
	b.first = max(b.first, len(b.free)-lookBack)
	for block := b.first; block < len(b.free); block++ {
		for word, free := range b.free[block] {
			for ; free != 0; free &= free - 1 {
				at := uint32(block*blockSize + word*64 + bits.TrailingZeros64(free))
				if base := at ^ uint32(labels[0]); b.fits(base, labels[1:]) {
					return base
				}
			}
		}
	}
	b.grow()
	return uint32(len(b.free)-1) * blockSize
}

func (b *builder) fits(base uint32, labels []byte) bool {
	for _, c := range labels {
		if !b.isFree(base ^ uint32(c)) {
			return false
		}
	}
	return true
}
