package automaton

// tables are the states of one expression, numbered as they occur, and what
// follows from them, found when it is first needed. When they are full they
// are emptied.
type tables struct {
	re      *Regexp
	numbers map[string]int
	states  []string // what is known at a position, see evaluate
	limit   int      // of states
	emptied int      // how often

	// The tables have 1<<shift columns, one a state: those that are looked at
	// for one class, or one landing, are neighbours.
	shift  uint
	leftOf []uint16 // by class and what is before, the state before the character; noState is not known yet
	ahead  []int32  // by landing, where a match goes on: a landing, or one of the below

	scratch []byte
}

// noState is none of the states.
const noState = 0xFFFF

const (
	accept  = -1 // nowhere: it ends here
	dead    = -2 // there is no match
	unknown = -3
)

const (
	maxStates = 1 << 14
	minStates = 1 << 7
	maxTables = 16 << 20 // bytes, if minStates fit
)

// atEnd is the class of the character after the text.
const atEnd = -1

// saved is a state that outlives the emptying of the tables.
type saved struct {
	values  string
	number  int
	emptied int
}

func (t *tables) init(re *Regexp) {
	t.re = re
	perState := 2*t.rows() + 4*len(re.landings) + len(re.code) + 64
	t.limit = min(maxStates, max(minStates, maxTables/perState))
	t.empty()
}

// rows returns how many rows leftOf has.
func (t *tables) rows() int {
	return t.re.alphabet.classes * len(t.re.context) << len(t.re.behinds)
}

func (t *tables) empty() {
	t.numbers = map[string]int{}
	t.states, t.leftOf, t.ahead = t.states[:0], nil, nil
	t.shift = 4
	t.grow()
	t.emptied++
}

// grow doubles the columns.
func (t *tables) grow() {
	t.leftOf = widen(t.leftOf, t.rows(), t.shift, noState)
	t.ahead = widen(t.ahead, len(t.re.landings), t.shift, unknown)
	t.shift++
}

// widen returns a table with twice the columns, new ones filled.
func widen[T any](old []T, rows int, shift uint, fill T) []T {
	table := make([]T, rows<<(shift+1))
	for i := range table {
		table[i] = fill
	}
	for row := range len(old) >> shift {
		copy(table[row<<(shift+1):], old[row<<shift:(row+1)<<shift])
	}
	return table
}

func (t *tables) save(state int) saved { return saved{t.states[state], state, t.emptied} }

func (t *tables) restore(s saved) int {
	if s.emptied == t.emptied {
		return s.number
	}
	if len(t.states) >= t.limit {
		t.empty()
	}
	return t.intern([]byte(s.values))
}

// intern returns the number of a state.
func (t *tables) intern(values []byte) int {
	n, ok := t.numbers[string(values)]
	if !ok {
		n = len(t.states)
		if n == 1<<t.shift {
			t.grow()
		}
		key := string(values)
		t.states = append(t.states, key)
		t.numbers[key] = n
	}
	return n
}

// left returns the state before a character of a class, of the state after it
// and of what is before the character. Emptied tells that all other states are
// forgotten.
func (t *tables) left(state, class, before int) (left int, emptied bool) {
	values := t.evaluate(t.states[state], class, before)
	left, ok := t.numbers[string(values)]
	switch {
	case ok:
	case len(t.states) < t.limit:
		left = t.intern(values)
	default:
		t.empty()
		return t.intern(values), true
	}
	row := class*(t.rows()/t.re.alphabet.classes) + before
	t.leftOf[row<<t.shift|state] = uint16(left)
	return left, false
}

// evaluate returns what is known at a position: the values of all instructions
// (see op), of which those after the next character are in after, then what
// tells apart states in which the same instructions lead on, but differently:
// what is before, and whether this is the end. It stays valid until the next
// call.
func (t *tables) evaluate(after string, class, before int) []byte {
	v := t.scratch[:0]
	for _, i := range t.re.code {
		var value byte
		switch i.op {
		case opMatch:
			value = 1
		case opFail:
		case opChar:
			if class != atEnd && t.re.members[i.set][class] {
				value = after[i.out]
			}
		case opAtomicEnd:
			value = v[i.out] + 1
		case opAtomic:
			value = v[i.out]
			if value > 0 {
				value--
			}
		default:
			value = v[t.choose(i, v, before, class == atEnd)]
		}
		v = append(v, value)
	}
	end := byte(0)
	if class == atEnd {
		end = 1
	}
	t.scratch = append(v, byte(before>>8), byte(before), end)
	return t.scratch
}

// choose returns which of its two ways an instruction takes.
func (t *tables) choose(i instruction, values []byte, before int, end bool) int32 {
	var first bool
	context := int(t.re.context[before>>len(t.re.behinds)]) // a class + 1
	switch i.op {
	case opSplit:
		first = values[i.out] != 0
	case opPrevious:
		first = context > 0 && t.re.members[i.set][context-1]
	case opTextStart:
		first = context == 0
	case opTextEnd:
		first = end
	case opBehind:
		first = before>>(len(t.re.behinds)-1-int(i.behind))&1 != 0
	case opLook:
		first = values[i.sub] != 0
	}
	if first {
		return i.out
	}
	return i.other
}

// follow finds where a match goes from a landing in a state.
func (t *tables) follow(state, landing int) int32 {
	values := []byte(t.states[state])
	tail := values[len(t.re.code):]
	before, end := int(tail[0])<<8|int(tail[1]), tail[2] != 0
	at := t.re.landings[landing]
	next := int32(unknown)
	for next == unknown {
		switch i := t.re.code[at]; {
		case values[at] == 0:
			next = dead
		case i.op == opMatch:
			next = accept
		case i.op == opChar:
			next = t.re.landing[i.out]
		case i.op == opAtomic || i.op == opAtomicEnd:
			at = i.out
		default:
			at = t.choose(i, values, before, end)
		}
	}
	t.ahead[landing<<t.shift|state] = next
	return next
}
