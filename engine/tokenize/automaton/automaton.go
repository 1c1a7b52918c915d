// Package automaton matches the regular expressions of tokenizers as Oniguruma
// 6.9.10 does, the library that Hugging Face tokenizers asks (onig 6.5.3,
// syntax ONIG_SYNTAX_ONIGURUMA), in time that grows with the text alone.
//
// Oniguruma tries one way through an expression after the other and takes the
// first that matches. Here it is known beforehand which ways do: a pass over
// the text from the right finds for every position all points of the
// expression from which a match goes on, then a pass from the left only ever
// takes the first way that leads to one (Frisch and Cardelli, Greedy regular
// expression matching, ICALP 2004). What the first pass finds at a position is
// a set; sets are numbered as they occur, so that both passes are look-ups in
// tables. Looking ahead costs nothing: it asks whether some point goes on
// from here, which the first pass has found.
//
// What cannot be matched so is refused by name: back references and calls,
// conditions, absent operators, \K, \G, \X, look-behinds of no fixed length,
// case ignored where one character matches a sequence, and a few more.
package automaton

import "sync"

// Regexp is a compiled expression. It is safe for concurrent use.
type Regexp struct {
	code     []instruction
	start    int32 // among landings
	alphabet *alphabet
	members  [][]bool // of every set its classes
	behinds  [][][]int32
	landing  []int32 // of every instruction its number among those that a match can stand at, or -1
	landings []int32 // their instructions
	contexts []uint8 // what opPrevious can tell of the character before, by its class + 1; 0 is the beginning
	context  []int16 // of every context a class + 1
	matchers sync.Pool
}

// Compile reads an expression in Oniguruma's default syntax. Errors wrap
// doc.ErrUnsupported and name what the automaton does not match, or what
// Oniguruma would not read.
func Compile(expr string) (*Regexp, error) {
	n, err := parse(expr)
	if err != nil {
		return nil, err
	}
	return newRegexp(n)
}

func newRegexp(n *node) (*Regexp, error) {
	p, err := compile(n)
	if err != nil {
		return nil, err
	}
	re := &Regexp{code: p.code, behinds: p.behinds}
	var ok bool
	if re.alphabet, re.members, ok = newAlphabet(p.sets); !ok {
		return nil, unsupported("an expression that tells apart more than %d kinds of characters", maxClasses)
	}
	re.setLandings(p.start)
	re.setContexts()
	re.matchers.New = func() any { return re.Matcher() }
	return re, nil
}

func (re *Regexp) setLandings(start int32) {
	re.landing = make([]int32, len(re.code))
	for i := range re.landing {
		re.landing[i] = -1
	}
	land := func(i int32) {
		if re.landing[i] < 0 {
			re.landing[i] = int32(len(re.landings))
			re.landings = append(re.landings, i)
		}
	}
	land(start)
	re.start = 0
	for _, i := range re.code {
		if i.op == opChar {
			land(i.out)
		}
	}
}

// setContexts divides the classes by what instructions ask of the character
// before.
func (re *Regexp) setContexts() {
	var asked []int32
	start := false
	for _, i := range re.code {
		switch i.op {
		case opPrevious:
			asked = append(asked, i.set)
		case opTextStart:
			start = true
		}
	}
	re.contexts = make([]uint8, re.alphabet.classes+1)
	numbers := map[string]uint8{}
	for c := range re.contexts { // class + 1
		key := make([]byte, len(asked)+1)
		if c == 0 && start {
			key[0] = 1
		}
		for j, s := range asked {
			if c > 0 && re.members[s][c-1] {
				key[1+j] = 1
			}
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = uint8(len(numbers))
			numbers[string(key)] = n
			re.context = append(re.context, int16(c))
		}
		re.contexts[c] = n
	}
}

// Find returns where the first match at or after from begins and ends, in a
// text that is valid UTF-8 and shorter than 2 GiB; from is a character's start
// or the end. What stands before from is seen by look-behinds and anchors.
// Finding all matches of a text is quicker with a Matcher.
func (re *Regexp) Find(text []byte, from int) (start, end int, ok bool) {
	m := re.matchers.Get().(*Matcher)
	m.Start(text)
	start, end, ok = m.Find(from)
	m.text = nil
	re.matchers.Put(m)
	return start, end, ok
}
