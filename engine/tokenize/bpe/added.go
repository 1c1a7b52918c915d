package bpe

import (
	"bytes"
	"iter"
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

// split yields the text in pieces, each an added token or the text between
// two, none of them empty.
func (t *addedTokens) split(text []byte) iter.Seq2[[]byte, bool] {
	return func(yield func([]byte, bool) bool) {
		done := 0 // where the last added token, with what it stripped, ended
		for from := 0; from < len(text) && len(t.tokens) > 0; {
			start, stop, token := t.find(text, from)
			if token == nil {
				break
			}
			from = stop
			if token.singleWord && (wordBefore(text[:start]) || wordAfter(text[stop:])) {
				continue
			}
			if token.lstrip {
				start = max(start-spacesBefore(text[:start]), done)
			}
			if token.rstrip {
				stop += spacesAfter(text[stop:])
			}
			if done < start && !yield(text[done:start], false) {
				return
			}
			if !yield(text[min(start, stop):stop], true) {
				return
			}
			done = stop
		}
		if done < len(text) {
			yield(text[done:], false)
		}
	}
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
