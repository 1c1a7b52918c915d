package automaton

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
)

// parser reads an expression in the syntax ONIG_SYNTAX_ONIGURUMA, the default
// of Oniguruma 6.9.10 (doc/RE, regparse.c), which is what Hugging Face
// tokenizers uses.
type parser struct {
	text string
	at   int
	options
	named, unnamed bool // groups seen
}

type options struct {
	fold     bool // i: case is ignored
	dotAll   bool // m: the dot matches newlines, too
	extended bool // x: white space and comments mean nothing
}

// maxDepth bounds the nesting of groups and brackets, maxQuantifiers how many
// stand in a row.
const (
	maxDepth       = 64
	maxQuantifiers = 4
)

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", doc.ErrUnsupported, fmt.Sprintf(format, args...))
}

// parse returns the expression.
func parse(text string) (*node, error) {
	if !utf8.ValidString(text) {
		return nil, unsupported("an expression that is not UTF-8")
	}
	p := &parser{text: text}
	n, err := p.alternatives(0)
	switch {
	case err != nil:
		return nil, err
	case p.at < len(text):
		return nil, unsupported("unmatched ) at byte %d", p.at)
	case p.named && p.unnamed:
		return nil, unsupported("groups with names beside groups without")
	}
	return n, nil
}

func (p *parser) more() bool { return p.at < len(p.text) }

// peek tells whether the text goes on with s.
func (p *parser) peek(s string) bool { return strings.HasPrefix(p.text[p.at:], s) }

// take moves past s if the text goes on with it.
func (p *parser) take(s string) bool {
	if p.peek(s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *parser) next() rune {
	r, n := utf8.DecodeRuneInString(p.text[p.at:])
	p.at += n
	return r
}

// alternatives reads to the end of a group, which it leaves unread.
func (p *parser) alternatives(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, unsupported("groups nested deeper than %d", maxDepth)
	}
	before := p.options
	var subs []*node
	for {
		n, err := p.branch(depth)
		if err != nil {
			return nil, err
		}
		subs = append(subs, n)
		if !p.take("|") {
			break
		}
	}
	p.options = before
	if len(subs) == 1 {
		return subs[0], nil
	}
	return alt(subs...), nil
}

func (p *parser) branch(depth int) (*node, error) {
	var subs []*node
	for {
		if err := p.skip(); err != nil {
			return nil, err
		}
		if !p.more() || p.peek("|") || p.peek(")") {
			break
		}
		n, err := p.quantified(depth)
		if err != nil {
			return nil, err
		}
		subs = append(subs, n)
	}
	switch len(subs) {
	case 0:
		return &node{kind: kindEmpty}, nil
	case 1:
		return subs[0], nil
	}
	return &node{kind: kindConcat, subs: subs}, nil
}

