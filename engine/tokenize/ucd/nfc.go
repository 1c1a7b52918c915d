package ucd

import (
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/nfcscan"
)

type decomposition struct {
	from rune
	to   [4]rune // zero-padded
}

type composition struct {
	first, second, to rune
}

// Constants of the arithmetic of Hangul syllables (Unicode 9.0 §3.12).
const (
	hangulS, hangulL, hangulV, hangulT = 0xAC00, 0x1100, 0x1161, 0x11A7
	countL, countV, countT             = 19, 21, 28
	countS                             = countL * countV * countT
)

// unsettled marks in the table a starter that NFC may change, or join to the
// character before it.
const unsettled = 255

// QuickNFC returns the length of a prefix of text, which must be UTF-8, that
// stands unchanged at the start of its NFC. It is len(text) for most text. The rest, if any, begins with
// a starter, unless it is all of text.
func QuickNFC(text []byte) int {
	settled := 0 // start of the last character that nothing before it can reach
	for i := 0; i < len(text); {
		plain := nfcscan.Plain(text, i)
		if plain > i {
			// The last character may go on behind, where it was not looked at.
			i = characterAt(text, plain-1)
			settled = characterAt(text, i-1)
		}
		for i < min(plain+nfcscan.Step, len(text)) {
			n := 1
			if text[i] >= utf8.RuneSelf {
				var r rune
				if r, n = utf8.DecodeRune(text[i:]); lookup(normalIndex[:], normalBlocks, r) != 0 {
					return settled
				}
			}
			settled = i
			i += n
		}
	}
	return len(text)
}

// characterAt returns where the character begins that the byte at i is of.
func characterAt(text []byte, i int) int {
	for range min(i, utf8.UTFMax-1) {
		if utf8.RuneStart(text[i]) {
			break
		}
		i--
	}
	return i
}

// Normalizer brings text to NFC of Unicode 9.0 (UAX #15). It holds the
// scratch of one goroutine; its zero value is ready.
type Normalizer struct {
	starter rune         // the last one, which is not written yet; none if it is or there was none
	marks   []normalRune // those after starter
	tables  *normalTables
}

// none is no character.
const none rune = -1

// mostMarks is how many marks in a row wait to be sorted by insertion, whose
// work for n of them is n². Where there are as many or more they are sorted in
// the text that they are written to.
const mostMarks = 32

func (z *Normalizer) lookups() *normalTables {
	if z.tables == nil {
		z.tables = findNormalTables()
	}
	return z.tables
}

type normalRune struct {
	r   rune
	ccc byte
}

// AppendNFC appends the NFC of text, which must be valid UTF-8, to dst. Besides
// dst it takes a few kilobytes, however many marks stand in a row.
func (z *Normalizer) AppendNFC(dst, text []byte) []byte {
	for len(text) > 0 {
		quick := QuickNFC(text)
		dst = append(dst, text[:quick]...)
		text = text[quick:]
		end := unsettledEnd(text)
		dst = z.appendRun(dst, text[:end])
		text = text[end:]
	}
	return dst
}

// unsettledEnd returns where, after its first character, text next has a
// starter that nothing before it can reach.
func unsettledEnd(text []byte) int {
	for i := 0; i < len(text); {
		r, n := Decode(text[i:])
		if i > 0 && lookup(normalIndex[:], normalBlocks, r) == 0 {
			return i
		}
		i += n
	}
	return len(text)
}

// appendRun appends the NFC of text as if nothing stood before it.
func (z *Normalizer) appendRun(dst, text []byte) []byte {
	z.starter, z.marks = none, z.marks[:0]
	var buf [4]rune
	for len(text) > 0 {
		r, n := Decode(text)
		text = text[n:]
		for _, c := range z.decompose(&buf, r) {
			if ccc := classOf(c); ccc != 0 {
				z.marks = append(z.marks, normalRune{c, ccc})
				continue
			}
			z.composeMarks()
			if len(z.marks) == 0 {
				if to, ok := z.composite(z.starter, c); ok {
					z.starter = to
					continue
				}
			}
			dst = z.write(dst)
			z.starter = c
		}
		if len(z.marks) >= mostMarks {
			dst, n = z.appendMarks(dst, text)
			text = text[n:]
		}
	}
	z.composeMarks()
	return z.write(dst)
}

// write appends what waits to dst.
func (z *Normalizer) write(dst []byte) []byte {
	if z.starter != none {
		dst = utf8.AppendRune(dst, z.starter)
	}
	for _, m := range z.marks {
		dst = utf8.AppendRune(dst, m.r)
	}
	z.starter, z.marks = none, z.marks[:0]
	return dst
}

// classOf returns the combining class of a character, 0 for a starter.
func classOf(r rune) byte {
	ccc := lookup(normalIndex[:], normalBlocks, r)
	if ccc == unsettled {
		return 0
	}
	return ccc
}

