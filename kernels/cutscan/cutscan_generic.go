package cutscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scanGeneric is scan, a character at a time. Of Han, whether to cut is nothing
// that a CPU guesses well, so there is no branch on it.
func (t *Table) scanGeneric(starts []uint64, text []byte, at int, leads *Leads) {
	end := min(at+Block*len(starts), len(text))
	i := at
	for i < end && !utf8.RuneStart(text[i]) {
		i++
	}
	// The character before i; whether it, and the one before, may stand beside a
	// cut, 1 or 0.
	mayPrior, may, left := t.before(text, i)
	for i < end {
		c := text[i]
		if c >= 0xE0 && c < 0xF0 {
			if i+2 >= len(text) {
				return // not UTF-8
			}
			char := uint32(c&0xF)<<12 | uint32(text[i+1]&0x3F)<<6 | uint32(text[i+2]&0x3F)
			mayChar := t.besideBit(char)
			cut := mayPrior & may & mayChar &^ t.crossedBit(left, char) & uint64(leads[c&0xF]>>7)
			starts[(i-at)/Block] |= cut << ((i - at) % Block)
			mayPrior, may, left = may, mayChar, char
			i += 3
			continue
		}
		switch {
		case i+8 <= end && binary.LittleEndian.Uint64(text[i:])&0x8080808080808080 == 0:
			left = uint32(text[i+7])
			mayPrior, may = t.besideBit(uint32(text[i+6])), t.besideBit(left)
			i += 8
		case c < 0x80:
			left = uint32(c)
			mayPrior, may = may, t.besideBit(left)
			i++
		case c < 0xE0:
			if i+1 >= len(text) {
				return // not UTF-8
			}
			left = uint32(c&0x1F)<<6 | uint32(text[i+1]&0x3F)
			mayPrior, may = may, t.besideBit(left)
			i += 2
		default:
			mayPrior, may = may, 0
			i += 4
		}
	}
}

func (t *Table) besideBit(c uint32) uint64 {
	return t.beside[c/64%uint32(len(t.beside))] >> (c % 64) & 1
}

func (t *Table) crossedBit(a, b uint32) uint64 {
	h, i := Places(a, b, t.shift)
	return t.crossed[h/64] >> (h % 64) & (t.crossed[i/64] >> (i % 64)) & 1
}

// before returns what scanGeneric has of the two characters before i, which is
// where a character begins.
func (t *Table) before(text []byte, i int) (mayPrior, may uint64, left uint32) {
	var bit [2]uint64
	var chars [2]uint32
	for k := range bit {
		c, size := utf8.DecodeLastRune(text[:i])
		i -= size
		if size > 0 && c < 1<<16 {
			bit[k], chars[k] = t.besideBit(uint32(c)), uint32(c)
		}
	}
	return bit[1], bit[0], chars[0]
}

// nearGeneric is Near. What a byte would tell that there is not is not asked.
func (e *Edges) nearGeneric(near, places []uint64, text []byte, at int) {
	for i, rest := range places {
		near[i] = 0
		for ; rest != 0; rest &= rest - 1 {
			j := bits.TrailingZeros64(rest)
			begin, end := byte(0xFF), byte(0xFF)
			for k, from := range around {
				byteAt := at + i*Block + j + from
				if byteAt < 0 || byteAt >= len(text) {
					continue
				}
				c := text[byteAt]
				if has := e.halves[k][0][c&15] & e.halves[k][1][c>>4]; k < begins {
					begin &= has
				} else {
					end &= has
				}
			}
			if begin|end != 0 {
				near[i] |= 1 << j
			}
		}
	}
}
