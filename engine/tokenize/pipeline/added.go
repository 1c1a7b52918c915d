package pipeline

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
	"github.com/tallystick/tallystick/kernels/pairscan"
)

// addedTokens finds added tokens in a text: at every place from the left the
// longest, as the Aho-Corasick automaton of Hugging Face does.
type addedTokens struct {
	tokens []AddedToken
	nodes  []node        // a trie of the contents; the first is the root
	edges  []edge        // of all nodes, those of a node together
	pairs  *pairscan.Set // what the contents begin with
	single bool          // some content is one byte long
}

type node struct {
	edges, end int32 // its edges are edges[edges:end]
	token      int32 // that ends here, or -1
}

type edge struct {
	label byte
	child int32
}

// newAddedTokens takes the tokens in the order of precedence: of equal
// contents the first wins.
func newAddedTokens(tokens []AddedToken) *addedTokens {
	t := &addedTokens{tokens: tokens}
	var pairs [][2]byte
	for _, token := range tokens {
		first := token.Content[0]
		if len(token.Content) > 1 {
			pairs = append(pairs, [2]byte{first, token.Content[1]})
			continue
		}
		t.single = true
		for second := range 256 {
			pairs = append(pairs, [2]byte{first, byte(second)})
		}
	}
	t.pairs = pairscan.New(pairs)
	t.setTrie()
	return t
}

// setTrie makes the trie, level by level. The tokens below a node stand side by
// side where they are sorted.
func (t *addedTokens) setTrie() {
	sorted := make([]int32, len(t.tokens))
	for i := range sorted {
		sorted[i] = int32(i)
	}
	slices.SortStableFunc(sorted, func(a, b int32) int { return strings.Compare(t.tokens[a].Content, t.tokens[b].Content) })
	below := [][]int32{sorted} // by node
	for depth, level := 0, 1; level > len(t.nodes); depth++ {
		for n := len(t.nodes); n < level; n++ {
			rest, token := below[n], int32(-1)
			below[n] = nil
			for len(rest) > 0 && len(t.tokens[rest[0]].Content) == depth {
				if token < 0 {
					token = rest[0]
				}
				rest = rest[1:]
			}
			begin := len(t.edges)
			for len(rest) > 0 {
				label, k := t.tokens[rest[0]].Content[depth], 1
				for k < len(rest) && t.tokens[rest[k]].Content[depth] == label {
					k++
				}
				t.edges = append(t.edges, edge{label, int32(len(below))})
				below = append(below, rest[:k])
				rest = rest[k:]
			}
			t.nodes = append(t.nodes, node{int32(begin), int32(len(t.edges)), token})
		}
		level = len(below)
	}
}

// cursor is how far a text has been split at added tokens.
type cursor struct {
	text        []byte
	done        int // where the last piece ended
	from        int // where to look for the next added token
	start, stop int // of an added token found after the text before it was given; start < stop
}

func cut(text []byte) cursor { return cursor{text: text} }

// next returns the next piece of the text, an added token or what is between
// two, never empty; ok is false at the end. An added token of white space that
// takes what is on its left is nothing where the one before has taken all of it.
func (t *addedTokens) next(c *cursor) (piece []byte, added, ok bool) {
	if c.start < c.stop {
		piece, c.start, c.stop = c.text[c.start:c.stop], 0, 0
		return piece, true, true
	}
	for c.from < len(c.text) && len(t.tokens) > 0 {
		start, stop, token := t.find(c.text, c.from)
		if token == nil {
			c.from = len(c.text)
			break
		}
		c.from = stop
		if token.Flags.SingleWord && (wordBefore(c.text[:start]) || wordAfter(c.text[stop:])) {
			continue
		}
		if token.Flags.LStrip {
			start = max(start-spacesBefore(c.text[:start]), c.done)
		}
		if token.Flags.RStrip {
			stop += spacesAfter(c.text[stop:])
		}
		before := c.text[min(c.done, start):start]
		c.done = stop
		if start >= stop {
			continue
		}
		if len(before) == 0 {
			return c.text[start:stop], true, true
		}
		c.start, c.stop = start, stop
		return before, false, true
	}
	if c.done < len(c.text) {
		piece, c.done = c.text[c.done:], len(c.text)
		return piece, false, true
	}
	return nil, false, false
}

// find returns the leftmost longest match at or after from; no token if none.
func (t *addedTokens) find(text []byte, from int) (start, stop int, token *AddedToken) {
	for i := from; i < len(text); i++ {
		if i = t.pairs.Index(text, i); i < 0 {
			if !t.single {
				return 0, 0, nil
			}
			i = len(text) - 1 // no pair begins with the last byte
		}
		if stop, token := t.longest(text, i); token != nil {
			return i, stop, token
		}
	}
	return 0, 0, nil
}

// longest returns the longest token that text has at i, and where it ends.
func (t *addedTokens) longest(text []byte, i int) (stop int, token *AddedToken) {
	at := &t.nodes[0]
walk:
	for ; i < len(text); i++ {
		for _, e := range t.edges[at.edges:at.end] {
			if e.label == text[i] {
				if at = &t.nodes[e.child]; at.token >= 0 {
					stop, token = i+1, &t.tokens[at.token]
				}
				continue walk
			}
		}
		break
	}
	return stop, token
}

func wordBefore(text []byte) bool {
	r, n := utf8.DecodeLastRune(text)
	return n > 0 && ucd.IsWord(r)
}

func wordAfter(text []byte) bool {
	r, n := utf8.DecodeRune(text)
	return n > 0 && ucd.IsWord(r)
}

// spacesBefore returns the length of the white space that ends text.
func spacesBefore(text []byte) (length int) {
	for {
		r, n := utf8.DecodeLastRune(text[:len(text)-length])
		if n == 0 || ucd.ClassOf(r) != ucd.Space {
			return length
		}
		length += n
	}
}

// spacesAfter returns the length of the white space that begins text.
func spacesAfter(text []byte) (length int) {
	for {
		r, n := utf8.DecodeRune(text[length:])
		if n == 0 || ucd.ClassOf(r) != ucd.Space {
			return length
		}
		length += n
	}
}
