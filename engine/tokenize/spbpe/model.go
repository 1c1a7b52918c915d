package spbpe

import (
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// A symbol is what a text consists of while it is merged: a character of the
// vocabulary, or a token merged from two symbols, numbered above all
// characters in the order of merging. So of two possible merges the one whose
// product has the lower number comes first.
//
// Only live merges are kept (newLive), of which every token has one at most:
// the others never happen.
type symbol = uint32

const (
	maxSymbols = 1 << 20
	// inert is a symbol that merges with nothing: a byte, or the unknown token.
	// It is also what a pair without a merge makes.
	inert symbol = maxSymbols - 1
)

// model is a BPE model over characters.
type model struct {
	basic      []symbol        // of the characters below U+10000; inert for those not in the vocabulary
	astral     map[rune]symbol // of those above
	pairs      pairTable
	junctions  [][2]rune // last character of the left, first of the right side of the live merges
	characters int       // number of symbols that are characters

	// What becomes of a character that the vocabulary does not have: its bytes
	// if all of them have a token, else the unknown token if there is one, one
	// for a run of them if fused, else nothing.
	byteFallback, unk, fuseUnk bool
	bytes                      [256]bool // whether a byte has a token
	hasUnknown                 bool      // there are characters that do not become bytes

	whole   map[string]uint32 // tokens that a word can be without merging: ignore_merges
	longest int               // bytes of the longest of them
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

// setUnknown notes which bytes have a token and whether that is enough.
func (m *model) setUnknown(v *vocab) {
	for b := range m.bytes {
		_, m.bytes[b] = v.ids[byteToken(byte(b))]
	}
	m.hasUnknown = !m.byteFallback
	for b, ok := range m.bytes {
		if b < utf8.RuneSelf && !ok {
			_, ok = v.ids[string(rune(b))]
		}
		if !ok && b != 0xC0 && b != 0xC1 && b < 0xF5 { // which UTF-8 does not use
			m.hasUnknown = true
		}
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
	_, ok := m.whole[string(text)]
	return ok
}

// setMerges numbers the symbols and keeps the live merges.
func (m *model) setMerges(v *vocab, merges []merge) error {
	m.basic = make([]symbol, 1<<16)
	m.astral = map[rune]symbol{}
	for i := range m.basic {
		m.basic[i] = inert
	}
	symbols := make([]symbol, len(v.tokens)) // by number in v
	for i, token := range v.tokens {
		symbols[i] = inert
		r, n := utf8.DecodeRuneInString(token)
		if n == 0 || n != len(token) {
			continue
		}
		s := symbol(m.characters)
		m.characters++
		symbols[i] = s
		if r < 1<<16 {
			m.basic[r] = s
		} else {
			m.astral[r] = s
		}
	}
	m.basic[' '] = m.basic['▁']
	live := newLive(v, merges)
	if m.characters+len(live) >= maxSymbols {
		return pipeline.Unsupported("more than %d tokens", maxSymbols-1)
	}
	for k, x := range live {
		symbols[x.product] = symbol(m.characters + k)
	}
	m.pairs = newPairTable(len(live))
	for _, x := range live {
		m.pairs.set(symbols[x.left], symbols[x.right], symbols[x.product])
		left, _ := utf8.DecodeLastRuneInString(v.tokens[x.left])
		right, _ := utf8.DecodeRuneInString(v.tokens[x.right])
		m.junctions = append(m.junctions, [2]rune{left, right})
	}
	slices.SortFunc(m.junctions, func(a, b [2]rune) int { return slices.Compare(a[:], b[:]) })
	m.junctions = slices.Compact(m.junctions)
	return nil
}

// pairTable maps pairs of symbols to their product: open addressing, linear
// probing, at most half full. An entry is left<<40 | right<<20 | product.
type pairTable struct {
	entries []uint64
	shift   uint8
}

const freePair = ^uint64(0)

func newPairTable(n int) pairTable {
	bits := uint8(1)
	for 1<<bits < 2*n {
		bits++
	}
	t := pairTable{entries: make([]uint64, 1<<bits), shift: 64 - bits}
	for i := range t.entries {
		t.entries[i] = freePair
	}
	return t
}

func (t *pairTable) set(left, right, product symbol) {
	pair := uint64(left)<<20 | uint64(right)
	i := pair * 0x9E3779B97F4A7C15 >> t.shift
	for t.entries[i] != freePair {
		i = (i + 1) & uint64(len(t.entries)-1)
	}
	t.entries[i] = pair<<20 | uint64(product)
}

// get returns the product of a pair, inert if it has no merge.
func (t *pairTable) get(left, right symbol) symbol {
	pair := uint64(left)<<20 | uint64(right)
	for i := pair * 0x9E3779B97F4A7C15 >> t.shift; ; i = (i + 1) & uint64(len(t.entries)-1) {
		e := t.entries[i]
		if e>>20 == pair || e == freePair {
			return symbol(e & (maxSymbols - 1))
		}
	}
}