// skip moves past comments and, if extended, white space.
func (p *parser) skip() error {
	for p.more() {
		switch {
		case p.take("(?#"):
			for !p.take(")") {
				p.take(`\`)
				if !p.more() {
					return unsupported("a comment without end")
				}
				p.next()
			}
		case p.extended && strings.IndexByte(" \t\n\r\f", p.text[p.at]) >= 0:
			p.at++
		case p.extended && p.take("#"):
			for p.more() && p.next() != '\n' {
			}
		default:
			return nil
		}
	}
	return nil
}

// quantified reads an atom and the quantifiers after it.
func (p *parser) quantified(depth int) (*node, error) {
	n, err := p.atom(depth)
	if err != nil {
		return nil, err
	}
	for count := 0; ; count++ {
		if err := p.skip(); err != nil {
			return nil, err
		}
		q, ok, err := p.quantifier()
		if err != nil || !ok {
			return n, err
		}
		if count == maxQuantifiers {
			return nil, unsupported("more than %d quantifiers in a row", maxQuantifiers)
		}
		if n.isAnchor() {
			return nil, unsupported("a quantifier after an anchor, at byte %d", p.at)
		}
		once := q.min == 1 && q.max == 1
		n = repeat(n, q.min, q.max, q.lazy)
		if q.possessive && !once {
			n = &node{kind: kindAtomic, subs: []*node{n}}
		}
	}
}

type quantifier struct {
	min, max         int
	lazy, possessive bool
}

// quantifier reads one, if there is one. Its lazy form is not there for {n}, its
// possessive one for no {n,m}; but {n,m} with n > m is possessive.
func (p *parser) quantifier() (q quantifier, ok bool, err error) {
	canLazy, canPossess := true, true
	switch {
	case p.take("?"):
		q.max = 1
	case p.take("*"):
		q.max = unlimited
	case p.take("+"):
		q.min, q.max = 1, unlimited
	case p.peek("{"):
		var fixed bool
		if q, fixed, ok, err = p.interval(); err != nil || !ok {
			return q, false, err
		}
		canLazy, canPossess = !fixed && !q.possessive, false
	default:
		return q, false, nil
	}
	switch {
	case canLazy && p.take("?"):
		q.lazy = true
	case canPossess && p.take("+"):
		q.possessive = true
	}
	return q, true, nil
}

// maxRepeat is ONIG_MAX_REPEAT_NUM.
const maxRepeat = 100000

// interval reads {n,m}; what does not look like it is text.
func (p *parser) interval() (q quantifier, fixed, ok bool, err error) {
	start := p.at
	p.at++
	low, hasLow := p.number()
	high, hasHigh := low, hasLow
	if comma := p.take(","); comma {
		if high, hasHigh = p.number(); !hasHigh {
			high = unlimited
		}
	} else {
		fixed = true
	}
	if !hasLow && !hasHigh || fixed && !hasLow || !p.take("}") {
		p.at = start
		return q, false, false, nil
	}
	if low > maxRepeat || high > maxRepeat {
		return q, false, false, unsupported("a repeat of more than %d", maxRepeat)
	}
	q = quantifier{min: low, max: high}
	if high != unlimited && low > high {
		q = quantifier{min: high, max: low, possessive: true}
	}
	return q, fixed, true, nil
}

// number reads decimal digits; too large a number is maxRepeat + 1.
func (p *parser) number() (n int, ok bool) {
	for p.more() && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		n, ok = min(10*n+int(p.text[p.at]-'0'), maxRepeat+1), true
		p.at++
	}
	return n, ok
}

func (p *parser) literal(r rune) *node {
	return &node{kind: kindSet, set: single(r), lit: r, fold: p.fold}
}

// atom reads what a quantifier can stand after.
func (p *parser) atom(depth int) (*node, error) {
	at := p.at
	switch r := p.next(); r {
	case '(':
		return p.group(depth + 1)
	case '[':
		not := p.peek("^")
		s, err := p.bracket(depth + 1)
		if err != nil {
			return nil, err
		}
		return &node{kind: kindSet, set: s, fold: p.fold, not: not}, nil
	case '.':
		if p.dotAll {
			return setOf(anything), nil
		}
		return setOf(notNewline), nil
	case '^':
		return &node{kind: kindLineStart}, nil
	case '$':
		return lineEnd(), nil
	case '*', '+', '?':
		return nil, unsupported("a quantifier after nothing, at byte %d", at)
	case '{':
		p.at = at
		if _, _, ok, err := p.interval(); err != nil || ok {
			return nil, unsupported("a quantifier after nothing, at byte %d", at)
		}
		p.at = at + 1
		return p.literal(r), nil
	case '\\':
		return p.escape()
	default:
		return p.literal(r), nil
	}
}

// group reads what follows an opening parenthesis.
func (p *parser) group(depth int) (*node, error) {
	n := &node{kind: kindGroup}
	switch {
	case p.take("?:"):
		n = nil // no group to a quantifier
	case p.take("?="):
		n.kind = kindLook
	case p.take("?!"):
		n.kind, n.not = kindLook, true
	case p.take("?>"):
		n.kind = kindAtomic
	case p.take("?<="):
		n.kind, n.back = kindLook, true
	case p.take("?<!"):
		n.kind, n.back, n.not = kindLook, true, true
	case p.peek("?<") || p.peek("?'"):
		if err := p.name(); err != nil {
			return nil, err
		}
		p.named = true
	case p.peek("?"):
		return p.optionGroup(depth)
	case p.peek("*"):
		return nil, unsupported("a callout (*…)")
	default:
		p.unnamed = true
	}
	sub, err := p.alternatives(depth)
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, unsupported("unmatched (")
	}
	if n == nil {
		return sub, nil
	}
	n.subs = []*node{sub}
	return n, nil
}

func (p *parser) name() error {
	end := byte('>')
	if p.text[p.at+1] == '\'' {
		end = '\''
	}
	p.at += 2
	length := strings.IndexByte(p.text[p.at:], end)
	if length <= 0 {
		return unsupported("a group without name")
	}
	for i, b := range []byte(p.text[p.at : p.at+length]) {
		if letter := b == '_' || 'a' <= b|0x20 && b|0x20 <= 'z'; !letter && (i == 0 || b < '0' || b > '9') {
			return unsupported("a group named %q", p.text[p.at:p.at+length])
		}
	}
	p.at += length + 1
	return nil
}

// optionGroup reads (?imx-imx:…), and (?imx-imx), which makes a group of all
// that follows in the one it stands in, alternatives included.
func (p *parser) optionGroup(depth int) (*node, error) {
	start := p.at
	p.at++
	o, on := p.options, true
	for {
		if !p.more() {
			return nil, unsupported("a group without end")
		}
		switch r := p.next(); r {
		case '-':
			on = false
		case 'i':
			o.fold = on
		case 'm':
			o.dotAll = on
		case 'x':
			o.extended = on
		case ':', ')':
			before := p.options
			p.options = o
			sub, err := p.alternatives(depth)
			if err != nil {
				return nil, err
			}
			p.options = before
			if r == ':' && !p.take(")") {
				return nil, unsupported("unmatched (")
			}
			return &node{kind: kindGroup, subs: []*node{sub}}, nil
		case '(', '~', '{', '@', '&':
			return nil, unsupported("a condition, absent operator, callout or call (?%c…)", r)
		default:
			return nil, unsupported("option (%s…)", p.text[start:p.at])
		}
	}
}
