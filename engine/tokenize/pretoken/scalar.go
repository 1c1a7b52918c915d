package pretoken

import (
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

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

// casedAt is classAt, where what Kimi takes out of its brackets has no class.
func (r *Rules) casedAt(text []byte, i int) (ucd.Class, int) {
	c, n := classAt(text, i)
	if r.han && n > 1 {
		if char, _ := utf8.DecodeRune(text[i:]); ucd.IsHan(char) {
			return 0, n
		}
	}
	return c, n
}

// hanRun returns where the run of the script Han that begins at i ends.
func hanRun(text []byte, i int) int {
	for i < len(text) && text[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(text[i:])
		if !ucd.IsHan(r) {
			break
		}
		i += n
	}
	return i
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

// numeral is what a Digits pre-tokenizer thinks of a character.
type numeral uint8

const (
	noNumeral  numeral = iota
	number             // to Oniguruma too
	newNumeral         // to Rust only
)

// numeralAt returns the kind and the length of the character at i, if any.
func numeralAt(text []byte, i int) (numeral, int) {
	if i >= len(text) {
		return noNumeral, 0
	}
	if b := text[i]; b < utf8.RuneSelf {
		if '0' <= b && b <= '9' {
			return number, 1
		}
		return noNumeral, 1
	}
	r, n := utf8.DecodeRune(text[i:])
	switch {
	case ucd.ClassOf(r) == ucd.Number:
		return number, n
	case isNewNumeral(r):
		return newNumeral, n
	}
	return noNumeral, n
}

// isNewNumeral reports whether r is a number since Unicode 17.
func isNewNumeral(r rune) bool {
	return 0x11DE0 <= r && r <= 0x11DE9 || 0x16FF4 <= r && r <= 0x16FF6
}

// signs matches ` ?[^\s\p{L}\p{N}]+` at i, with the given letters for \p{L};
// the answer is i if it does not.
func signs(text []byte, i int, letters ucd.Class) int {
	j := i
	if text[i] == ' ' {
		j++
	}
	if end := runWithout(text, j, ucd.Space|letters|ucd.Number); end > j {
		return end
	}
	return i
}

// lineEnds matches [\r\n]* or, with slashes, [\r\n/]* at i.
func (r *Rules) lineEnds(text []byte, i int) int {
	for i < len(text) && (isNewline(text[i]) || r.slashes && text[i] == '/') {
		i++
	}
	return i
}

func isNewline(b byte) bool { return b == '\r' || b == '\n' }

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
		if isNewline(text[s.last]) {
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
func (r *Rules) contraction(text []byte, i int) int {
	if !r.contractions {
		return 0
	}
	lower := func(j int) byte {
		if j >= len(text) {
			return 0
		}
		if b := text[j]; !r.fold || b < 'A' || b > 'Z' {
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
		if r.fold && second == 0xBF {
			return 3
		}
	}
	return 0
}
