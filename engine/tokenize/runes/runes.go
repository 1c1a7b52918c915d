// Package runes holds the Unicode data of the normalizers of Hugging Face
// tokenizers 0.22.2, and finds grapheme clusters by it.
//
// The data is that of the libraries which Hugging Face is built from, each of
// its own version: decompositions and marks of Unicode 9.0
// (unicode-normalization-alignments 0.1.12), lower case of Unicode 17.0 (Rust's
// standard library), categories of unicode_categories 0.1.1, grapheme clusters
// of Unicode 16.0 (unicode-segmentation 1.12.0). The Rust program in _gen asks
// them about every code point and prints the tables; Go's own unicode package,
// whose version moves with the Go release, is never consulted. What
// pre-tokenizers ask is in package ucd: other libraries, of other versions.
package runes

import "slices"

// Props is a set of properties of a character, as far as BERT's normalizer and
// pre-tokenizer ask for them.
type Props uint8

const (
	WhiteSpace       Props = 1 << iota // char::is_whitespace of Rust
	Other                              // categories Cc, Cf and Co
	Punctuation                        // ASCII punctuation or category P
	PunctuationNFD                     // what it decomposes to begins with punctuation
	NonspacingMark                     // category Mn
	Cased                              // lower case is something else
	Decomposes                         // NFD is something else
	ChineseCharacter                   // one of the ranges of BERT's normalizer
)

// PropsOf returns the properties of r.
func PropsOf(r rune) Props { return Props(lookup(propsIndex[:], propsBlocks, r)) }

// CCC returns the canonical combining class of r.
func CCC(r rune) byte { return lookup(cccIndex[:], cccBlocks, r) }

// IsMark reports whether r is of category M.
func IsMark(r rune) bool { return lookup(markIndex[:], markBlocks, r) != 0 }

const blockShift = 7 // of the code points that a block of a table describes

func lookup(index []uint16, blocks string, r rune) byte {
	if b := int(r >> blockShift); uint(b) < uint(len(index)) {
		return blocks[int(index[b])<<blockShift|int(r&(1<<blockShift-1))]
	}
	return 0
}

// mapping is a character and where its text stands in a pool.
type mapping struct {
	from rune
	at   uint16
	n    uint8
}

// find returns what a table maps r to; ok is false if it does not.
func find(table []mapping, pool string, r rune) (to string, ok bool) {
	i, ok := slices.BinarySearchFunc(table, r, func(m mapping, r rune) int { return int(m.from - r) })
	if !ok {
		return "", false
	}
	m := table[i]
	return pool[m.at : int(m.at)+int(m.n)], true
}

// Canonical returns the canonical decomposition of a character that Decomposes,
// but for Hangul syllables.
func Canonical(r rune) string {
	to, _ := find(canonicals[:], canonicalsPool, r)
	return to
}

// Compatible returns the compatibility decomposition of r; ok is false if it has
// none but the canonical one.
func Compatible(r rune) (to string, ok bool) { return find(compatibles[:], compatiblesPool, r) }

// Lower returns the lower case of r: one character, or for U+0130 two.
func Lower(r rune) (first, second rune) {
	switch {
	case r < 0x80:
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r, 0
	case r == 0x130:
		return 'i', 0x307
	case PropsOf(r)&Cased == 0:
		return r, 0
	}
	to, _ := find(lowers[:], lowersPool, r)
	for _, c := range to {
		r = c
	}
	return r, 0
}
