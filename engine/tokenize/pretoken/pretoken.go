// Package pretoken cuts text into pretokens: the pieces inside which a
// byte-level BPE model merges.
//
// Rules say how. They are found from the expressions of the Splits in a
// tokenizer.json, and (*Rules).Next is those expressions as Oniguruma matches
// them, alternatives in order, greedy with backtracking, written by hand: the
// specification. A Scanner finds the same boundaries 64 bytes at a time.
//
// The families, by the names that Rules carry:
//
//	G2    GPT-2, GPT-NeoX, OLMo 1, ModernBERT
//	G2D   StarCoder, SmolLM, Command R: numbers cut out first, then as G2
//	CL    cl100k as OpenAI spells it today, Phi-4
//	L3    Llama 3, OLMo 2, GLM-4, and cl100k as it was first published
//	Q2    Qwen 2, 2.5 and 3
//	Q3.5  Qwen 3.5
//	O2    o200k: GPT-4o, gpt-oss, Llama 4
//	TK    Tekken: Mistral Nemo
//	KM    Kimi K2
//	DS    DeepSeek V3
package pretoken

import (
	"math"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// Rules are how one family cuts. They are immutable.
type Rules struct {
	grammar grammar
	// fold makes contractions match in any case; the grammar says whether a
	// contraction is a pretoken or the end of one.
	contractions, fold bool
	// digits is the longest run of numbers, in characters, in one pretoken.
	digits int
	// marks makes \p{M} letters.
	marks bool
	// slashes makes / continue line ends after signs.
	slashes bool
	// trailing keeps white space at the end of the text in one piece.
	trailing bool
	// han cuts out runs of the script Han before all else.
	han bool
}

// grammar is the shape of an expression.
type grammar uint8

const (
	spaced   grammar = iota // letters, numbers and signs with a space before
	apart                   // spaced, in the pieces between numbers
	prefixed                // letters with any one character before
	cased                   // the same, cut where lower case turns to upper
	pieced                  // DeepSeek's three expressions
)

// unlimited is longer than any text.
const unlimited = math.MaxInt

// GPT2 returns the rules of a ByteLevel with its own expression.
func GPT2() *Rules { return &Rules{grammar: spaced, contractions: true, digits: unlimited} }

// AfterDigits returns the rules of a ByteLevel with its own expression after a
// Digits, which makes every number a piece of its own, or every run of them.
func AfterDigits(individual bool) *Rules {
	r := &Rules{grammar: apart, contractions: true, digits: unlimited}
	if individual {
		r.digits = 1
	}
	return r
}

// Name returns the name of the family.
func (r *Rules) Name() string {
	switch {
	case r.grammar == spaced:
		return "G2"
	case r.grammar == apart:
		return "G2D"
	case r.grammar == pieced:
		return "DS"
	case r.han:
		return "KM"
	case r.grammar == cased && r.contractions:
		return "O2"
	case r.grammar == cased:
		return "TK"
	case r.marks:
		return "Q3.5"
	case r.trailing || r.digits == unlimited:
		return "CL"
	case r.digits == 1:
		return "Q2"
	}
	return "L3"
}

// Next returns where the pretoken that begins at i ends, i < end ≤ len(text).
// It is called from the start of a segment on, each time with the last answer,
// and looks at nothing before i. What an expression leaves unmatched is a
// pretoken too. It takes time in proportion to the pretoken and the white space
// or letters behind it; a text cut from end to end takes time in proportion to
// its length.
func (r *Rules) Next(text []byte, i int) (end int) {
	switch r.grammar {
	case spaced:
		return r.nextSpaced(text, i)
	case apart:
		return r.nextApart(text, i)
	case prefixed:
		return r.nextPrefixed(text, i)
	case cased:
		return r.nextCased(text, i)
	}
	return r.nextPieced(text, i)
}

// nextSpaced is the expression of GPT-2:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func (r *Rules) nextSpaced(text []byte, i int) int {
	if text[i] == '\'' {
		if n := r.contraction(text, i); n > 0 {
			return i + n
		}
	}
	j := i
	if text[i] == ' ' && i+1 < len(text) {
		j++
	}
	switch c, n := classAt(text, j); c {
	case ucd.Upper, ucd.Lower, ucd.OtherLetter:
		return run(text, j+n, ucd.Letter)
	case ucd.Number:
		return run(text, j+n, ucd.Number)
	case ucd.Space:
		s := spaceRun(text, i)
		return s.beforeWord(s.end == len(text))
	default:
		return runWithout(text, j+n, ucd.Space|ucd.Letter|ucd.Number)
	}
}

