package normalize

import (
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/runes"
)

// Hangul syllables are decomposed by arithmetic (Unicode 9.0 §3.12).
const (
	hangulS, hangulL, hangulV, hangulT = 0xAC00, 0x1100, 0x1161, 0x11A7
	countV, countT                     = 21, 28
	countS                             = 19 * countV * countT
)

// decomposer appends characters to a text in canonical order, decomposed or
// not, and as its switches say.
type decomposer struct {
	decompose  bool // canonically
	compatible bool // as well
	strip      bool // leave out marks of category Mn
	lower      bool // in lower case, after everything else

	dst     []byte
	written int      // characters in dst and waiting
	waiting []ranked // since the last starter
}

// ranked is a character that is no starter.
type ranked struct {
	r   rune
	ccc byte
}

func (d *decomposer) add(r rune) {
	if r < utf8.RuneSelf || !d.decompose {
		d.put(r)
		return
	}
	if s := r - hangulS; 0 <= s && s < countS {
		d.addJamo(s)
		return
	}
	if d.compatible {
		if to, ok := runes.Compatible(r); ok {
			d.putAll(to)
			return
		}
	}
	if runes.PropsOf(r)&runes.Decomposes != 0 {
		d.putAll(runes.Canonical(r))
		return
	}
	d.put(r)
}

// addJamo adds what a Hangul syllable decomposes to: letters of which each is a
// starter, in every case the same, and three bytes long.
func (d *decomposer) addJamo(syllable rune) {
	d.flush()
	d.addLetter(hangulL + syllable/(countV*countT))
	d.addLetter(hangulV + syllable%(countV*countT)/countT)
	if t := syllable % countT; t > 0 {
		d.addLetter(hangulT + t)
	}
}

func (d *decomposer) addLetter(r rune) {
	d.dst = append(d.dst, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	d.written++
}

// putPlain is put for a character that neither strip nor lower touches; char is
// how it is spelt.
func (d *decomposer) putPlain(r rune, char []byte) {
	if d.decompose && r >= 0x300 {
		if ccc := runes.CCC(r); ccc != 0 {
			d.waiting = append(d.waiting, ranked{r, ccc})
			d.written++
			return
		}
	}
	d.flush()
	d.dst = append(d.dst, char...)
	d.written++
}

func (d *decomposer) putAll(s string) {
	for _, r := range s {
		d.put(r)
	}
}

// put takes a character that is decomposed. Marks to strip never wait: that
// others overtake them changes nothing.
func (d *decomposer) put(r rune) {
	if r < utf8.RuneSelf {
		d.flush()
		d.write(r)
		return
	}
	if d.strip && runes.PropsOf(r)&runes.NonspacingMark != 0 {
		return
	}
	if d.decompose {
		if ccc := runes.CCC(r); ccc != 0 {
			d.waiting = append(d.waiting, ranked{r, ccc})
			d.written++
			return
		}
	}
	d.flush()
	d.write(r)
}

func (d *decomposer) write(r rune) {
	d.written++
	d.append(r)
}

func (d *decomposer) append(r rune) {
	if d.lower {
		var second rune
		if r, second = runes.Lower(r); second != 0 {
			d.dst = utf8.AppendRune(d.dst, r)
			r = second
			d.written++
		}
	}
	d.dst = utf8.AppendRune(d.dst, r)
}

// maxWaiting is how many characters the scratch keeps room for.
const maxWaiting = 1 << 16

// flush writes the characters that wait, by combining class.
func (d *decomposer) flush() {
	if len(d.waiting) == 0 {
		return
	}
	if len(d.waiting) > 1 {
		order(d.waiting)
	}
	for _, w := range d.waiting {
		d.append(w.r)
	}
	if d.waiting = d.waiting[:0]; cap(d.waiting) > maxWaiting {
		d.waiting = nil
	}
}

// order sorts stably by class, in linear time where there is much to sort.
func order(w []ranked) {
	byClass := func(a, b ranked) int { return int(a.ccc) - int(b.ccc) }
	if len(w) < 64 || slices.IsSortedFunc(w, byClass) {
		slices.SortStableFunc(w, byClass)
		return
	}
	var starts [257]int
	for _, c := range w {
		starts[int(c.ccc)+1]++
	}
	for i := range 256 {
		starts[i+1] += starts[i]
	}
	for _, c := range slices.Clone(w) {
		w[starts[c.ccc]] = c
		starts[c.ccc]++
	}
}
