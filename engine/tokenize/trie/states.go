package trie

// States are the states of a trie by numbers of their own. Those below Strings
// are the ends of strings, each the number of its string; 0 to 255 are the
// strings of one byte, the children of the root, all of them.
type States struct {
	Strings     uint32
	Child, Next []uint32 // the first child of a state, and the next of the same parent, or 0
	Byte        []byte   // that leads to a state
}

// Trie returns the trie of these states.
func (s *States) Trie() *Trie {
	b := &builder{t: &Trie{}}
	size := len(s.Byte) + len(s.Byte)/8 + 2*blockSize
	b.t.Nodes, b.t.Values = make([]Node, 0, size), make([]uint32, 0, size)
	b.grow()
	b.take(0, noParent)
	labels := make([]byte, blockSize)
	for i := range labels {
		labels[i] = byte(i)
	}
	base := b.place(labels)
	b.t.Nodes[0].base = base
	for i := range uint32(blockSize) {
		b.take(base^i, 0)
	}
	for i := range uint32(blockSize) {
		b.addState(s, i, base^i)
	}
	return b.t
}

// addState makes a state the one of a trie at a place, which has been taken, and
// its children.
func (b *builder) addState(s *States, state, at uint32) {
	node := &b.t.Nodes[at]
	if state < s.Strings {
		node.base = ending
		b.t.Values[at] = state
	}
	first := s.Child[state]
	if first == 0 {
		return
	}
	var buf [blockSize]byte
	labels := buf[:0]
	for child := first; child != 0; child = s.Next[child] {
		labels = append(labels, s.Byte[child])
	}
	base := b.place(labels)
	b.t.Nodes[at].base |= base
	for _, c := range labels {
		b.take(base^uint32(c), at)
	}
	for child := first; child != 0; child = s.Next[child] {
		b.addState(s, child, base^uint32(s.Byte[child]))
	}
}
