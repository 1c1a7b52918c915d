package bpe

import (
	"math"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// A pretokenizer cuts text into pretokens: next returns where the one that
// begins at i ends, i < next ≤ len(text). It is called from the start of a
// segment on, each time with the last answer, and looks at nothing before i.
//
// Each is a hand-written scanner for one regular expression as Oniguruma
// matches it, alternatives in order, greedy with backtracking; what the
// expression leaves unmatched is a pretoken too.
type pretokenizer interface {
	next(text []byte, i int) int
}

// spaced is the expression of GPT-2:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
type spaced struct{}

func (spaced) next(text []byte, i int) int {
	if text[i] == '\'' {
		if n := contraction(text, i, false); n > 0 {
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

// prefixed is the expression of cl100k and its descendants:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//	 ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
type prefixed struct {
	digits   int  // longest \p{N} run in one pretoken
	trailing bool // \s++$ comes before \s*[\r\n]+
}

func (p prefixed) next(text []byte, i int) int {
	b := text[i]
	if b == '\'' {
		if n := contraction(text, i, true); n > 0 {
			return i + n
		}
	}
	c, n := classAt(text, i)
	switch {
	case c&ucd.Letter != 0:
		return run(text, i+n, ucd.Letter)
	case c == ucd.Number:
		return numbers(text, i+n, p.digits)
	case b != '\r' && b != '\n' && i+n < len(text):
		if c, m := classAt(text, i+n); c&ucd.Letter != 0 {
			return run(text, i+n+m, ucd.Letter)
		}
	}
	if end := punctuation(text, i); end > i {
		return newlines(text, end)
	}
	s := spaceRun(text, i)
	if p.trailing && s.end == len(text) {
		return s.end
	}
	return s.afterNewline(s.end == len(text))
}

// cased is the expression of o200k and, without contractions, of Tekken. With
// U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and W = [\p{Ll}\p{Lm}\p{Lo}\p{M}]:
//
//	[^\r\n\p{L}\p{N}]?U*W+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
//	[^\r\n\p{L}\p{N}]?U+W*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
type cased struct {
	digits       int // longest \p{N} run in one pretoken
	contractions bool
}

const (
	casedUpper = ucd.Upper | ucd.OtherLetter | ucd.Mark
	casedLower = ucd.Lower | ucd.OtherLetter | ucd.Mark
)

func (p cased) next(text []byte, i int) int {
	c, n := classAt(text, i)
	switch {
	case c&ucd.Letter != 0:
		end, _ := casedWord(text, i)
		return p.suffix(text, end)
	case c == ucd.Number:
		return numbers(text, i+n, p.digits)
	case text[i] != '\r' && text[i] != '\n':
		end, lower := casedWord(text, i+n)
		if c == ucd.Mark && !lower {
			// The mark cannot be the prefix of U*W+, but it can be its W,
			// which comes before U+W*.
			return p.suffix(text, i+n)
		}
		if end > i+n {
			return p.suffix(text, end)
		}
	}
	if end := punctuation(text, i); end > i {
		for end < len(text) && (text[end] == '\r' || text[end] == '\n' || text[end] == '/') {
			end++
		}
		return end
	}
	s := spaceRun(text, i)
	return s.afterNewline(s.end == len(text))
}

func (p cased) suffix(text []byte, i int) int {
	if p.contractions && i < len(text) && text[i] == '\'' {
		return i + contraction(text, i, true)
	}
	return i
}

// casedWord matches U*W+ at i, or else U+W*; end is i where neither matches,
// lower tells that the first did.
func casedWord(text []byte, i int) (end int, lower bool) {
	lowerEnd := -1 // of the last character of the run of U that is also W
	end = i
	for end < len(text) {
		c, n := classAt(text, end)
		if c&casedUpper == 0 {
			break
		}
		end += n
		if c&casedLower != 0 {
			lowerEnd = end
		}
	}
	if after := run(text, end, casedLower); after > end {
		return after, true
	}
	if lowerEnd >= 0 {
		return lowerEnd, true
	}
	return end, false
}

// classAt returns the class of the character at i and its length.
func classAt(text []byte, i int) (ucd.Class, int) {
	if b := text[i]; b < utf8.RuneSelf {
		return ucd.ASCII[b], 1
	}
	return wideClassAt(text, i)
}

func wideClassAt(text []byte, i int) (ucd.Class, int) {
	r, n := utf8.DecodeRune(text[i:])
	return ucd.ClassOf(r), n
}

// run returns where the run of characters of the given classes that begins at
// i ends.
func run(text []byte, i int, classes ucd.Class) int {
	for i < len(text) {
		c, n := classAt(text, i)
		if c&classes == 0 {
			break
		}
		i += n
	}
	return i
}

// runWithout is run for the characters that are not of the given classes.
func runWithout(text []byte, i int, classes ucd.Class) int {
	for i < len(text) {
		c, n := classAt(text, i)
		if c&classes != 0 {
			break
		}
		i += n
	}
	return i
}

// unlimited is longer than any text.
const unlimited = math.MaxInt

// numbers returns where a pretoken of at most most numbers ends whose first
// number ends at i.
func numbers(text []byte, i, most int) int {
	for ; most > 1 && i < len(text); most-- {
		c, n := classAt(text, i)
		if c != ucd.Number {
			break
		}
		i += n
	}
	return i
}

// punctuation matches ` ?[^\s\p{L}\p{N}]+` at i; the answer is i if it does not.
func punctuation(text []byte, i int) int {
	j := i
	if text[i] == ' ' {
		j++
	}
	if end := runWithout(text, j, ucd.Space|ucd.Letter|ucd.Number); end > j {
		return end
	}
	return i
}

func newlines(text []byte, i int) int {
	for i < len(text) && (text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// spaceExtent is a run of white space: where it ends, where its last
// character begins, and where its last \r or \n ends.
type spaceExtent struct {
	begin, end, last, newline int // newline is begin if there is none
}

func spaceRun(text []byte, i int) spaceExtent {
	s := spaceExtent{begin: i, end: i, last: i, newline: i}
	for s.end < len(text) {
		c, n := classAt(text, s.end)
		if c != ucd.Space {
			break
		}
		s.last = s.end
		s.end += n
		if b := text[s.last]; b == '\r' || b == '\n' {
			s.newline = s.end
		}
	}
	return s
}

// beforeWord matches \s+(?!\S)|\s+; closed tells that no character follows the
// run.
func (s spaceExtent) beforeWord(closed bool) int {
	if closed || s.last == s.begin {
		return s.end
	}
	return s.last
}

// afterNewline matches \s*[\r\n]+|\s+(?!\S)|\s+.
func (s spaceExtent) afterNewline(closed bool) int {
	if s.newline > s.begin {
		return s.newline
	}
	return s.beforeWord(closed)
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at i,
// where text has an apostrophe, or 0. With fold it ignores case, which to
// Oniguruma makes the long s (U+017F) an s.
func contraction(text []byte, i int, fold bool) int {
	lower := func(j int) byte {
		if j >= len(text) {
			return 0
		}
		if b := text[j]; !fold || b < 'A' || b > 'Z' {
			return b
		}
		return text[j] + ('a' - 'A')
	}
	switch second := lower(i + 2); lower(i + 1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if second == 'e' {
			return 3
		}
	case 'l':
		if second == 'l' {
			return 3
		}
	case 0xC5: // ſ is C5 BF
		if fold && second == 0xBF {
			return 3
		}
	}
	return 0
}
