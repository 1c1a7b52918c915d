package normalize

import (
	"math"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/runes"
)

// Bert is BERT's normalizer (tokenizers/src/normalizers/bert.rs).
type Bert struct {
	CleanText    bool // leave out controls, U+0000 and U+FFFD; white space becomes a space
	ChineseChars bool // put spaces around them
	StripAccents bool // decompose, and leave out marks of category Mn
	Lowercase    bool
}

// Scratch is the memory that Bert works with. It is for one goroutine; its zero
// value is ready.
type Scratch struct{ d decomposer }

// Append appends the normalised text to dst.
func (b Bert) Append(dst, text []byte) []byte {
	var s Scratch
	dst, _ = b.AppendLimited(dst, text, math.MaxInt, &s)
	return dst
}

// AppendLimited is Append that stops where more than limit characters have been
// appended; it returns how many there are.
func (b Bert) AppendLimited(dst, text []byte, limit int, s *Scratch) (out []byte, chars int) {
	d := &s.d
	*d = decomposer{decompose: b.StripAccents, strip: b.StripAccents, lower: b.Lowercase, dst: dst, waiting: d.waiting[:0]}
	for i := 0; i < len(text) && d.written <= limit; {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:])
		}
		i += n
		if b.StripAccents {
			if syllable := r - hangulS; 0 <= syllable && syllable < countS {
				d.addJamo(syllable)
				continue
			}
		}
		props := runes.PropsOf(r)
		if plain := runes.Other | runes.WhiteSpace | runes.NonspacingMark | runes.Cased | runes.Decomposes | runes.ChineseCharacter; props&plain == 0 && r != 0xFFFD {
			d.putPlain(r, text[i-n:i])
			continue
		}
		if b.CleanText {
			if r == '\t' || r == '\n' || r == '\r' {
				d.put(' ')
				continue
			}
			if props&runes.Other != 0 || r == 0xFFFD { // U+0000 is of Cc
				continue
			}
			if props&runes.WhiteSpace != 0 {
				r = ' '
			}
		}
		if b.ChineseChars && props&runes.ChineseCharacter != 0 {
			d.put(' ')
			d.add(r)
			d.put(' ')
			continue
		}
		d.add(r)
	}
	d.flush()
	out, d.dst = d.dst, nil
	return out, d.written
}