// decompose returns what a character is decomposed to, perhaps in buf.
func (z *Normalizer) decompose(buf *[4]rune, r rune) []rune {
	if s := r - hangulS; uint32(s) < countS {
		*buf = [4]rune{hangulL + s/(countV*countT), hangulV + s%(countV*countT)/countT, hangulT + s%countT}
		if s%countT == 0 {
			return buf[:2]
		}
		return buf[:3]
	}
	to := z.lookups().decomposition(r)
	if to == nil {
		buf[0] = r
		return buf[:1]
	}
	for i, d := range to {
		if d == 0 {
			return to[:i]
		}
	}
	return to[:]
}

// composeMarks brings the marks into the order of their classes, stably, and
// joins the starter with those that it has a primary composite with and that
// are not blocked from it.
func (z *Normalizer) composeMarks() {
	z.order()
	if z.starter == none {
		return
	}
	kept := z.marks[:0]
	for _, m := range z.marks {
		if len(kept) == 0 || kept[len(kept)-1].ccc < m.ccc {
			if to, ok := z.composite(z.starter, m.r); ok {
				z.starter = to
				continue
			}
		}
		kept = append(kept, m)
	}
	z.marks = kept
}

// order sorts by insertion, as the marks are few.
func (z *Normalizer) order() {
	marks := z.marks
	for i := 1; i < len(marks); i++ {
		for k := i; k > 0 && marks[k-1].ccc > marks[k].ccc; k-- {
			marks[k-1], marks[k] = marks[k], marks[k-1]
		}
	}
}

// appendMarks is composeMarks and write for the marks that wait and those that
// text begins with, and returns how long these are. It counts the bytes of every
// class and then puts every mark in its place, in a time linear in them.
func (z *Normalizer) appendMarks(dst, text []byte) (_ []byte, n int) {
	var ends [256]int // of the classes, where their next mark goes in the end
	n = z.eachMark(text, func(m normalRune) { ends[m.ccc] += utf8.RuneLen(m.r) })
	base := len(dst)
	next := base + utf8.UTFMax // the starter has room before the marks
	for ccc, size := range ends {
		ends[ccc] = next
		next += size
	}
	begins := ends
	dst = slices.Grow(dst, next-base)[:next]
	z.eachMark(text[:n], func(m normalRune) { ends[m.ccc] += utf8.EncodeRune(dst[ends[m.ccc]:], m.r) })

	// Of every class only the first mark is not blocked, and what is then the
	// first. A starter takes a few: some stay, behind which no other starter
	// is joined to it.
	for ccc := range begins {
		for z.starter != none && begins[ccc] < ends[ccc] {
			r, size := Decode(dst[begins[ccc]:])
			to, ok := z.composite(z.starter, r)
			if !ok {
				break
			}
			z.starter = to
			begins[ccc] += size
		}
	}
	z.marks = z.marks[:0]
	kept := z.write(dst[:base]) // within the room
	for ccc, begin := range begins {
		if begin < ends[ccc] {
			kept = append(kept, dst[begin:ends[ccc]]...)
		}
	}
	return kept, n
}

// eachMark calls fn for the marks that wait and those that text begins with, and
// returns how long these are.
func (z *Normalizer) eachMark(text []byte, fn func(normalRune)) (n int) {
	for _, m := range z.marks {
		fn(m)
	}
	var buf [4]rune
	for n < len(text) {
		r, size := Decode(text[n:])
		to := z.decompose(&buf, r)
		// What begins with a mark, decomposed, is all marks.
		for _, c := range to {
			ccc := classOf(c)
			if ccc == 0 {
				return n
			}
			fn(normalRune{c, ccc})
		}
		n += size
	}
	return n
}

// Decode is utf8.DecodeRune of valid text, which is not empty.
func Decode(text []byte) (r rune, size int) {
	switch c := text[0]; {
	case c < utf8.RuneSelf:
		return rune(c), 1
	case c < 0xE0:
		return rune(c&0x1F)<<6 | rune(text[1]&0x3F), 2
	case c < 0xF0:
		return rune(c&0xF)<<12 | rune(text[1]&0x3F)<<6 | rune(text[2]&0x3F), 3
	default:
		return rune(c&7)<<18 | rune(text[1]&0x3F)<<12 | rune(text[2]&0x3F)<<6 | rune(text[3]&0x3F), 4
	}
}

func (z *Normalizer) composite(a, b rune) (rune, bool) {
	if l, v := a-hangulL, b-hangulV; 0 <= l && l < countL && 0 <= v && v < countV {
		return hangulS + (l*countV+v)*countT, true
	}
	if s, t := a-hangulS, b-hangulT; 0 <= s && s < countS && s%countT == 0 && 0 < t && t < countT {
		return a + t, true
	}
	return z.lookups().composition(a, b)
}
