package automaton

import (
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// op is what an instruction does at a position of the text. Every instruction
// has a value there, from which nothing but the rest of the text and the
// character before is known: 0 if no match goes on from it, else 1 plus, within
// atomic groups, what it would be worth outside (see opAtomic).
type op uint8

const (
	opMatch     op = iota // 1
	opFail                // 0
	opChar                // if the next character is in set, what out is worth after it
	opSplit               // out, or other if that is 0: out is preferred
	opPrevious            // out if the character before is in set, else other
	opTextEnd             // out at the end of the text, else other
	opTextStart           // out at the beginning of the text, else other
	opBehind              // out if what is behind matches, else other
	opLook                // out if sub is not 0, else other
	opAtomicEnd           // out + 1: the group has matched, whatever follows
	opAtomic              // out - 1, or 0: the group has not matched, or what follows has not
)

type instruction struct {
	op         op
	out, other int32
	sub        int32 // opLook
	set        int32 // opChar, opPrevious: its number
	behind     int32 // opBehind: its number
}

// program is a compiled expression. Instructions come after all those whose
// value at the same position theirs depends on.
type program struct {
	code    []instruction
	start   int32
	sets    []set
	behinds [][][]int32 // of every look-behind the alternatives: sets of the characters up to the position
}

// maxCode bounds the instructions of an expression, maxBuilt the nodes that they
// come from, turns of repeats included, maxBehind the look-behinds of more than
// one character, maxAtomic the atomic groups, a value being a byte.
const (
	maxCode   = 1 << 14
	maxBuilt  = 1 << 18
	maxBehind = 4
	maxAtomic = 200
)

type compiler struct {
	code    []instruction
	known   map[instruction]int32
	setNo   map[string]int32
	sets    []set
	behinds [][][]int32
	built   int // nodes, turns of repeats included
	atomic  int // groups of them
	folds   *folds
	err     error
}

// compile turns an expression into a program.
func compile(n *node) (*program, error) {
	c := &compiler{known: map[instruction]int32{}, setNo: map[string]int32{}}
	if n.folds() {
		c.folds = newFolds()
		if err := c.folds.check(n); err != nil {
			return nil, err
		}
	}
	match := c.emit(instruction{op: opMatch})
	begin := c.build(n, [2]int32{match, match})
	if c.err != nil {
		return nil, c.err
	}
	return c.finish(begin[0])
}

// count counts a node and fails if there are too many.
func (c *compiler) count() {
	if c.built++; c.built > maxBuilt {
		c.fail(unsupported("an expression of more than %d steps", maxBuilt))
	}
}

func (c *compiler) fail(err error) int32 {
	if c.err == nil {
		c.err = err
	}
	return 0
}

// emit returns the instruction's number; equal ones are one.
func (c *compiler) emit(i instruction) int32 {
	if n, ok := c.known[i]; ok {
		return n
	}
	n := c.add(i)
	c.known[i] = n
	return n
}

func (c *compiler) add(i instruction) int32 {
	if len(c.code) >= maxCode {
		return c.fail(unsupported("an expression of more than %d steps", maxCode))
	}
	c.code = append(c.code, i)
	return int32(len(c.code) - 1)
}

func (c *compiler) set(s set) int32 {
	key := make([]byte, 0, 6*len(s))
	for _, r := range s {
		key = append(key, byte(r[0]>>16), byte(r[0]>>8), byte(r[0]), byte(r[1]>>16), byte(r[1]>>8), byte(r[1]))
	}
	n, ok := c.setNo[string(key)]
	if !ok {
		n = int32(len(c.sets))
		c.setNo[string(key)] = n
		c.sets = append(c.sets, s)
	}
	return n
}

// build returns where n begins. Two continuations are passed and two beginnings
// returned: the first is for a turn of a loop that has taken no character yet,
// the second for one that has. A turn without a character ends its loop (the
// empty check of compile_quant_body_with_empty_check in regcomp.c), which is
// why no instruction depends on itself.
func (c *compiler) build(n *node, next [2]int32) (begin [2]int32) {
	if c.count(); c.err != nil {
		return next
	}
	switch n.kind {
	case kindEmpty:
		return next
	case kindSet:
		at := c.emit(instruction{op: opChar, set: c.set(c.folds.of(n)), out: next[1]})
		return [2]int32{at, at}
	case kindConcat:
		for _, sub := range slices.Backward(n.subs) {
			next = c.build(sub, next)
		}
		return next
	case kindAlt:
		begin = c.build(n.subs[len(n.subs)-1], next)
		for _, sub := range slices.Backward(n.subs[:len(n.subs)-1]) {
			begin = c.split(c.build(sub, next), begin)
		}
		return begin
	case kindGroup:
		return c.build(n.subs[0], next)
	case kindRepeat:
		return c.repeat(n, next)
	case kindAtomic:
		if c.atomic++; c.atomic > maxAtomic {
			c.fail(unsupported("more than %d atomic groups", maxAtomic))
			return next
		}
		end := c.both(next, func(next int32) instruction { return instruction{op: opAtomicEnd, out: next} })
		return c.both(c.build(n.subs[0], end), func(sub int32) instruction { return instruction{op: opAtomic, out: sub} })
	case kindLook:
		return c.look(n, next)
	}
	return c.anchor(n.kind, next)
}

func (c *compiler) both(next [2]int32, make func(int32) instruction) [2]int32 {
	return [2]int32{c.emit(make(next[0])), c.emit(make(next[1]))}
}

func (c *compiler) split(first, second [2]int32) (at [2]int32) {
	for i := range at {
		at[i] = first[i]
		if first[i] != second[i] {
			at[i] = c.emit(instruction{op: opSplit, out: first[i], other: second[i]})
		}
	}
	return at
}

// prefer is split in the order of a quantifier.
func (c *compiler) prefer(lazy bool, again, next [2]int32) [2]int32 {
	if lazy {
		return c.split(next, again)
	}
	return c.split(again, next)
}

func (c *compiler) repeat(n *node, next [2]int32) [2]int32 {
	sub := n.subs[0]
	if (n.min > 1 || n.max > 1) && sub.nullable() && !sub.emptyLast() {
		c.fail(unsupported("a counted repeat of what may match nothing before it matches something"))
		return next
	}
	begin := next
	if n.max == unlimited {
		begin = c.loop(sub, n.lazy, next)
	} else {
		for range n.max - n.min {
			if begin = c.prefer(n.lazy, c.build(sub, begin), next); c.err != nil {
				return next
			}
		}
	}
	for range n.min {
		if begin = c.build(sub, begin); c.err != nil {
			return next
		}
	}
	return begin
}

// loop builds any number of turns of sub.
func (c *compiler) loop(sub *node, lazy bool, next [2]int32) (begin [2]int32) {
	// After a turn that took a character, the loop goes on where it would
	// were it entered after one.
	again := c.add(instruction{op: opSplit})
	turn := func(next int32) instruction {
		first, second := c.build(sub, [2]int32{next, again})[0], next
		if lazy {
			first, second = second, first
		}
		return instruction{op: opSplit, out: first, other: second}
	}
	if i := turn(next[1]); c.err == nil {
		c.code[again] = i
	}
	if next[0] == next[1] {
		return [2]int32{again, again}
	}
	return [2]int32{c.emit(turn(next[0])), again}
}

// test builds an instruction that goes on to next or, negated, where it would
// have failed.
func (c *compiler) test(i instruction, not bool, next [2]int32) [2]int32 {
	failed := c.emit(instruction{op: opFail})
	return c.both(next, func(next int32) instruction {
		i.out, i.other = next, failed
		if not {
			i.out, i.other = failed, next
		}
		return i
	})
}

func (c *compiler) anchor(k kind, next [2]int32) [2]int32 {
	failed := c.emit(instruction{op: opFail})
	switch k {
	case kindTextStart:
		return c.test(instruction{op: opTextStart}, false, next)
	case kindTextEnd:
		return c.test(instruction{op: opTextEnd}, false, next)
	case kindLineStart: // after a newline that does not end the text
		return c.both(next, func(next int32) instruction {
			inside := c.emit(instruction{op: opTextEnd, out: failed, other: next})
			after := c.emit(instruction{op: opPrevious, set: c.set(newline), out: inside, other: failed})
			return instruction{op: opTextStart, out: next, other: after}
		})
	}
	// kindWordEdge, kindNoWordEdge
	word := newSet(ucd.WordOperator())
	match := c.emit(instruction{op: opMatch})
	after := c.emit(instruction{op: opChar, set: c.set(word), out: match})
	return c.both(next, func(next int32) instruction {
		here, there := next, failed // where the character after is a word's, and where not
		if k == kindWordEdge {
			here, there = failed, next
		}
		afterWord := c.emit(instruction{op: opLook, sub: after, out: here, other: there})
		afterOther := c.emit(instruction{op: opLook, sub: after, out: there, other: here})
		return instruction{op: opPrevious, set: c.set(word), out: afterWord, other: afterOther}
	})
}

func (c *compiler) look(n *node, next [2]int32) [2]int32 {
	if !n.back {
		match := c.emit(instruction{op: opMatch})
		sub := c.build(n.subs[0], [2]int32{match, match})
		return c.test(instruction{op: opLook, sub: sub[0]}, n.not, next)
	}
	words, err := c.behind(n.subs[0])
	if err != nil {
		c.fail(err)
		return next
	}
	var one set // what a single character behind may be
	single := true
	for _, word := range words {
		if len(word) == 0 { // is always there
			if n.not {
				failed := c.emit(instruction{op: opFail})
				return [2]int32{failed, failed}
			}
			return next
		}
		one = one.union(word[0])
		single = single && len(word) == 1
	}
	if single {
		return c.test(instruction{op: opPrevious, set: c.set(one)}, n.not, next)
	}
	if len(c.behinds) == maxBehind {
		c.fail(unsupported("more than %d look-behinds of several characters", maxBehind))
		return next
	}
	var numbers [][]int32
	for _, word := range words {
		var w []int32
		for _, s := range word {
			w = append(w, c.set(s))
		}
		numbers = append(numbers, w)
	}
	c.behinds = append(c.behinds, numbers)
	return c.test(instruction{op: opBehind, behind: int32(len(c.behinds) - 1)}, n.not, next)
}

// maxWords bounds the alternatives of a look-behind.
const maxWords = 64

// behind returns the sequences of characters that a look-behind matches.
func (c *compiler) behind(n *node) (words [][]set, err error) {
	if c.count(); c.err != nil {
		return nil, c.err
	}
	words = [][]set{nil}
	switch n.kind {
	case kindEmpty:
	case kindSet:
		words[0] = []set{c.folds.of(n)}
	case kindConcat:
		for _, sub := range n.subs {
			if words, err = c.product(words, sub); err != nil {
				return nil, err
			}
		}
	case kindAlt:
		words = nil
		for _, sub := range n.subs {
			more, err := c.behind(sub)
			if err != nil {
				return nil, err
			}
			words = append(words, more...)
		}
	case kindGroup:
		return c.behind(n.subs[0])
	case kindRepeat:
		if n.min != n.max {
			return nil, unsupported("a look-behind of no fixed length")
		}
		for range n.min {
			if words, err = c.product(words, n.subs[0]); err != nil {
				return nil, err
			}
		}
	default:
		return nil, unsupported("a look-behind of more than characters")
	}
	if len(words) > maxWords || len(words) > 0 && len(words[0]) > maxWords {
		return nil, unsupported("a look-behind of more than %d", maxWords)
	}
	return words, nil
}

// product returns every one of words followed by what sub matches.
func (c *compiler) product(words [][]set, sub *node) (out [][]set, err error) {
	ends, err := c.behind(sub)
	if err == nil && len(words)*len(ends) > maxWords {
		err = unsupported("a look-behind of more than %d alternatives", maxWords)
	}
	if err != nil {
		return nil, err
	}
	for _, word := range words {
		for _, end := range ends {
			out = append(out, append(slices.Clone(word), end...))
		}
	}
	return out, nil
}

// finish drops what start does not reach and puts the rest in order.
func (c *compiler) finish(start int32) (*program, error) {
	p := &program{sets: c.sets, behinds: c.behinds}
	number := make([]int32, len(c.code)) // new number + 1; -1 while its dependencies are looked at
	var later []int32                    // what is reached over characters
	var visit func(int32) error
	visit = func(old int32) error {
		switch number[old] {
		case -1:
			return unsupported("a loop that the automaton does not know")
		case 0:
		default:
			return nil
		}
		number[old] = -1
		i := c.code[old]
		var here []int32
		switch i.op {
		case opMatch, opFail:
		case opChar:
			later = append(later, i.out)
		case opAtomic, opAtomicEnd:
			here = []int32{i.out}
		case opLook:
			here = []int32{i.out, i.other, i.sub}
		default:
			here = []int32{i.out, i.other}
		}
		for _, dependency := range here {
			if err := visit(dependency); err != nil {
				return err
			}
		}
		p.code = append(p.code, i)
		number[old] = int32(len(p.code))
		return nil
	}
	later = append(later, start)
	for len(later) > 0 {
		next := later[len(later)-1]
		later = later[:len(later)-1]
		if err := visit(next); err != nil {
			return nil, err
		}
	}
	for j := range p.code {
		i := &p.code[j]
		switch i.op {
		case opMatch, opFail:
			i.out, i.other, i.sub = 0, 0, 0
		case opLook:
			i.sub = number[i.sub] - 1
			fallthrough
		case opSplit, opPrevious, opTextEnd, opTextStart, opBehind:
			i.other = number[i.other] - 1
			fallthrough
		default:
			i.out = number[i.out] - 1
		}
	}
	p.start = number[start] - 1
	return p, nil
}
