package tokenrow

import (
	"math/bits"

	"github.com/tallystick/tallystick/engine/tokenize/hugepage"
	"github.com/tallystick/tallystick/engine/tokenize/trie"
)

// builder makes the states of a trie. It finds them by a hash table, so that no
// text need be sorted.
type builder struct {
	states trie.States
	edges  []uint64 // state and byte, above the state that they lead to; 0 is free
	shift  uint8    // of a hash, to an edge
}

// newBuilder returns one for so many symbols, and not more than so many edges.
func newBuilder(symbols, edges int) *builder {
	size := max(6, bits.Len(uint(edges*3/2)))
	b := &builder{edges: hugepage.Make[uint64](1 << size), shift: uint8(64 - size)}
	b.states = trie.States{
		Strings: uint32(symbols),
		Child:   make([]uint32, symbols, symbols+edges),
		Next:    make([]uint32, symbols, symbols+edges),
		Byte:    make([]byte, symbols, symbols+edges),
	}
	return b
}

// added is a symbol on its way: its text is that of a shorter one, which has a
// state, and more bytes.
type added struct {
	symbol, state uint32
	more          []byte
}

// together is how many symbols are added at once: the CPU then waits once for the
// edges of all, which are in no near cache.
const together = 32

// add adds symbols, all of a size, and sets prefix to the longest that each begins
// with; false if one is there already. A symbol is its own state; as shorter ones
// come first, none ends at a state that had to be made for another.
func (b *builder) add(list []added, prefix []uint32) (ok bool) {
	s := &b.states
	for left := len(list); left > 0; {
		b.fetch(list)
		left = 0
		for i := range list {
			a := &list[i]
			if len(a.more) == 0 {
				continue
			}
			if a.state < s.Strings {
				prefix[a.symbol] = a.state
			}
			c := a.more[0]
			a.more = a.more[1:]
			key := uint64(a.state)<<8 | uint64(c)
			e := b.edge(key)
			if len(a.more) > 0 {
				left++
			} else if *e != 0 {
				return false
			}
			if *e == 0 {
				next := a.symbol
				if len(a.more) > 0 {
					next = uint32(len(s.Byte))
					s.Child, s.Next, s.Byte = append(s.Child, 0), append(s.Next, 0), append(s.Byte, 0)
				}
				s.Next[next], s.Child[a.state], s.Byte[next] = s.Child[a.state], next, c
				*e = key<<32 | uint64(next)
			}
			a.state = uint32(*e)
		}
	}
	return true
}

// fetch looks at the next edge of every symbol. It is not inlined, or the compiler
// would see that nobody wants the result.
//
//go:noinline
func (b *builder) fetch(list []added) (seen uint64) {
	for i := range list {
		if a := &list[i]; len(a.more) > 0 {
			key := uint64(a.state)<<8 | uint64(a.more[0])
			seen |= b.edges[key*hashA>>(b.shift&63)&uint64(len(b.edges)-1)]
		}
	}
	return seen
}

// edge returns the edge of a key, free if there is none.
func (b *builder) edge(key uint64) *uint64 {
	for i := key * hashA >> (b.shift & 63); ; i++ {
		if e := &b.edges[i&uint64(len(b.edges)-1)]; *e>>32 == key || *e == 0 {
			return e
		}
	}
}
