package bpe

import (
	"bytes"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/cutscan"
)

// wholeEdges keeps cuts off the tokens that only a whole pretoken can be: a cut
// within one would miss it, and a piece that looks like one would be taken for
// it. Within, they are kept off as crossed pairs of characters; here it is told
// where such a token begins or ends.
type wholeEdges struct {
	first, last     charSet // the characters that some begin or end with
	begins, endings map[uint32][][]byte
	edges           *cutscan.Edges // by which most places are ruled out
}

// maxWhole is how many tokens with the same first, or last, character are told
// apart; where there are more, no cut is made before, or after, the character.
const maxWhole = 16

func newWholeEdges(tokens map[string]struct{}) (w *wholeEdges, within [][2]uint32) {
	w = &wholeEdges{first: newCharSet(), last: newCharSet(), begins: map[uint32][][]byte{}, endings: map[uint32][][]byte{}}
	list := slices.DeleteFunc(slices.Sorted(maps.Keys(tokens)), func(s string) bool { return !utf8.ValidString(s) }) // no text is it
	w.edges = cutscan.NewEdges(list)
	for _, token := range list {
		left := uint32(0)
		for i, c := range token {
			char := uint32(c)
			if i > 0 && left < 1<<16 && char < 1<<16 {
				within = append(within, [2]uint32{left, char})
			}
			left = char
		}
		if first, _ := utf8.DecodeRuneInString(token); first < 1<<16 {
			w.first.add(uint32(first))
			w.begins[uint32(first)] = append(w.begins[uint32(first)], []byte(token))
		}
		if left < 1<<16 {
			w.last.add(left)
			w.endings[left] = append(w.endings[left], []byte(token))
		}
	}
	return w, within
}

// at reports whether a token may begin or end between two characters below
// 0x10000, at text[i], where one of three bytes begins.
func (w *wholeEdges) at(text []byte, i int) bool {
	char, left := charOfThree(text[i:]), uint32(0)
	if i >= 3 && text[i-3]&0xF0 == 0xE0 {
		left = charOfThree(text[i-3:])
	} else {
		last, _ := utf8.DecodeLastRune(text[:i])
		left = uint32(last)
	}
	if w.first.has(char) {
		list := w.begins[char]
		if len(list) > maxWhole {
			return true
		}
		for _, token := range list {
			if bytes.HasPrefix(text[i:], token) {
				return true
			}
		}
	}
	if w.last.has(left) {
		list := w.endings[left]
		if len(list) > maxWhole {
			return true
		}
		for _, token := range list {
			if bytes.HasSuffix(text[:i], token) {
				return true
			}
		}
	}
	return false
}

func charOfThree(text []byte) uint32 {
	return uint32(text[0]&0xF)<<12 | uint32(text[1]&0x3F)<<6 | uint32(text[2]&0x3F)
}
