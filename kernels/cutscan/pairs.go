package cutscan

import "math/bits"

// Pairs is a set of pairs of characters, each as its bytes in UTF-8, the first
// lowest, by a bit of a hash: it may have pairs that were never added. It is only
// read.
type Pairs struct {
	bits  []uint64
	shift uint8 // of PairHash, to a bit
}

// MaxPairs is the most words of a set.
const MaxPairs = 1 << 26

// NewPairs makes a set of bits, a power of two of words, and keeps them.
func NewPairs(words []uint64) *Pairs {
	size := bits.Len(uint(64*len(words))) - 1
	if len(words) == 0 || len(words) > MaxPairs || 64*len(words) != 1<<size {
		panic("cutscan: pairs are no power of two")
	}
	return &Pairs{words, uint8(64 - size)}
}

// Words returns the bits.
func (p *Pairs) Words() []uint64 { return p.bits }

// Add puts a pair into the set.
func (p *Pairs) Add(a, b uint32) {
	h := p.place(a, b)
	p.bits[h/64] |= 1 << (h % 64)
}

// Has tells whether a pair is in the set.
func (p *Pairs) Has(a, b uint32) bool { return p.bit(a, b) != 0 }

// bit is 1 for a pair of the set, else 0.
func (p *Pairs) bit(a, b uint32) uint64 {
	h := p.place(a, b)
	return p.bits[h/64] >> (h % 64) & 1
}

// place is the highest bits of a product, as Knuth has it: the multiplier is 2^64
// divided by the golden ratio.
func (p *Pairs) place(a, b uint32) uint64 {
	return (uint64(a)<<32 | uint64(b)) * 0x9E3779B97F4A7C15 >> (p.shift & 63)
}

// Padded is a block and enough of what is behind it for a character that begins
// in it.
type Padded [Block + 8]byte

// CharAt returns the character that begins at i.
func (t *Padded) CharAt(i int) uint32 {
	x := uint32(t[i]) | uint32(t[i+1])<<8 | uint32(t[i+2])<<16 | uint32(t[i+3])<<24
	return x & charMasks[x>>3&31]
}

// charMasks keep the bytes of a character that begins with the byte 8i to 8i+7.
var charMasks = [32]uint32{
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	24: 0xFFFF, 25: 0xFFFF, 26: 0xFFFF, 27: 0xFFFF, 28: 0xFFFFFF, 29: 0xFFFFFF, 30: 0xFFFFFFFF, 31: 0xFFFFFFFF,
}

// Among returns those of places, bit i being text[i] where a character begins, at
// which the set has the pair of the character at the place before, or of before at
// the first, and the one there.
func (p *Pairs) Among(text *Padded, places uint64, before uint32) uint64 {
	if bits.OnesCount64(places) < fewPlaces {
		return p.amongGeneric(text, places, before)
	}
	return p.among(text, places, before)
}

// fewPlaces are as fast one by one.
const fewPlaces = 6

func (p *Pairs) amongGeneric(text *Padded, places uint64, before uint32) (pairs uint64) {
	for ; places != 0; places &= places - 1 {
		i := bits.TrailingZeros64(places)
		char := text.CharAt(i)
		pairs |= p.bit(before, char) << i
		before = char
	}
	return pairs
}
