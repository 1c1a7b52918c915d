package pretoken

import (
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// nextPieced is the three expressions of DeepSeek V3, each applied to the pieces
// that the one before left:
//
//	\p{N}{1,3}
//	[一-龥぀-ゟ゠-ヿ]+
//	[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
//	\s*[\r\n]+|\s+(?!\S)|\s+
//
// (the first bracket of the third being the 32 ASCII punctuation characters,
// spelt out). The third leaves controls and the like unmatched.
func (r *Rules) nextPieced(text []byte, i int) int {
	_, n, script := scriptAt(text, i)
	if script == digit {
		return numbers(text, i+n, r.digits)
	}
	if end := r.match(text, i, script); end > i {
		return end
	}
	for i += n; ; i += n {
		var s = noScript
		if _, n, s = scriptAt(text, i); s != script || r.match(text, i, script) > i {
			return i
		}
	}
}

// script is what the first two expressions tell apart; a piece has one script.
type script uint8

const (
	other script = iota
	digit
	cjk
	noScript // the end of the text
)

// scriptAt returns class, length and script of the character at i.
func scriptAt(text []byte, i int) (ucd.Class, int, script) {
	if i >= len(text) {
		return 0, 0, noScript
	}
	if b := text[i]; b < utf8.RuneSelf {
		c := ucd.ASCII[b]
		if c == ucd.Number {
			return c, 1, digit
		}
		return c, 1, other
	}
	r, n := utf8.DecodeRune(text[i:])
	c := ucd.ClassOf(r)
	switch {
	case c == ucd.Number:
		return c, n, digit
	case isCJK(r):
		return c, n, cjk
	}
	return c, n, other
}

// match matches the third expression at i in a piece of the given script; the
// answer is i if it does not.
func (r *Rules) match(text []byte, i int, s script) int {
	const word, sign = ucd.Letter | ucd.Mark, ucd.Punctuation | ucd.Symbol
	b := text[i]
	if b < utf8.RuneSelf && ucd.ASCII[b]&sign != 0 && i+1 < len(text) && asciiLetter(text[i+1]) {
		for i += 2; i < len(text) && asciiLetter(text[i]); {
			i++
		}
		return i
	}
	c, n, _ := scriptAt(text, i)
	switch {
	case c&word != 0:
		return scriptRun(text, i+n, word, s)
	case c&sign == 0 && !isNewline(b):
		if end := scriptRun(text, i+n, word, s); end > i+n {
			return end
		}
	}
	j := i
	if b == ' ' {
		j++
	}
	if end := scriptRun(text, j, sign, s); end > j {
		if s == other {
			end = r.lineEnds(text, end)
		}
		return end
	}
	if c != ucd.Space {
		return i
	}
	extent := spaceRun(text, i)
	_, _, after := scriptAt(text, extent.end)
	return extent.afterNewline(after != other)
}

// scriptRun is run for the characters of one script.
func scriptRun(text []byte, i int, classes ucd.Class, script script) int {
	for {
		c, n, s := scriptAt(text, i)
		if s != script || c&classes == 0 {
			return i
		}
		i += n
	}
}

// isCJK reports whether r is one of [一-龥぀-ゟ゠-ヿ].
func isCJK(r rune) bool { return 0x4E00 <= r && r <= 0x9FA5 || 0x3040 <= r && r <= 0x30FF }

func asciiLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
