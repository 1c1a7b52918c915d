package spbpe

import (
	"sync"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/vocab"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// A symbol is what a text consists of while it is merged: a character of the
// vocabulary, or a token merged from two symbols, numbered above all
// characters in the order of merging. So of two possible merges the one whose
// product has the lower number comes first.
//
// Only live merges are kept (findLive), of which every token has one at most:
// the others never happen.
type symbol = uint32

// inert is a symbol that merges with nothing: a byte, or the unknown token.
const inert = none

// model is a BPE model over characters.
type model struct {
	basic     []symbol        // of the characters below U+10000; inert for those not in the vocabulary
	astral    map[rune]symbol // of those above
	pairs     pairTable
	junctions map[[2]rune]struct{} // last character of the left, first of the right side of the live merges

	// What becomes of a character that the vocabulary does not have: its bytes
	// if all of them have a token, else the unknown token if there is one, one
	// for a run of them if fused, else nothing.
	byteFallback, unk, fuseUnk bool
	bytes                      [256]bool // whether a byte has a token
	hasUnknown                 bool      // there are characters that do not become bytes

	whole   *vocab.Vocabulary // tokens that a word can be without merging: ignore_merges
	longest int               // bytes of the longest of them

	makeLanes sync.Once
	lanes     *pairmerge.Tables // of laneTables
	laneInert symbol
}

// symbolOf returns the symbol of a character, inert if the vocabulary does not
// have it. A space is a marker.
func (m *model) symbolOf(r rune) symbol {
	if r < 1<<16 {
		return m.basic[r]
	}
	if s, ok := m.astral[r]; ok {
		return s
	}
	return inert
}

// noCharacters makes every character inert.
func (m *model) noCharacters() {
	m.basic = make([]symbol, 1<<16)
	m.astral = map[rune]symbol{}
	for i := range m.basic {
		m.basic[i] = inert
	}
}

// setCharacter gives a character its symbol.
func (m *model) setCharacter(r rune, s symbol) {
	if r < 1<<16 {
		m.basic[r] = s
	} else {
		m.astral[r] = s
	}
}

// setUnknown notes which bytes have a token and whether that is enough.
func (m *model) setUnknown(v *vocab.Vocabulary) {
	for b := range m.bytes {
		_, m.bytes[b] = v.Find([]byte(byteToken(byte(b))))
	}
	m.hasUnknown = !m.byteFallback
	for b, ok := range m.bytes {
		if b < utf8.RuneSelf && !ok {
			_, ok = v.Find([]byte{byte(b)})
		}
		if !ok && b != 0xC0 && b != 0xC1 && b < 0xF5 { // which UTF-8 does not use
			m.hasUnknown = true
		}
	}
}

// setWhole sets the tokens that a word can be without merging.
func (m *model) setWhole(v *vocab.Vocabulary) {
	m.whole = v
	for i := range v.Tokens.Len() {
		m.longest = max(m.longest, len(v.Tokens.At(uint32(i))))
	}
}

// bytesAreTokens tells whether every piece of one byte is one token.
func (m *model) bytesAreTokens() bool { return !m.hasUnknown && m.basic['▁'] != inert }

// fallsBack tells whether a character becomes its bytes.
func (m *model) fallsBack(char []byte) bool {
	if !m.byteFallback {
		return false
	}
	for _, b := range char {
		if !m.bytes[b] {
			return false
		}
	}
	return true
}

// isWhole tells whether a word, with a marker in front if lead, is a token.
func (m *model) isWhole(lead bool, word []byte) bool {
	if len(word) > m.longest {
		return false // spaces only get longer
	}
	text := make([]byte, 0, 64)
	if lead {
		text = append(text, marker...)
	}
	for _, b := range word {
		if b == ' ' {
			text = append(text, marker...)
		} else {
			text = append(text, b)
		}
	}
	_, ok := m.whole.Find(text)
	return ok
}

// setMerges numbers the symbols and keeps the live merges.
func (m *model) setMerges(v *vocab.Vocabulary, merges []vocab.Merge) error {
	m.noCharacters()
	characters := symbol(0)
	symbols := make([]symbol, v.Tokens.Len()) // by number in v
	for i := range symbols {
		token := v.Tokens.At(uint32(i))
		symbols[i] = inert
		r, n := utf8.DecodeRune(token)
		if n == 0 || n != len(token) {
			continue
		}
		symbols[i] = characters
		m.setCharacter(r, characters)
		characters++
	}
	m.basic[' '] = m.basic['▁']
	live := findLive(v, merges)
	if int(characters)+len(live) > int(inert) {
		return pipeline.Unsupported("more than %d tokens", inert)
	}
	for k, x := range live {
		symbols[x.Product] = characters + symbol(k)
	}
	list := make([]halves, len(live))
	m.junctions = make(map[[2]rune]struct{}, len(live)/8)
	const recentBits = 14
	recent := make([]uint64, 1<<recentBits) // some of the junctions, plus 1: most come often
	for k, x := range live {
		list[k] = halves{symbols[x.Left], symbols[x.Right]}
		left, _ := utf8.DecodeLastRune(v.Tokens.At(x.Left))
		right, _ := utf8.DecodeRune(v.Tokens.At(x.Right))
		junction := uint64(left)<<32 | uint64(right) + 1
		if seen := &recent[junction*hashA>>(64-recentBits)]; *seen != junction {
			*seen = junction
			m.junctions[[2]rune{left, right}] = struct{}{}
		}
	}
	m.pairs = newPairTable(characters, list)
	return nil
}
