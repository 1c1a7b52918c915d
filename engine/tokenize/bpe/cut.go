package bpe

import (
	"encoding/binary"
	"unicode/utf8"
)

// leads is a set of lead bytes of characters of three bytes: bit i is 0xE0+i.
type leads uint16

func (l leads) has(lead byte) bool { return l>>(lead&0xF)&1 != 0 }

// cutBefore is the scripts that are written without spaces, Han and kana before
// all. Korean and the scripts of India have spaces, so that whole words repeat:
// what is cut out of them costs more look-ups than it saves.
var cutBefore leads = 0b1000_0011_1111_1000

// allScripts is for keys that have not been seen before.
const allScripts leads = 0xFFFF

// noCut is a character that cut does not cut beside; it stands for all of them.
const noCut = ' '

// cut marks safe places within pretokens, so that their pieces can be counted
// apart: places before characters of three bytes, with these leads, that no merge
// ever crosses. It sets bits of starts, whose bit i of block b is byte at+64b+i of text, and
// leaves those that are set. Text is all of the text, also what is before at
// and after the last block; so the places do not depend on how the text is
// divided into calls.
func (m *model) cut(text []byte, at int, starts []uint64, before leads) {
	j := m.junctions
	if j == nil {
		return
	}
	end := min(at+64*len(starts), len(text))
	i := at
	for i < end && !utf8.RuneStart(text[i]) {
		i++
	}
	// The two characters before i, and for both whether it may be cut beside
	// them, 1 or 0: of Han, whether to cut is nothing that a CPU guesses well, so
	// there is no branch on it.
	prior, left := j.charsBefore(text, i)
	mayPrior, may := cuttable(prior), cuttable(left)
	for i < end {
		c := text[i]
		if c >= 0xE0 && c < 0xF0 {
			char := uint32(c&0xF)<<12 | uint32(text[i+1]&0x3F)<<6 | uint32(text[i+2]&0x3F)
			calm := j.calm.bit(char)
			cut := mayPrior & may & calm &^ j.crossed.bit(left, char) & uint64(before>>(c&0xF))
			if j.whole != nil && cut != 0 && j.whole.at(text, i, left, char) {
				cut = 0
			}
			starts[(i-at)>>6] |= cut << ((i - at) & 63)
			mayPrior, may, left = may, calm, char
			i += 3
			continue
		}
		switch {
		case i+8 <= end && binary.LittleEndian.Uint64(text[i:])&0x8080808080808080 == 0:
			mayPrior, left = cuttable(uint32(text[i+6])), uint32(text[i+7])
			may = cuttable(left)
			i += 8
		case c < 0x80:
			mayPrior, may, left = may, cuttable(uint32(c)), uint32(c)
			i++
		case c < 0xE0:
			left = uint32(c&0x1F)<<6 | uint32(text[i+1]&0x3F)
			mayPrior, may = may, j.calm.bit(left)
			i += 2
		default:
			mayPrior, may, left = may, 0, noCut
			i += 4
		}
	}
}

// cuttable returns 1 for a character that cut may cut beside, else 0.
func cuttable(char uint32) uint64 {
	if char == noCut {
		return 0
	}
	return 1
}

// charsBefore returns the two characters before i as cut has them, which is
// where a character begins.
func (j *junctions) charsBefore(text []byte, i int) (before, left uint32) {
	chars := [2]uint32{noCut, noCut}
	for k := range chars {
		c, size := utf8.DecodeLastRune(text[:i])
		i -= size
		if size > 0 && j.calm.has(uint32(c)) {
			chars[k] = uint32(c)
		}
	}
	return chars[1], chars[0]
}
