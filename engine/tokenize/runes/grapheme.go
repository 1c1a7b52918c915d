package runes

import "unicode/utf8"

// Classes of characters in the rules for grapheme clusters (UAX #29); exported
// are those that others ask for.
const (
	gcOther = iota
	GraphemeCR
	GraphemeLF
	GraphemeControl
	gcExtend // Extend, that neither links nor extends a conjunct
	gcZWJ
	gcSpacingMark
	gcPrepend
	gcRegional
	gcL
	gcV
	gcT
	gcPictograph
	gcConsonant
	gcConjunctExtend // Extend
	gcConjunctLinker // Extend
	gcLV
	gcLVT
)

// GraphemeClass returns the class of r.
func GraphemeClass(r rune) byte { return lookup(graphemeIndex[:], graphemeBlocks, r) }

// BreaksBefore tells that a cluster begins with a character of class c wherever
// the one before it has this property too.
func BreaksBefore(c byte) bool {
	switch c {
	case gcOther, gcPictograph, gcConsonant, gcLV, gcLVT:
		return true
	}
	return false
}

// Cluster returns the length of the grapheme cluster that text begins with.
func Cluster(text []byte) int {
	r, n := utf8.DecodeRune(text)
	last := GraphemeClass(r)
	// How far the beginning of rules GB9c, GB11 and GB12 has been seen.
	conjunct, linked := last == gcConsonant, false
	pictograph, joined := last == gcPictograph, false
	regional := last == gcRegional
	for n < len(text) {
		r, size := utf8.DecodeRune(text[n:])
		c := GraphemeClass(r)
		if !joins(last, c, conjunct && linked, joined, regional) {
			break
		}
		switch c {
		case gcConjunctLinker:
			linked = true
		case gcConjunctExtend, gcZWJ:
		case gcConsonant:
			conjunct, linked = true, false
		default:
			conjunct = false
		}
		joined = pictograph && c == gcZWJ
		switch c {
		case gcExtend, gcConjunctExtend, gcConjunctLinker:
		default:
			pictograph = c == gcPictograph
		}
		regional = c == gcRegional && last != gcRegional
		last = c
		n += size
	}
	return n
}

// joins tells whether there is no boundary between last and c.
func joins(last, c byte, linked, joined, regional bool) bool {
	switch last { // GB3, GB4
	case GraphemeCR:
		return c == GraphemeLF
	case GraphemeLF, GraphemeControl:
		return false
	}
	switch c {
	case GraphemeCR, GraphemeLF, GraphemeControl: // GB5
		return false
	case gcExtend, gcConjunctExtend, gcConjunctLinker, gcZWJ, gcSpacingMark: // GB9, GB9a
		return true
	}
	switch last {
	case gcPrepend: // GB9b
		return true
	case gcL: // GB6
		if c == gcL || c == gcV || c == gcLV || c == gcLVT {
			return true
		}
	case gcLV, gcV: // GB7
		if c == gcV || c == gcT {
			return true
		}
	case gcLVT, gcT: // GB8
		if c == gcT {
			return true
		}
	}
	return linked && c == gcConsonant || // GB9c
		joined && c == gcPictograph || // GB11
		regional && c == gcRegional // GB12
}
