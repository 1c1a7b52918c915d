package bpe

import (
	"math/bits"

	"github.com/tallystick/tallystick/kernels/cutscan"
)

// cutBefore is the scripts that are written without spaces, Han and kana before
// all. Korean and the scripts of India have spaces, so that whole words repeat:
// what is cut out of them costs more look-ups than it saves, but see hangulCuts.
var cutBefore = cutscan.NewLeads(0b1000_0011_1111_1000)

// cutHangul is cutBefore and Hangul.
var cutHangul = cutscan.NewLeads(0b1011_1111_1111_1000)

// allScripts is for keys that have not been seen before.
var allScripts = cutscan.NewLeads(0xFFFF)

// noCut is a character that is not cut beside.
const noCut = ' '

// setCuts makes what cut needs of calm and crossed.
func (j *junctions) setCuts() {
	beside := [1 << 16 / 64]uint64(j.calm)
	beside[noCut/64] &^= 1 << (noCut % 64)
	j.cuts = cutscan.NewTable(&beside, j.crossed.bits, j.crossed.shift)
}

// cut marks safe places within pretokens, so that their pieces can be counted
// apart: places before characters of three bytes, with these leads, that no merge
// ever crosses. It sets bits of starts, whose bit i of block b is byte at+64b+i of text, and
// leaves those that are set. Text is all of the text, also what is before at,
// which is a multiple of 64, and after the last block; so the places do not
// depend on how the text is divided into calls.
func (m *model) cut(text []byte, at int, starts []uint64, before *cutscan.Leads) {
	j := m.junctions
	switch {
	case j == nil:
	case j.whole == nil:
		j.cuts.Scan(starts, text, at, before)
	default:
		j.cutWhole(text, at, starts, before)
	}
}

// cutWhole is cut where tokens of whole are kept off.
func (j *junctions) cutWhole(text []byte, at int, starts []uint64, before *cutscan.Leads) {
	var buf, nearBuf [16]uint64
	for ; len(starts) > 0 && at < len(text); at, starts = at+64*len(buf), starts[min(len(buf), len(starts)):] {
		cuts := buf[:min(len(buf), len(starts))]
		clear(cuts)
		j.cuts.Scan(cuts, text, at, before)
		some := uint64(0)
		for b := range cuts {
			cuts[b] &^= starts[b] // there is nothing left to keep off
			some |= cuts[b]
		}
		if some == 0 {
			continue
		}
		near := nearBuf[:len(cuts)]
		j.whole.edges.Near(near, cuts, text, at)
		for b, word := range cuts {
			for rest := near[b]; rest != 0; rest &= rest - 1 {
				if j.whole.at(text, at+64*b+bits.TrailingZeros64(rest)) {
					word &^= rest & -rest
				}
			}
			starts[b] |= word
		}
	}
}