// nextApart is nextSpaced for the pieces that a Digits leaves. Rust says what
// is a number there, and its Unicode 17 knows some that Oniguruma does not: the
// expression finds signs in those.
func (r *Rules) nextApart(text []byte, i int) int {
	if kind, n := numeralAt(text, i); kind != noNumeral {
		i += n
		for r.digits > 1 {
			again, n := numeralAt(text, i)
			if again != kind {
				break
			}
			i += n
		}
		return i
	}
	if text[i] == ' ' {
		if kind, _ := numeralAt(text, i+1); kind != noNumeral {
			return i + 1
		}
	}
	if c, _ := classAt(text, i); c == ucd.Space {
		if s := spaceRun(text, i); s.last > i || text[i] != ' ' {
			kind, _ := numeralAt(text, s.end)
			return s.beforeWord(s.end == len(text) || kind != noNumeral)
		}
	}
	if text[i] == '\'' && r.contraction(text, i) > 0 {
		return r.nextSpaced(text, i)
	}
	end := i
	if text[i] == ' ' {
		end++
	}
	for signs := end; ; { // to the next numeral
		kind, n := numeralAt(text, end)
		if n == 0 || kind != noNumeral {
			return end
		}
		if c, _ := classAt(text, end); c&(ucd.Space|ucd.Letter) != 0 {
			if end > signs {
				return end
			}
			return r.nextSpaced(text, i)
		}
		end += n
	}
}

// nextPrefixed is the expression of cl100k and its descendants:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//	 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// with \s++$ before \s*[\r\n]+ where trailing, and with [\p{L}\p{M}] for \p{L}
// but in the first bracket where marks are letters.
func (r *Rules) nextPrefixed(text []byte, i int) int {
	b := text[i]
	if b == '\'' {
		if n := r.contraction(text, i); n > 0 {
			return i + n
		}
	}
	letters := ucd.Letter
	if r.marks {
		letters |= ucd.Mark
	}
	c, n := classAt(text, i)
	switch {
	case c&letters != 0:
		return run(text, i+n, letters)
	case c == ucd.Number:
		return numbers(text, i+n, r.digits)
	case b != '\r' && b != '\n' && i+n < len(text):
		if c, m := classAt(text, i+n); c&letters != 0 {
			return run(text, i+n+m, letters)
		}
	}
	if end := signs(text, i, letters); end > i {
		return r.lineEnds(text, end)
	}
	s := spaceRun(text, i)
	if r.trailing && s.end == len(text) {
		return s.end
	}
	return s.afterNewline(s.end == len(text))
}

// nextCased is the expression of o200k and, without contractions, of Tekken.
// With U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and W = [\p{Ll}\p{Lm}\p{Lo}\p{M}]:
//
//	[^\r\n\p{L}\p{N}]?U*W+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
//	[^\r\n\p{L}\p{N}]?U+W*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Kimi has [\p{Han}]+ before it and takes \p{Han} out of U and W.
func (r *Rules) nextCased(text []byte, i int) int {
	if r.han {
		if end := hanRun(text, i); end > i {
			return end
		}
	}
	c, n := classAt(text, i)
	switch {
	case c&ucd.Letter != 0:
		end, _ := r.casedWord(text, i)
		return r.suffix(text, end)
	case c == ucd.Number:
		return numbers(text, i+n, r.digits)
	case text[i] != '\r' && text[i] != '\n':
		end, lower := r.casedWord(text, i+n)
		if c == ucd.Mark && !lower {
			// The mark cannot be the prefix of U*W+, but it can be its W,
			// which comes before U+W*.
			return r.suffix(text, i+n)
		}
		if end > i+n {
			return r.suffix(text, end)
		}
	}
	if end := signs(text, i, ucd.Letter); end > i {
		return r.lineEnds(text, end)
	}
	s := spaceRun(text, i)
	return s.afterNewline(s.end == len(text))
}

// suffix returns the end of the contraction that may follow a word.
func (r *Rules) suffix(text []byte, i int) int {
	if r.contractions && i < len(text) && text[i] == '\'' {
		return i + r.contraction(text, i)
	}
	return i
}

const (
	casedUpper = ucd.Upper | ucd.OtherLetter | ucd.Mark
	casedLower = ucd.Lower | ucd.OtherLetter | ucd.Mark
)

// casedWord matches U*W+ at i, or else U+W*; end is i where neither matches,
// lower tells that the first did.
func (r *Rules) casedWord(text []byte, i int) (end int, lower bool) {
	lowerEnd := -1 // of the last character of the run of U that is also W
	end = i
	for end < len(text) {
		c, n := r.casedAt(text, end)
		if c&casedUpper == 0 {
			break
		}
		end += n
		if c&casedLower != 0 {
			lowerEnd = end
		}
	}
	after := end
	for after < len(text) {
		c, n := r.casedAt(text, after)
		if c&casedLower == 0 {
			break
		}
		after += n
	}
	if after > end {
		return after, true
	}
	if lowerEnd >= 0 {
		return lowerEnd, true
	}
	return end, false
}
