package trie

import (
	"math/rand/v2"
	"testing"
)

// States give the trie that New makes of their strings.
func TestStates(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s := States{}
		add := func(parent int, c byte) {
			id := uint32(len(s.Byte))
			s.Child, s.Next, s.Byte = append(s.Child, 0), append(s.Next, 0), append(s.Byte, c)
			if parent >= 0 {
				s.Next[id], s.Child[parent] = s.Child[parent], id
			}
		}
		var texts []string
		for c := range 256 {
			add(-1, byte(c))
			texts = append(texts, string([]byte{byte(c)}))
		}
		have := map[string]bool{}
		for len(texts) < 256+rng.IntN(3000) {
			parent := rng.IntN(len(texts))
			if rng.IntN(2) == 0 { // long chains too
				parent = len(texts) - 1
			}
			c := byte(rng.IntN(1 + int(seed)*5))
			if text := texts[parent] + string([]byte{c}); !have[text] && len(text) < 100 {
				have[text] = true
				add(parent, c)
				texts = append(texts, text)
			}
		}
		s.Strings = 256 + uint32(rng.IntN(len(texts)-255))
		trie := s.Trie()
		ends := 0
		for _, n := range trie.Nodes {
			if n.Ends() {
				ends++
			}
		}
		if ends != int(s.Strings) {
			t.Fatalf("seed %d: %d strings, want %d", seed, ends, s.Strings)
		}
		for id, text := range texts {
			state, ok := uint32(0), true
			for i := range len(text) {
				if state, ok = trie.Next(state, text[i]); !ok {
					t.Fatalf("seed %d: %q is not there", seed, text)
				}
			}
			whole := uint32(id) < s.Strings
			if trie.Nodes[state].Ends() != whole || whole && trie.Values[state] != uint32(id) {
				t.Fatalf("seed %d: %q ends at %v, want %d", seed, text, trie.Nodes[state], id)
			}
		}
	}
}
