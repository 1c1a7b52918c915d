package tokenrow

import (
	"encoding/binary"
	"math/bits"

	"github.com/tallystick/tallystick/engine/tokenize/trie"
)

// runTable has the ways through a trie along equal bytes, as in rules and
// indentations: they are so long there, and walked so often, that a step for each
// byte takes most of the time.
type runTable struct {
	heads []runHead // linear probing, at most half full
	shift uint8     // of a hash, to a head
	steps []runStep
}

// runHead is the longest way along one byte from a node that this byte leads to,
// and another one before it: the walk asks about runs only where two bytes are equal.
type runHead struct {
	key         uint64 // node and byte, and 1 above them; 0 where it is free
	from, steps uint32 // in the table's steps, leastRun or more
}

// runStep is where some bytes of a run lead to, and the last node before or at it
// where a symbol ends, 0 if there is none.
type runStep struct{ node, best uint32 }

const leastRun = 8

// isRun tells whether a text begins with leastRun equal bytes.
func isRun(text []byte) bool {
	if len(text) < leastRun {
		return false
	}
	x := binary.LittleEndian.Uint64(text)
	return x == bits.RotateLeft64(x, 8)
}

// runLength returns how many bytes that are its first one a text begins with, at
// most limit.
func runLength(text []byte, limit int) (n int) {
	text = text[:min(len(text), limit)]
	same := uint64(text[0]) * 0x0101010101010101
	for ; len(text)-n >= 8; n += 8 {
		if differ := binary.LittleEndian.Uint64(text[n:]) ^ same; differ != 0 {
			return n + bits.TrailingZeros64(differ)/8
		}
	}
	for n < len(text) && text[n] == text[0] {
		n++
	}
	return n
}

// runMaker collects the runs of symbols.
type runMaker struct {
	nodes []trie.Node
	heads map[uint64]runHead
	steps []runStep
}

func runKey(node uint32, c byte) uint64 { return 1<<40 | uint64(node)<<8 | uint64(c) }

// add adds the runs of the text of a symbol.
func (m *runMaker) add(text []byte) {
	if !hasRun(text) {
		return
	}
	node := uint32(0)
	for i, c := range text {
		if key := runKey(node, c); i > 0 && text[i-1] == c && (i == 1 || text[i-2] != c) && isRun(text[i:]) && m.heads[key].key == 0 {
			head := runHead{key: key, from: uint32(len(m.steps))}
			at, best := node, uint32(0)
			for {
				next := m.nodes[at].Base() ^ uint32(c)
				if m.nodes[next].Parent() != at {
					break
				}
				if at = next; m.nodes[at].Ends() {
					best = at
				}
				m.steps = append(m.steps, runStep{at, best})
			}
			head.steps = uint32(len(m.steps)) - head.from
			m.heads[key] = head
		}
		node = m.nodes[node].Base() ^ uint32(c)
	}
}

// hasRun tells whether a text has leastRun equal bytes side by side.
func hasRun(text []byte) bool {
	for i := 0; i+leastRun <= len(text); i++ {
		if isRun(text[i:]) {
			return true
		}
	}
	return false
}

func (m *runMaker) table() runTable {
	size := max(4, bits.Len(uint(2*len(m.heads))))
	t := runTable{heads: make([]runHead, 1<<size), shift: uint8(64 - size), steps: m.steps}
	for _, head := range m.heads {
		*t.at(head.key) = head
	}
	return t
}

// at returns the head of a key, free if it has none.
func (t *runTable) at(key uint64) *runHead {
	for i := key * hashA >> (t.shift & 63); ; i++ {
		if h := &t.heads[i&uint64(len(t.heads)-1)]; h.key == key || h.key == 0 {
			return h
		}
	}
}

// find returns the steps from a node along a byte, none if the node is no head.
func (t *runTable) find(node uint32, c byte) []runStep {
	h := t.at(runKey(node, c))
	return t.steps[h.from:][:h.steps]
}
