package automaton

import (
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// folds is how Oniguruma ignores case.
type folds struct {
	groups [][]rune
	group  map[rune][]rune // of a character, ascending
	multi  [][]rune        // a character, then the sequence that it matches, each the first of its group
	closed map[*node]set
}

// folds tells whether case is ignored anywhere in n.
func (n *node) folds() bool {
	return n.fold || slices.ContainsFunc(n.subs, (*node).folds)
}

func newFolds() *folds {
	f := &folds{groups: ucd.Folds(), group: map[rune][]rune{}, multi: ucd.MultiFolds(), closed: map[*node]set{}}
	for _, g := range f.groups {
		for _, r := range g {
			f.group[r] = g
		}
	}
	for _, m := range f.multi {
		for i := range m[1:] {
			m[1+i] = f.first(m[1+i])
		}
	}
	return f
}

// first returns the first character of the group of r.
func (f *folds) first(r rune) rune {
	if g := f.group[r]; g != nil {
		return g[0]
	}
	return r
}

// of returns the characters that a node of kindSet matches. Names of sets
// outside brackets are not folded; a negated bracket is, before it is negated
// (i_apply_case_fold in regparse.c).
func (f *folds) of(n *node) set {
	if !n.fold {
		return n.set
	}
	s, ok := f.closed[n]
	switch {
	case ok:
		return s
	case n.not:
		s = f.close(n.set.negate()).negate()
	default:
		s = f.close(n.set)
	}
	f.closed[n] = s
	return s
}

func (f *folds) close(s set) set {
	out := slices.Clone(s)
	for _, g := range f.groups {
		if slices.ContainsFunc(g, s.has) {
			for _, r := range g {
				out = append(out, [2]rune{r, r})
			}
		}
	}
	return newSet(out)
}

// check refuses what could match a sequence of characters in place of one, or
// one in place of a sequence: ß and ss, ﬁ and fi.
func (f *folds) check(n *node) error {
	_, err := f.run(n, nil)
	return err
}

// run looks through n, before which the literal characters in run stand, and
// returns those that stand before what follows.
func (f *folds) run(n *node, run []rune) ([]rune, error) {
	switch n.kind {
	case kindSet:
		if !n.fold {
			return nil, nil
		}
		s := f.of(n)
		for _, m := range f.multi {
			if !n.not && s.has(m[0]) {
				return nil, unsupported("case ignored of %q, which matches a sequence", m[0])
			}
		}
		if n.lit == 0 {
			return nil, nil
		}
		run = append(slices.Clone(run[max(len(run)-2, 0):]), f.first(n.lit))
		for _, m := range f.multi {
			if tail := len(run) - len(m[1:]); tail >= 0 && slices.Equal(run[tail:], m[1:]) {
				return nil, unsupported("case ignored of a sequence that matches %q", m[0])
			}
		}
		return run, nil
	case kindAlt, kindLook:
		for _, sub := range n.subs {
			if _, err := f.run(sub, nil); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	// Only a repeat of one character is a sequence of them to Oniguruma
	// (tune_quant in regcomp.c).
	subs := n.subs
	if n.kind == kindRepeat && subs[0].kind == kindSet {
		subs = []*node{subs[0], subs[0], subs[0]}
	}
	var err error
	for _, sub := range subs {
		if run, err = f.run(sub, run); err != nil {
			return nil, err
		}
	}
	return run, nil
}
