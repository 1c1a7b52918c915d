package automaton

import (
	"slices"
	"unicode/utf8"
)

// Matcher finds the matches of one expression in one text after the other. It
// holds the scratch of one goroutine, which is bounded.
type Matcher struct {
	re   *Regexp
	text []byte
	tables

	// Of the positions from lo up to, but not with, top the states are known.
	lo, top int
	block   int      // how many are known at a time
	known   []uint16 // at characters' starts

	// Positions to the right whose state was known, from the right. The first
	// is the end of the text, the last is the nearest.
	marks []mark
	ends  []saved // the state at the end of a text, by what is before it
}

type mark struct {
	at int
	saved
}

// maxBlock is the block of a Matcher.
const maxBlock = 32 << 10

// Matcher returns a new matcher.
func (re *Regexp) Matcher() *Matcher {
	m := &Matcher{re: re, block: maxBlock}
	m.tables.init(re)
	m.ends = make([]saved, len(re.context)<<len(re.behinds))
	return m
}

// Start begins a text, which must be valid UTF-8, and not change until the
// next.
func (m *Matcher) Start(text []byte) {
	m.text = text
	m.lo, m.top = 0, 0
	before := m.before(len(text), m.classBefore(len(text)))
	end := &m.ends[before]
	if end.values == "" {
		*end = m.save(m.intern(m.evaluate("", atEnd, before)))
	}
	m.marks = append(m.marks[:0], mark{len(text), *end})
}

// Find returns where the first match at or after from begins and ends; from is
// a character's start or the end. See Regexp.Find.
func (m *Matcher) Find(from int) (start, end int, ok bool) {
	if from < m.lo {
		m.Start(m.text)
	}
	for start = from; ; start += runeLen(m.text[start]) {
		if start >= m.top {
			m.load(start)
		}
		state := int(m.known[start-m.lo])
		next := m.ahead[state] // of landing 0
		if next == unknown {
			next = m.follow(state, 0)
		}
		switch {
		case next >= 0:
			return start, m.walk(start, int(next)), true
		case next == accept:
			return start, start, true
		case start == len(m.text):
			return 0, 0, false
		}
	}
}

// walk returns the end of a match that goes from a position, over the character
// there, to a landing.
func (m *Matcher) walk(at, landing int) int {
	text := m.text
	for {
		// What only load changes.
		lo, top, shift, known, ahead := m.lo, m.top, m.shift, m.known, m.ahead
		for {
			if b := text[at]; b < utf8.RuneSelf {
				at++
			} else {
				at += runeLen(b)
			}
			if at >= top {
				break
			}
			state := int(known[at-lo])
			next := ahead[landing<<(shift&63)|state]
			if next < 0 {
				if next == unknown {
					next = m.follow(state, landing)
				}
				if next == accept {
					return at
				}
			}
			landing = int(next)
		}
		m.load(at)
		state := int(m.known[0])
		next := m.ahead[landing<<m.shift|state]
		if next == unknown {
			next = m.follow(state, landing)
		}
		if next == accept {
			return at
		}
		landing = int(next)
	}
}

// runeLen returns the length of the character that begins with b.
func runeLen(b byte) int {
	switch {
	case b < 0x80:
		return 1
	case b < 0xE0:
		return 2
	case b < 0xF0:
		return 3
	}
	return 4
}

// classBefore returns the class of the character before a position, plus 1, or
// 0 at the beginning.
func (m *Matcher) classBefore(at int) int {
	if at == 0 {
		return 0
	}
	if b := m.text[at-1]; b < utf8.RuneSelf {
		return int(m.re.alphabet.ascii[b]) + 1
	}
	r, _ := utf8.DecodeLastRune(m.text[:at])
	return int(m.re.alphabet.class(r)) + 1
}

// before returns what instructions can know of what is before a position: the
// context that the class + 1 of the character before is, and a bit for every
// look-behind of several characters.
func (m *Matcher) before(at, class int) int {
	before := int(m.re.contexts[class])
	for _, words := range m.re.behinds {
		before <<= 1
		if slices.ContainsFunc(words, func(word []int32) bool { return m.isBehind(at, word) }) {
			before |= 1
		}
	}
	return before
}

func (m *Matcher) isBehind(at int, word []int32) bool {
	for _, set := range slices.Backward(word) {
		class := m.classBefore(at)
		if class == 0 || !m.re.members[set][class-1] {
			return false
		}
		_, n := utf8.DecodeLastRune(m.text[:at])
		at -= n
	}
	return true
}

// load finds the states of positions from at on.
func (m *Matcher) load(at int) {
	for len(m.marks) > 1 && m.marks[len(m.marks)-1].at <= at {
		m.marks = m.marks[:len(m.marks)-1]
	}
	for {
		right := m.marks[len(m.marks)-1]
		if right.at-at <= m.block {
			m.lo, m.top = at, right.at
			if right.at == len(m.text) {
				m.top++
			}
			left := m.run(at, right, true)
			if left.at == at {
				return
			}
			if left.at < right.at {
				m.marks = append(m.marks, left)
			}
			continue
		}
		// Too far: the states between are forgotten but for marks.
		lo := right.at - m.block
		for !utf8.RuneStart(m.text[lo]) {
			lo++
		}
		m.marks = append(m.marks, m.run(lo, right, false))
	}
}

// run goes from a mark to the left and returns a mark there: at lo, or, if the
// states are to be kept, after the character before which the tables had to be
// emptied, so that there are none.
func (m *Matcher) run(lo int, right mark, keep bool) (left mark) {
	if need := right.at - lo + 1; len(m.known) < need {
		m.known = make([]uint16, min(2*need, maxBlock+1))
	}
	text, known, alphabet := m.text[lo:right.at], m.known[:right.at-lo+1], m.re.alphabet
	state := m.restore(right.saved)
	known[len(text)] = uint16(state)
	asks := len(m.ends) > 1 // instructions ask what is before
	leftOf, shift := m.leftOf, m.shift
	for i := len(text); i > 0; {
		after := i // the position that state is of
		i--
		var class int
		if b := text[i]; b < utf8.RuneSelf {
			class = int(alphabet.ascii[b])
		} else {
			r, n := utf8.DecodeLastRune(text[:after])
			i = after - n
			class = int(alphabet.class(r))
		}
		row := class
		before := 0
		if asks {
			before = m.before(lo+i, m.classBefore(lo+i))
			row = class*len(m.ends) + before
		}
		next := int(leftOf[row<<(shift&63)|state])
		if next == noState {
			here := m.states[state]
			var emptied bool
			if next, emptied = m.left(state, class, before); emptied && keep {
				return mark{lo + after, saved{values: here}}
			}
			leftOf, shift = m.leftOf, m.shift
		}
		state = next
		known[i] = uint16(state)
	}
	return mark{lo, m.save(state)}
}
