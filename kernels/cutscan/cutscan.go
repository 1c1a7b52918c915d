// Package cutscan finds the places in UTF-8 text where it can be cut between
// characters, as a Table tells: 64 bytes at a time.
package cutscan

import "github.com/tallystick/tallystick/kernels"

// Block is the number of bytes that one mask describes.
const Block = 64

// Table tells of characters below 0x10000, which have 16 bits, where to cut. It
// is only read.
type Table struct {
	beside  *[1 << 16 / 64]uint64
	crossed []uint64
	shift   uint8 // what Places leaves out
}

// NewTable makes a table of two sets of bits, and keeps them. Bit c%64 of
// beside[c/64] is set for a character that may stand beside a cut; none of
// 0xD800 to 0xDFFF is. There is no cut between two characters if both bits of
// crossed are set, a power of two of words and at most 1<<21, that Places tells:
// bit h%64 of crossed[h/64], where 64*len(crossed) is 1<<(32-shift).
func NewTable(beside *[1 << 16 / 64]uint64, crossed []uint64, shift uint8) *Table {
	if shift < secondBits || uint64(len(crossed))*64 != 1<<(32-shift) {
		panic("cutscan: crossed is not as long as shift says")
	}
	return &Table{beside, crossed, shift}
}

// Places is where a Table has the bits of neighbouring characters, a before b.
// Both are in the same double word, which is looked up once: with two, a set that
// is as large takes a fraction of the pairs that are none of its for such.
func Places(a, b uint32, shift uint8) (first, second uint32) {
	h := (a<<16 | b) * multiplier >> ((shift - secondBits) & 31)
	first = h >> secondBits
	return first, first&^(1<<secondBits-1) | h&(1<<secondBits-1)
}

// secondBits is how many bits of a hash tell of a bit in a double word.
const secondBits = 5

// multiplier is 2^32 divided by the golden ratio, as Knuth has it.
const multiplier = 0x9E3779B1

// Leads is a set of lead bytes 0xE0 to 0xEF, each at its last four bits. Instead
// of what is not in the set there is an ASCII byte with other last bits: so a byte
// is in the set if it is what is at its last bits.
type Leads [16]byte

// NewLeads returns the set of 0xE0+i for the bits i that are set.
func NewLeads(bits uint16) (l Leads) {
	for i := range l {
		if l[i] = 0xE0 | byte(i); bits>>i&1 == 0 {
			l[i] = ^byte(i) & 0x7F
		}
	}
	return l
}

// Has tells whether a byte, which may be any, is in the set.
func (l *Leads) Has(b byte) bool { return l[b&0xF] == b }

// Scan sets bit j of starts[i] if text can be cut before the character that
// begins at byte at+64i+j: its lead byte is in leads; it, the one before and the
// one before that may all stand beside a cut; and the one before and it are not
// crossed. Bits that are set stay so. starts may go beyond the text.
//
// at is a multiple of 64 within text. text is all of the text, also what is
// before at and after the last of starts; so the places do not depend on how it
// is divided into calls. What is set in text that is not UTF-8 is undefined.
func (t *Table) Scan(starts []uint64, text []byte, at int, leads *Leads) {
	blocks := min(len(starts), (len(text)-at+Block-1)/Block)
	if blocks > 0 {
		t.scan(starts[:blocks], text, at, leads)
	}
}

func init() {
	kernels.Register("cutscan", implementation())
}
