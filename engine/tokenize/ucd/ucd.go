// Package ucd holds the Unicode data that decides token counts, in the
// versions that Hugging Face tokenizers 0.22.2 uses:
//
//   - character classes as Oniguruma 6.9.10 matches them (onig 6.5.3,
//     onig_sys 69.9.3: Unicode 16.0);
//   - the word characters of the Rust regex crate (regex 1.13.1, regex-syntax
//     0.8.11: Unicode 16.0), which bound added tokens with single_word;
//   - NFC of unicode-normalization-alignments 0.1.12: Unicode 9.0, so that
//     code points assigned since are left as they are.
//
// The tables are printed by the Rust program in _gen, which asks those
// libraries about every code point. Go's own unicode package, whose version
// moves with the Go release, is never consulted.
package ucd

import (
	"sort"
	"unicode/utf8"
)

// Class is a set of character classes as a bit mask. The class of a code
// point has at most one bit; controls, formats and unassigned code points
// have none.
type Class uint8

const (
	Upper       Class = 1 << iota // \p{Lu} and \p{Lt}
	Lower                         // \p{Ll}
	OtherLetter                   // \p{Lm} and \p{Lo}
	Mark                          // \p{M}
	Number                        // \p{N}
	Punctuation                   // \p{P}
	Symbol                        // \p{S}
	Space                         // \s

	Letter = Upper | Lower | OtherLetter // \p{L}
)

// ASCII holds the class of every ASCII byte, and 0 for the others.
var ASCII = func() (t [256]Class) {
	for r := range rune(utf8.RuneSelf) {
		t[r] = ClassOf(r)
	}
	return t
}()

// ClassOf returns the class of r.
func ClassOf(r rune) Class {
	return Class(lookup(classIndex[:], classBlocks, r))
}

const (
	blockShift = 7 // of the code points that a block of a table describes
	inBlock    = 1<<blockShift - 1
)

func lookup(index []uint16, blocks string, r rune) byte {
	if b := int(r >> blockShift); uint(b) < uint(len(index)) {
		return blocks[int(index[b])<<blockShift|int(r&inBlock)]
	}
	return 0
}

// IsWord reports whether \w of the Rust regex crate matches r.
func IsWord(r rune) bool { return within(wordRanges[:], r) }

// IsHan reports whether \p{Han} matches r: the script Han, to which symbols and
// numbers belong besides ideographs.
func IsHan(r rune) bool { return within(hanRanges[:], r) }

func within(ranges [][2]rune, r rune) bool {
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i][1] >= r })
	return i < len(ranges) && ranges[i][0] <= r
}
