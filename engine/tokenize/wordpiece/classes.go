package wordpiece

import (
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/runes"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
	"github.com/tallystick/tallystick/kernels/classmask"
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

// classes tells the classes of characters of a text to which a normalizer is to
// be applied, word by word, after it is cut: as if it were the other way round.
type classes struct {
	pre   pretokenizer
	lower bool // ASCII letters are to be in lower case
	clean bool // control characters are left out, also if they are white space

	ascii   [utf8.RuneSelf]class
	byProps [256]class // of other characters, by their Props
	// isLeftOut tells the ASCII characters that the normalizer leaves out.
	isLeftOut [utf8.RuneSelf]bool
	// table has, beyond ASCII, Script for alone, Space, and Other for inWord
	// where there is inSymbol too.
	table *classmask.Table
}

func newClasses(b normalize.Bert, p pretokenizer) classes {
	c := classes{pre: p, lower: b.Lowercase, clean: b.CleanText}
	for i := range c.byProps {
		c.byProps[i] = classOf(runes.Props(i), b, p)
	}
	for r := range rune(len(c.ascii)) {
		switch {
		case p == whitespace:
			c.ascii[r] = classOfExpression(r)
		case r == '\t' || r == '\n' || r == '\r':
			c.ascii[r] = space
		default:
			c.ascii[r] = classOf(runes.PropsOf(r), b, p)
			c.isLeftOut[r] = b.CleanText && runes.PropsOf(r)&runes.Other != 0
		}
	}
	// Beyond these there is nothing but words.
	ranges := [][2]rune{{utf8.RuneSelf, 0xA000}, {0xA400, 0xAC00}, {0xF900, 0x13000}, {0x16000, 0x17000}, {0x1B000, 0x1F000}, {0x20000, 0x2FB00}}
	if p == whitespace {
		ranges = [][2]rune{{utf8.RuneSelf, utf8.MaxRune + 1}}
	}
	c.table = classmask.NewTable(func(r rune) classmask.Class {
		switch c.classOf(r) {
		case alone:
			return classmask.Script
		case space:
			return classmask.Space
		case inWord:
			if p == whitespace {
				return classmask.Other
			}
		}
		return 0
	}, ranges...)
	return c
}

func classOf(props runes.Props, b normalize.Bert, p pretokenizer) class {
	punctuation := runes.Punctuation
	if b.StripAccents {
		punctuation = runes.PunctuationNFD
	}
	switch {
	case b.CleanText && props&runes.Other != 0:
		return inWord // left out
	case props&runes.WhiteSpace != 0:
		return space
	case b.ChineseChars && props&runes.ChineseCharacter != 0:
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
	case runes.PropsOf(r)&runes.WhiteSpace != 0:
		return space
	}
	return inSymbol
}

// classOf returns the class of a character.
func (c *classes) classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		return c.ascii[r]
	case c.pre == whitespace:
		return classOfExpression(r)
	}
	return c.byProps[runes.PropsOf(r)]
}
