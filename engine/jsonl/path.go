package jsonl

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
)

// role is what a field is for: an index into fields.
type role uint8

const (
	text role = iota
	id
	contributor
	created
	source
	numRoles
)

// roles is a set of roles, one bit each.
type roles uint8

func (s roles) has(r role) bool { return s>>r&1 != 0 }

// node is a key that leads to wanted fields; the root stands for the line's
// object. A node with fields of its own may have children too: which of them
// matters is decided by the value's type.
type node struct {
	key      []byte
	fields   roles // that have their value here
	below    roles // that have it here or at a descendant
	children []*node
	seen     uint64  // number of the last line that had this key
	habits   []habit // by the place of a key among those of the object
}

// habit is how an object lately spelt its key of a place, and what that means:
// lines of one file mostly have the same keys in the same order, and need not be
// looked at closer than to see that.
type habit struct {
	spelt []byte // from the quote before the key to the value
	child *node
}

// Limits of what is kept as a habit.
const (
	maxHabits = 64
	maxSpelt  = 64 // bytes
)

// learn notes how the key of a place was spelt.
func (n *node) learn(place int, spelt []byte, child *node) {
	if place > len(n.habits) || place == maxHabits || len(spelt) > maxSpelt {
		return
	}
	if place == len(n.habits) {
		n.habits = append(n.habits, habit{})
	}
	h := &n.habits[place]
	h.spelt, h.child = append(h.spelt[:0], spelt...), child
}

func (n *node) child(key []byte) *node {
	for _, c := range n.children {
		if bytes.Equal(c.key, key) {
			return c
		}
	}
	return nil
}

// newTree returns the tree of all wanted paths.
func newTree(o Options) (*node, error) {
	root := &node{}
	for r, f := range [numRoles]struct{ name, path string }{
		text:        {"text", o.Text},
		id:          {"id", o.ID},
		contributor: {"contributor", o.Contributor},
		created:     {"created", o.Created},
		source:      {"source", o.Source},
	} {
		if f.path == "" {
			if role(r) == text {
				return nil, fmt.Errorf("%s field: empty path: %w", f.name, doc.ErrUsage)
			}
			continue
		}
		keys, err := splitPath(f.path)
		if err != nil {
			return nil, fmt.Errorf("%s field %q: %w", f.name, f.path, err)
		}
		n := root
		n.below |= 1 << r
		for _, key := range keys {
			c := n.child(key)
			if c == nil {
				c = &node{key: key}
				n.children = append(n.children, c)
			}
			n = c
			n.below |= 1 << r
		}
		n.fields |= 1 << r
	}
	return root, nil
}

// splitPath cuts a path at its dots and resolves `\.` and `\\`.
func splitPath(path string) ([][]byte, error) {
	if !utf8.ValidString(path) {
		return nil, fmt.Errorf("not UTF-8: %w", doc.ErrUsage)
	}
	keys := [][]byte{nil}
	for i := 0; i < len(path); i++ {
		last := &keys[len(keys)-1]
		switch c := path[i]; c {
		case '.':
			keys = append(keys, nil)
		case '\\':
			i++
			if i == len(path) || strings.IndexByte(`.\`, path[i]) < 0 {
				return nil, fmt.Errorf(`backslash before neither "." nor "\": %w`, doc.ErrUsage)
			}
			*last = append(*last, path[i])
		default:
			*last = append(*last, c)
		}
	}
	for _, key := range keys {
		if len(key) == 0 {
			return nil, fmt.Errorf("empty key: %w", doc.ErrUsage)
		}
	}
	return keys, nil
}
