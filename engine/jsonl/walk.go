package jsonl

import (
	"bytes"
	"math/bits"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
)

// walker validates a line and collects the wanted values. Its methods take the
// offset of what they read and return the offset behind it, or -1 after they
// have put down reason and at.
type walker struct {
	line    []byte
	scratch []byte // decoded strings of this line
	root    *node
	lines   uint64 // number of the current line, for node.seen
	found   found
	reason  doc.Reason
	at      int
}

// walk reports whether the line is one valid JSON value; what is wanted of it
// is then in found.
func (w *walker) walk(line []byte) bool {
	w.line = line
	w.scratch = w.scratch[:0]
	w.lines++
	i := w.space(0)
	w.found = found{start: i, duplicate: -1, object: i < len(line) && line[i] == '{'}
	i = w.value(i, 0, w.root)
	if i < 0 {
		return false
	}
	if i = w.space(i); i < len(line) {
		w.unexpected(i)
		return false
	}
	return true
}

func (w *walker) fail(reason doc.Reason, at int) int {
	w.reason, w.at = reason, at
	return -1
}

// unexpected fails at byte i, where the grammar cannot go on.
func (w *walker) unexpected(i int) int {
	if i < len(w.line) && w.line[i] >= utf8.RuneSelf {
		if r, size := utf8.DecodeRune(w.line[i:]); r == utf8.RuneError && size == 1 {
			return w.fail(doc.InvalidUTF8, i)
		}
	}
	return w.fail(doc.InvalidJSON, i)
}

func (w *walker) space(i int) int {
	for i < len(w.line) {
		switch w.line[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads the value at i, within depth open containers. n is the wanted key
// it belongs to, or nil.
func (w *walker) value(i, depth int, n *node) int {
	if i >= len(w.line) {
		return w.unexpected(i)
	}
	v := value{kind: other, at: i}
	end := -1
	switch c := w.line[i]; c {
	case '"':
		v.kind = str
		if n != nil && n.fields != 0 {
			end, v.data = w.readString(i + 1)
		} else {
			end = w.skipString(i + 1)
		}
	case '{', '[':
		if depth == MaxDepth {
			return w.fail(doc.InvalidJSON, i)
		}
		if c == '{' {
			end = w.object(i+1, depth+1, n)
		} else {
			end = w.array(i+1, depth+1)
		}
	case 't':
		end = w.literal(i, "true")
	case 'f':
		end = w.literal(i, "false")
	case 'n':
		v.kind = null
		end = w.literal(i, "null")
	default:
		v.kind = number
		if end = w.number(i); end >= 0 {
			v.data = w.line[i:end:end]
		}
	}
	if end >= 0 && n != nil && n.fields != 0 {
		w.found.set(n.fields, v)
	}
	return end
}

// set puts down the value of all roles in the set.
func (f *found) set(fields roles, v value) {
	for ; fields != 0; fields &= fields - 1 {
		f.values[bits.TrailingZeros8(uint8(fields))] = v
	}
}

// object reads from behind the brace. With n it looks for n's children.
func (w *walker) object(i, depth int, n *node) int {
	if n != nil && len(n.children) == 0 {
		n = nil
	}
	i = w.space(i)
	if i < len(w.line) && w.line[i] == '}' {
		return i + 1
	}
	for place := 0; ; place++ {
		var child *node
		if n != nil && place < len(n.habits) && bytes.HasPrefix(w.line[i:], n.habits[place].spelt) {
			h := &n.habits[place]
			child = w.enter(h.child, i)
			i = w.space(i + len(h.spelt))
		} else if i, child = w.key(i, place, n); i < 0 {
			return i
		}
		if i = w.value(i, depth, child); i < 0 {
			return i
		}
		i = w.space(i)
		switch {
		case i < len(w.line) && w.line[i] == ',':
			i = w.space(i + 1)
		case i < len(w.line) && w.line[i] == '}':
			return i + 1
		default:
			return w.unexpected(i)
		}
	}
}

// key reads a key, of some place in the object of n, and the colon, up to the
// value. Without n it looks for nothing.
func (w *walker) key(i, place int, n *node) (int, *node) {
	if i >= len(w.line) || w.line[i] != '"' {
		return w.unexpected(i), nil
	}
	start := i
	var wanted *node
	if n == nil {
		i = w.skipString(i + 1)
	} else {
		var key []byte
		if i, key = w.readString(i + 1); i >= 0 {
			wanted = n.child(key)
		}
	}
	if i < 0 {
		return i, nil
	}
	if i = w.space(i); i >= len(w.line) || w.line[i] != ':' {
		return w.unexpected(i), nil
	}
	i = w.space(i + 1)
	if n == nil {
		return i, nil
	}
	n.learn(place, w.line[start:i], wanted)
	return i, w.enter(wanted, start)
}

// enter returns the wanted key to collect values for, if any: a second one of
// the same name is put down as a duplicate and not looked into.
func (w *walker) enter(n *node, at int) *node {
	if n == nil {
		return nil
	}
	if n.seen != w.lines {
		n.seen = w.lines
		return n
	}
	w.found.ambiguous |= n.below
	if w.found.duplicate < 0 {
		w.found.duplicate = at
	}
	return nil
}

// array reads from behind the bracket. Paths do not lead into arrays.
func (w *walker) array(i, depth int) int {
	i = w.space(i)
	if i < len(w.line) && w.line[i] == ']' {
		return i + 1
	}
	for {
		if i = w.value(i, depth, nil); i < 0 {
			return i
		}
		i = w.space(i)
		switch {
		case i < len(w.line) && w.line[i] == ',':
			i = w.space(i + 1)
		case i < len(w.line) && w.line[i] == ']':
			return i + 1
		default:
			return w.unexpected(i)
		}
	}
}

func (w *walker) literal(i int, want string) int {
	for k := range len(want) {
		if i+k >= len(w.line) || w.line[i+k] != want[k] {
			return w.unexpected(i + k)
		}
	}
	return i + len(want)
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?.
func (w *walker) number(i int) int {
	peek := func() byte {
		if i < len(w.line) {
			return w.line[i]
		}
		return 0
	}
	digits := func() bool {
		first := i
		for isDigit(peek()) {
			i++
		}
		return i > first
	}
	if peek() == '-' {
		i++
	}
	if peek() == '0' {
		i++
	} else if !digits() {
		return w.unexpected(i)
	}
	if peek() == '.' {
		i++
		if !digits() {
			return w.unexpected(i)
		}
	}
	if c := peek(); c == 'e' || c == 'E' {
		i++
		if c := peek(); c == '+' || c == '-' {
			i++
		}
		if !digits() {
			return w.unexpected(i)
		}
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
