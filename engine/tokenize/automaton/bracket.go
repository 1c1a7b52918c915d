package automaton

import (
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// element is what came last in a bracket: a character may begin a range.
type element uint8

const (
	nothing   element = iota // the beginning
	character                // a character that is not added yet
	named                    // \w, [:alpha:] and the like
	ranged                   // a character and a hyphen
	complete                 // a range, or a bracket
)

// bracket reads a class after its opening bracket (prs_cc of regparse.c).
type bracket struct {
	set  set
	last element
	char rune // of character and ranged
}

// add takes a character that may begin a range, or ends one.
func (b *bracket) add(r rune) error {
	if b.last == ranged {
		if b.char > r {
			return unsupported("an empty range %c-%c", b.char, r)
		}
		b.set = append(b.set, [2]rune{b.char, r})
		b.last = complete
		return nil
	}
	b.flush()
	b.last, b.char = character, r
	return nil
}

// flush adds a character that begins no range.
func (b *bracket) flush() {
	if b.last == character {
		b.set = append(b.set, [2]rune{b.char, b.char})
	}
}

// addSet takes a set.
func (b *bracket) addSet(s set, as element) error {
	if b.last == ranged && as == named {
		return unsupported("a range that ends in a set")
	}
	b.flush()
	b.set = append(b.set, s...)
	b.last = as
	return nil
}

// bracket reads a class after its opening bracket.
func (p *parser) bracket(depth int) (set, error) {
	if depth > maxDepth {
		return nil, unsupported("brackets nested deeper than %d", maxDepth)
	}
	not := p.take("^")
	var b bracket
	var and set // what was before &&
	joined := false
	if p.peek("]") && strings.Contains(p.text[p.at+1:], "]") {
		p.at++
		if err := b.add(']'); err != nil {
			return nil, err
		}
	}
	finish := func() set {
		b.flush()
		s := newSet(b.set)
		if joined {
			s = and.intersect(s)
		}
		return s
	}
	for {
		if !p.more() {
			return nil, unsupported("a bracket without end")
		}
		var err error
		switch {
		case p.take("]"):
			s := finish()
			if not {
				s = s.negate()
			}
			return s, nil
		case p.take("&&"):
			and, joined = finish(), true
			b = bracket{}
		case p.peek("[:") && isPosix(p.text[p.at+2:]):
			var s set
			if s, err = p.posix(); err == nil {
				err = b.addSet(s, named)
			}
		case p.take("["):
			if b.last == ranged {
				return nil, unsupported("a range that ends in a bracket")
			}
			var s set
			if s, err = p.bracket(depth + 1); err == nil {
				err = b.addSet(s, complete)
			}
		case p.take("-"):
			err = p.hyphen(&b)
		case p.take(`\`):
			if !p.more() {
				return nil, unsupported(`a \ at the end`)
			}
			var s set
			var isSet bool
			if s, isSet, err = p.setEscape(false); isSet {
				err = b.addSet(s, named)
			} else if err == nil {
				var r rune
				if r, err = p.charEscape(); err == nil {
					err = b.add(r)
				}
			}
		default:
			err = b.add(p.next())
		}
		if err != nil {
			return nil, err
		}
	}
}

// hyphen takes a hyphen, which makes a range of the character before it or
// stands for itself.
func (p *parser) hyphen(b *bracket) error {
	last := p.peek("]") || p.peek("&&")
	switch {
	case b.last == character && !last:
		b.last = ranged
		return nil
	case b.last == named && !last:
		return unsupported("a range that begins with a set")
	}
	return b.add('-')
}

// isPosix tells whether text is the rest of [:name:] (is_posix_bracket_start).
func isPosix(text string) bool {
	name, rest, found := strings.Cut(text, ":")
	return found && name != "" && rest != "" && rest[0] == ']' &&
		strings.Trim(strings.ToLower(strings.TrimPrefix(name, "^")), "abcdefghijklmnopqrstuvwxyz") == ""
}

// posix reads [:name:].
func (p *parser) posix() (set, error) {
	p.at += 2
	not := p.take("^")
	name, _, _ := strings.Cut(p.text[p.at:], ":]")
	p.at += len(name) + 2
	property := name
	switch name {
	case "punct":
		property = "posixpunct"
	case "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "space", "upper", "word", "xdigit":
	default:
		return nil, unsupported("[:%s:]", name)
	}
	ranges, ok := ucd.Property(property)
	if !ok {
		return nil, unsupported("[:%s:]", name)
	}
	s := newSet(ranges)
	if not {
		s = s.negate()
	}
	return s, nil
}
