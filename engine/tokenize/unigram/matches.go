package unigram

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/trie"
)

// matcher finds the pieces of the vocabulary that end at every place of a text,
// in one pass over it: the automaton of Aho and Corasick (Efficient String
// Matching, 1975) over the trie of all pieces.
type matcher struct {
	nodes []node
	ends  []ending // ends[0] is none
	// unknown is the number in ends of the piece of the unknown token, 0 if there
	// is none.
	unknown uint32
}

// node is a state: all that the text so far may still become a piece with.
type node struct {
	trie.Node
	fail uint32 // the state of the longest true suffix that is one
	end  uint32 // the longest piece that ends here, a number in matcher.ends, perhaps with plainEnd
}

// ending is a piece that ends at a place.
type ending struct {
	score float64
	size  uint32 // bytes
	next  uint32 // the next shorter piece that ends with this one
}

// plainEnd is set in node.end where the shortest piece that ends there is of one
// character and none is the unknown token, if the vocabulary has no score above 0.
const plainEnd = 1 << 31

// newMatcher makes the automaton of entries, which are sorted. Unknown is the id
// of the unknown token.
func newMatcher(entries []entry, unknown int) *matcher {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.piece
	}
	t := trie.New(keys)
	m := &matcher{nodes: make([]node, len(t.Nodes)), ends: []ending{{score: math.Inf(-1)}}}
	above := slices.ContainsFunc(entries, func(e entry) bool { return e.score > 0 })
	for state, n := range t.Nodes {
		m.nodes[state].Node = n
	}
	// By depth: a suffix is of less than what it is of.
	for depth, states := range t.Depths() {
		for _, state := range states {
			n := &m.nodes[state]
			if depth > 1 {
				parent := n.Parent()
				n.fail = m.next(m.nodes[parent].fail, byte(m.nodes[parent].Base()^state))
			}
			n.end = m.nodes[n.fail].end
			if !n.Ends() {
				continue
			}
			e := entries[t.Values[state]]
			plain := n.end & plainEnd
			if n.end == 0 && utf8.RuneCountInString(e.piece) == 1 {
				plain = plainEnd
			}
			if e.id == unknown || above {
				plain = 0
			}
			m.ends = append(m.ends, ending{e.score, uint32(depth), n.end &^ plainEnd})
			n.end = uint32(len(m.ends)-1) | plain
			if e.id == unknown {
				m.unknown = uint32(len(m.ends) - 1)
			}
		}
	}
	return m
}

// next returns the state that byte c leads to.
func (m *matcher) next(state uint32, c byte) uint32 {
	for {
		child := m.nodes[state].Base() ^ uint32(c)
		if m.nodes[child].Parent() == state {
			return child
		}
		if state == 0 {
			return 0
		}
		state = m.nodes[state].fail
	}
}

// find sets ends to the longest pieces that end with the bytes of text, and
// returns the state behind it, where state is that before it.
func (m *matcher) find(ends []uint32, text []byte, state uint32) uint32 {
	nodes := m.nodes
	ends = ends[:len(text)]
	base, fail := nodes[state].Base(), nodes[state].fail
	for i, c := range text {
		for {
			child := base ^ uint32(c)
			n := &nodes[child]
			if n.Parent() == state {
				state, base, fail = child, n.Base(), n.fail
				ends[i] = n.end
				break
			}
			if state == 0 {
				ends[i] = 0
				break
			}
			state = fail
			n = &nodes[state]
			base, fail = n.Base(), n.fail
		}
	}
	return state
}
