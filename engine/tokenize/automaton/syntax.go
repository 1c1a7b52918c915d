package automaton

import "slices"

// node is a piece of an expression.
type node struct {
	kind kind
	set  set     // kindSet
	lit  rune    // kindSet of a literal, else 0
	fold bool    // kindSet: case is ignored
	subs []*node // kindConcat, kindAlt; one of kindRepeat, kindAtomic, kindLook, kindGroup
	min  int     // kindRepeat
	max  int     // kindRepeat; unlimited
	lazy bool    // kindRepeat
	not  bool    // kindLook; kindSet of a bracket that is negated
	back bool    // kindLook: behind
}

type kind uint8

const (
	kindEmpty      kind = iota
	kindSet             // one character
	kindConcat          // all subs
	kindAlt             // the first of the subs that leads to a match
	kindRepeat          // sub, min to max times
	kindAtomic          // sub, as it matches first
	kindGroup           // sub; keeps a quantifier of sub apart from one of the group
	kindLook            // nothing, where sub matches
	kindTextStart       // \A
	kindTextEnd         // \z
	kindLineStart       // ^
	kindWordEdge        // \b
	kindNoWordEdge      // \B
)

const unlimited = -1

var (
	anything   = set{{0, 0x10FFFF}}
	newline    = single('\n')
	notNewline = newline.negate()
)

func lookAhead(sub *node) *node { return &node{kind: kindLook, subs: []*node{sub}} }
func setOf(s set) *node         { return &node{kind: kindSet, set: s} }
func alt(subs ...*node) *node   { return &node{kind: kindAlt, subs: subs} }

// lineEnd is $: before every newline, and at the end.
func lineEnd() *node { return alt(lookAhead(setOf(newline)), &node{kind: kindTextEnd}) }

// lastLineEnd is \Z: at the end, and before a newline there.
func lastLineEnd() *node {
	final := &node{kind: kindConcat, subs: []*node{setOf(newline), {kind: kindTextEnd}}}
	return alt(lookAhead(final), &node{kind: kindTextEnd})
}

// generalNewline is \R.
func generalNewline() *node {
	crlf := &node{kind: kindConcat, subs: []*node{setOf(single('\r')), setOf(newline)}}
	one := setOf(set{{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}})
	return &node{kind: kindAtomic, subs: []*node{alt(crlf, one)}}
}

// isAnchor tells what Oniguruma lets no quantifier follow
// (is_invalid_quantifier_target in regparse.c).
func (n *node) isAnchor() bool {
	switch n.kind {
	case kindLook, kindTextStart, kindTextEnd, kindLineStart, kindWordEdge, kindNoWordEdge:
		return true
	case kindAlt:
		return slices.ContainsFunc(n.subs, (*node).isAnchor)
	}
	return false
}

// nullable tells whether n can match without taking a character.
func (n *node) nullable() bool {
	switch n.kind {
	case kindSet:
		return false
	case kindConcat:
		return !slices.ContainsFunc(n.subs, func(s *node) bool { return !s.nullable() })
	case kindAlt:
		return slices.ContainsFunc(n.subs, (*node).nullable)
	case kindRepeat:
		return n.min == 0 || n.subs[0].nullable()
	case kindAtomic, kindGroup:
		return n.subs[0].nullable()
	}
	return true
}

// emptyLast tells whether n can match nothing anywhere, but only after all else.
// How Oniguruma repeats anything else that may match nothing depends on how
// long its code is (compile_quantifier_node in regcomp.c): a turn that takes
// nothing ends the repeat in one form, not in the other.
func (n *node) emptyLast() bool {
	switch n.kind {
	case kindEmpty:
		return true
	case kindConcat:
		return !slices.ContainsFunc(n.subs, func(s *node) bool { return !s.emptyLast() })
	case kindAlt:
		last := len(n.subs) - 1
		return n.subs[last].emptyLast() && !slices.ContainsFunc(n.subs[:last], (*node).nullable)
	case kindRepeat:
		sub := n.subs[0]
		return !n.lazy && (n.min == 0 && !sub.nullable() || sub.emptyLast())
	case kindGroup:
		return n.subs[0].emptyLast()
	}
	return false
}

// popular numbers the quantifiers that Oniguruma joins when one is of the
// other; -1 for the rest (quantifier_type_num in regparse.c).
func (n *node) popular() int {
	number := -1
	switch {
	case n.min == 0 && n.max == 1:
		number = 0
	case n.min == 0 && n.max == unlimited:
		number = 1
	case n.min == 1 && n.max == unlimited:
		number = 2
	}
	if n.lazy && number >= 0 {
		number += 3
	}
	return number
}

// reduction is what becomes of two quantifiers: the inner alone, both, or one.
type reduction uint8

const (
	inner     reduction = iota // the inner
	both                       // as they are
	star                       // *
	plus                       // +
	lazyStar                   // *?
	lazyOne                    // ??
	plusOrNot                  // (?:+)??
)

// reductions are those of ReduceTypeTable in regparse.c, by the inner and the
// outer quantifier.
var reductions = [6][6]reduction{
	{inner, star, star, lazyOne, lazyStar, both},
	{inner, inner, inner, plusOrNot, plusOrNot, inner},
	{star, star, inner, both, plusOrNot, inner},
	{inner, lazyStar, lazyStar, inner, lazyStar, lazyStar},
	{inner, inner, inner, inner, inner, inner},
	{both, star, plus, lazyStar, lazyStar, inner},
}

// repeat returns sub with a quantifier, as assign_quantifier_body in regparse.c
// makes it, which is not always what the quantifiers say.
func repeat(sub *node, minimum, maximum int, lazy bool) *node {
	n := &node{kind: kindRepeat, subs: []*node{sub}, min: minimum, max: maximum, lazy: lazy}
	switch {
	case minimum == 1 && maximum == 1:
		return sub
	case sub.kind != kindRepeat:
		return n
	}
	in, out := sub.popular(), n.popular()
	switch {
	case in >= 0 && out < 0:
		if (in == 1 || in == 2) && maximum > 1 && !lazy {
			n.max = max(minimum, 1)
		}
		return n
	case in < 0 || out < 0:
		if minimum == maximum && sub.min == sub.max {
			n.min, n.max, n.subs = minimum*sub.min, minimum*sub.min, sub.subs
		}
		return n
	}
	switch reductions[in][out] {
	case inner:
		return sub
	case both:
		return n
	case plusOrNot:
		once := &node{kind: kindRepeat, subs: sub.subs, min: 1, max: unlimited}
		return &node{kind: kindRepeat, subs: []*node{once}, max: 1, lazy: true}
	case star:
		n.min, n.max, n.lazy = 0, unlimited, false
	case plus:
		n.min, n.max, n.lazy = 1, unlimited, false
	case lazyStar:
		n.min, n.max, n.lazy = 0, unlimited, true
	case lazyOne:
		n.min, n.max, n.lazy = 0, 1, true
	}
	n.subs = sub.subs
	return n
}
