package automaton

import (
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// escape reads what follows a backslash.
func (p *parser) escape() (*node, error) {
	if !p.more() {
		return nil, unsupported(`a \ at the end`)
	}
	if s, ok, err := p.setEscape(true); err != nil || ok {
		return setOf(s), err
	}
	at := p.at
	r := p.next()
	switch r {
	case 'b':
		return &node{kind: kindWordEdge}, nil
	case 'B':
		return &node{kind: kindNoWordEdge}, nil
	case 'A':
		return &node{kind: kindTextStart}, nil
	case 'z':
		return &node{kind: kindTextEnd}, nil
	case 'Z':
		return lastLineEnd(), nil
	case 'N':
		return setOf(notNewline), nil
	case 'O':
		return setOf(anything), nil
	case 'R':
		return generalNewline(), nil
	case 'G', 'K', 'X', 'y', 'Y':
		return nil, unsupported(`\%c`, r)
	case 'k', 'g':
		if p.peek("<") || p.peek("'") {
			return nil, unsupported(`a back reference or call \%c`, r)
		}
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return nil, unsupported(`a back reference \%c`, r)
	}
	p.at = at
	r, err := p.charEscape()
	return p.literal(r), err
}

// setEscape reads the name of a set after a backslash, if there is one.
func (p *parser) setEscape(outside bool) (s set, ok bool, err error) {
	var name string
	not := false
	switch c := p.text[p.at]; c {
	case 'd', 'D':
		name, not = "digit", c == 'D'
	case 's', 'S':
		name, not = "space", c == 'S'
	case 'h', 'H':
		name, not = "xdigit", c == 'H'
	case 'w', 'W':
		name, not = "word", c == 'W'
	case 'p', 'P':
		if !strings.HasPrefix(p.text[p.at+1:], "{") {
			return nil, false, nil
		}
		not = c == 'P'
		p.at += 2
		if p.take("^") {
			not = !not
		}
		length := strings.IndexByte(p.text[p.at:], '}')
		if length < 0 {
			return nil, false, unsupported(`\%c without end`, c)
		}
		name = p.text[p.at : p.at+length]
		p.at += length
	default:
		return nil, false, nil
	}
	p.at++
	ranges, known := ucd.Property(name)
	if !known {
		return nil, false, unsupported("property %q", name)
	}
	if outside && strings.EqualFold(strings.Map(dropBlank, name), "word") {
		ranges = ucd.WordOperator()
	}
	if s = newSet(ranges); not {
		s = s.negate()
	}
	return s, true, nil
}

func dropBlank(r rune) rune {
	if r == ' ' || r == '-' || r == '_' {
		return -1
	}
	return r
}

// charEscape reads the character that follows a backslash stands for.
func (p *parser) charEscape() (rune, error) {
	r := p.next()
	switch r {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'f':
		return '\f', nil
	case 'v':
		return '\v', nil
	case 'a':
		return '\a', nil
	case 'b':
		return '\b', nil
	case 'e':
		return 0x1B, nil
	case 'c', 'C', 'M':
		return 0, unsupported(`a control character \%c`, r)
	case 'o':
		if p.peek("{") {
			return 0, unsupported(`\o{…}`)
		}
	case 'u':
		return p.hex(4, 4)
	case 'x':
		if p.take("{") {
			r, err := p.hex(1, 8)
			if err == nil && !p.take("}") {
				err = unsupported(`\x{…} that is not one number`)
			}
			return r, err
		}
		// A byte of UTF-8; below 0x80, a character.
		r, err := p.hex(0, 2)
		if err == nil && r >= utf8.RuneSelf {
			err = unsupported(`a byte \x%X`, r)
		}
		return r, err
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return 0, unsupported(`an octal number \%c`, r)
	}
	return r, nil
}

// hex reads a hexadecimal number of so many digits.
func (p *parser) hex(least, most int) (rune, error) {
	value, n := rune(0), 0
	for ; n < most && p.more(); n++ {
		digit := strings.IndexByte("0123456789abcdef", p.text[p.at]|0x20)
		if digit < 0 || p.text[p.at] < '0' || value > utf8.MaxRune {
			break
		}
		value = value<<4 | rune(digit)
		p.at++
	}
	if n < least || !utf8.ValidRune(value) {
		return 0, unsupported("a character number at byte %d", p.at)
	}
	return value, nil
}
