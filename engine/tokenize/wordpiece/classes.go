package wordpiece

import (
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// class is what a character is to the search for words.
type class uint8

const (
	inWord   class = iota // a word is a run of these; what the normalizer leaves out is one too
	inSymbol              // the same, but apart from words
	alone                 // a word of one character: a token
	space                 // nothing, and ends a word
)

// pretokenizer is a way to cut normalised text into words.
type pretokenizer int

const (
	bertPretokenizer pretokenizer = iota // at white space, punctuation apart
	whitespaceSplit                      // at white space
	whitespace                           // the expression \w+|[^\w\s]+
)

// classes tells the classes of characters.
type classes struct {
	lower   bool // ASCII letters are to be in lower case
	regex   bool // non-ASCII characters are classed by the expression of whitespace
	ascii   [utf8.RuneSelf]class
	byProps [256]class // of other characters, by their Props
	// isLeftOut tells the ASCII characters that the normalizer leaves out.
	isLeftOut [utf8.RuneSelf]bool
}

// newClasses returns the classes for a text to which b is to be applied, word
// by word, after it is cut as p says: as if it were the other way round.
func newClasses(b normalize.Bert, p pretokenizer) (c classes) {
	c.lower = b.Lowercase
	c.regex = p == whitespace
	for i := range c.byProps {
		c.byProps[i] = classOf(normalize.Props(i), b, p)
	}
	for r := range rune(len(c.ascii)) {
		switch {
		case c.regex:
			c.ascii[r] = classOfExpression(r)
		case r == '\t' || r == '\n' || r == '\r':
			c.ascii[r] = space
		default:
			c.ascii[r] = classOf(normalize.PropsOf(r), b, p)
			c.isLeftOut[r] = b.CleanText && normalize.PropsOf(r)&normalize.Other != 0
		}
	}
	return c
}

func classOf(props normalize.Props, b normalize.Bert, p pretokenizer) class {
	punctuation := normalize.Punctuation
	if b.StripAccents {
		punctuation = normalize.PunctuationNFD
	}
	switch {
	case b.CleanText && props&normalize.Other != 0:
		return inWord // left out
	case props&normalize.WhiteSpace != 0:
		return space
	case b.ChineseChars && props&normalize.ChineseCharacter != 0:
		return alone
	case p == bertPretokenizer && props&punctuation != 0:
		return alone
	}
	return inWord
}

func classOfExpression(r rune) class {
	switch {
	case ucd.IsWord(r):
		return inWord
	case normalize.PropsOf(r)&normalize.WhiteSpace != 0:
		return space
	}
	return inSymbol
}

// classAt returns the class of the character that text begins with, and its
// length.
func (c *classes) classAt(text []byte) (class, int) {
	if text[0] < utf8.RuneSelf {
		return c.ascii[text[0]], 1
	}
	r, n := utf8.DecodeRune(text)
	if c.regex {
		return classOfExpression(r), n
	}
	return c.byProps[normalize.PropsOf(r)], n
}
