package pipeline

import (
	"bytes"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// addedToken is one entry of added_tokens, as far as counting goes.
type addedToken struct {
	content        string
	singleWord     bool // matches only between characters that are no word characters
	lstrip, rstrip bool // takes the white space on its left, right
}

// addedTokens finds added tokens in a text: at every place from the left the
// longest, as the Aho-Corasick automaton of Hugging Face does.
type addedTokens struct {
	tokens []addedToken
	// A trie of the contents: edges by node and byte; the token that ends at
	// a node, or -1. Node 0 is the root.
	edges map[uint32]uint32
	ends  []int32
	// starts has a bit for every two bytes that a match can begin with.
	starts [1 << 16 / 64]uint64
	// only is the first byte of every token, where they share it, or -1.
	only int
}

// newAddedTokens takes the tokens in the order of precedence: of equal
// contents the first wins.
func newAddedTokens(tokens []addedToken) *addedTokens {
	t := &addedTokens{tokens: tokens, edges: map[uint32]uint32{}, ends: []int32{-1}, only: -1}
	for i, token := range tokens {
		node := uint32(0)
		for _, b := range []byte(token.content) {
			edge := node<<8 | uint32(b)
			child, ok := t.edges[edge]
			if !ok {
				child = uint32(len(t.ends))
				t.edges[edge] = child
				t.ends = append(t.ends, -1)
			}
			node = child
		}
		if t.ends[node] < 0 {
			t.ends[node] = int32(i)
		}
		first := token.content[0]
		if len(token.content) > 1 {
			t.allow(first, token.content[1])
		} else {
			for second := range 256 {
				t.allow(first, byte(second))
			}
		}
		switch {
		case i == 0:
			t.only = int(first)
		case t.only != int(first):
			t.only = -1
		}
	}
	return t
}

func (t *addedTokens) allow(first, second byte) {
	k := uint(first)<<8 | uint(second)
	t.starts[k/64] |= 1 << (k % 64)
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
// two, never empty but for an added token that the one before has stripped
// bare; ok is false at the end.
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
		if token.singleWord && (wordBefore(c.text[:start]) || wordAfter(c.text[stop:])) {
			continue
		}
		if token.lstrip {
			start = max(start-spacesBefore(c.text[:start]), c.done)
		}
		if token.rstrip {
			stop += spacesAfter(c.text[stop:])
		}
		before := c.text[min(c.done, start):start]
		c.done = stop
		if len(before) == 0 {
			return c.text[min(start, stop):stop], true, true
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
func (t *addedTokens) find(text []byte, from int) (start, stop int, token *addedToken) {
	for i := from; i < len(text); i++ {
		if t.only >= 0 {
			skip := bytes.IndexByte(text[i:], byte(t.only))
			if skip < 0 {
				return 0, 0, nil
			}
			i += skip
		}
		if i+1 < len(text) {
			if k := uint(text[i])<<8 | uint(text[i+1]); t.starts[k/64]>>(k%64)&1 == 0 {
				continue
			}
		}
		node := uint32(0)
		for j := i; j < len(text); j++ {
			child, ok := t.edges[node<<8|uint32(text[j])]
			if !ok {
				break
			}
			node = child
			if end := t.ends[node]; end >= 0 {
				start, stop, token = i, j+1, &t.tokens[end]
			}
		}
		if token != nil {
			return start, stop, token
		}
	}
	return 0, 0, nil
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
