package ucd

import (
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
	run, sorted []normalRune
	tables      *normalTables // nil before they are first asked for
}

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

// AppendNFC appends the NFC of text, which must be valid UTF-8, to dst.
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
		r, n := utf8.DecodeRune(text[i:])
		if i > 0 && lookup(normalIndex[:], normalBlocks, r) == 0 {
			return i
		}
		i += n
	}
	return len(text)
}

func (z *Normalizer) appendRun(dst, text []byte) []byte {
	z.run = z.run[:0]
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		z.decompose(r)
		i += n
	}
	z.order()
	z.compose()
	for _, c := range z.run {
		dst = utf8.AppendRune(dst, c.r)
	}
	if cap(z.run) > maxRun {
		z.run = nil
	}
	return dst
}

// maxRun is the scratch, in characters, that a Normalizer keeps.
const maxRun = 1 << 16

func (z *Normalizer) push(r rune) {
	ccc := lookup(normalIndex[:], normalBlocks, r)
	if ccc == unsettled {
		ccc = 0
	}
	z.run = append(z.run, normalRune{r, ccc})
}

func (z *Normalizer) decompose(r rune) {
	if s := r - hangulS; 0 <= s && s < countS {
		z.push(hangulL + s/(countV*countT))
		z.push(hangulV + s%(countV*countT)/countT)
		if t := s % countT; t > 0 {
			z.push(hangulT + t)
		}
		return
	}
	to := z.lookups().decomposition(r)
	if to == nil {
		z.push(r)
		return
	}
	for _, d := range to {
		if d == 0 {
			break
		}
		z.push(d)
	}
}

// order sorts every run of non-starters by combining class, stably.
func (z *Normalizer) order() {
	for i := 0; i < len(z.run); {
		if z.run[i].ccc == 0 {
			i++
			continue
		}
		j := i + 1
		for j < len(z.run) && z.run[j].ccc != 0 {
			j++
		}
		z.orderMarks(z.run[i:j])
		i = j
	}
}

// fewMarks is how many are sorted by insertion: the work for n of them is n².
const fewMarks = 16

func (z *Normalizer) orderMarks(marks []normalRune) {
	if len(marks) > fewMarks {
		z.countSort(marks)
		return
	}
	for i := 1; i < len(marks); i++ {
		for k := i; k > 0 && marks[k-1].ccc > marks[k].ccc; k-- {
			marks[k-1], marks[k] = marks[k], marks[k-1]
		}
	}
}

// countSort sorts by combining class, stably, in a time linear in the number of
// marks.
func (z *Normalizer) countSort(marks []normalRune) {
	var places [256]int // where the next mark of a class goes
	for _, m := range marks {
		places[m.ccc]++
	}
	next := 0
	for class, n := range places {
		places[class] = next
		next += n
	}
	z.sorted = append(z.sorted[:0], marks...)
	for _, m := range z.sorted {
		marks[places[m.ccc]] = m
		places[m.ccc]++
	}
	if cap(z.sorted) > maxRun {
		z.sorted = nil
	}
}

// compose joins every character to the last starter it is not blocked from,
// where the two have a primary composite.
func (z *Normalizer) compose() {
	out := z.run[:0]
	starter := -1
	var last byte // combining class of the last character kept after the starter
	for _, c := range z.run {
		if starter >= 0 && (len(out) == starter+1 || last < c.ccc) {
			if r, ok := z.composite(out[starter].r, c.r); ok {
				out[starter].r = r
				continue
			}
		}
		if c.ccc == 0 {
			starter = len(out)
		}
		last = c.ccc
		out = append(out, c)
	}
	z.run = out
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
