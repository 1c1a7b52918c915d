// Package worddiff shows how two texts differ, word by word, to people: how
// much space is between words is no difference. The differences are those of Myers, "An O(ND) difference algorithm and its
// variations" (1986), in linear space.
package worddiff

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Part is a piece of a difference: what both texts have ("same"), what only
// the first ("removed") or only the second ("added") has, or words of both
// that are left out ("skipped", without text).
type Part struct {
	Kind  Kind   `json:"kind"`
	Text  string `json:"text"`
	Words int    `json:"words"` // and marks, but not spaces
}

// Kind is what a Part is.
type Kind string

const (
	Same    Kind = "same"
	Removed Kind = "removed"
	Added   Kind = "added"
	Skipped Kind = "skipped"
)

// Limits of what is compared and shown, in pieces: words, marks and spaces.
const (
	maxCompared = 6000 // of each text, after what they begin and end with in common
	context     = 24   // around a difference
	maxChanged  = 160  // of one removed or added part
	maxParts    = 40
)

// Diff returns how to get from a to b, without the long stretches that they
// share. Of long texts that differ a lot only the beginning is compared; what
// is left is then one removed and one added part.
func Diff(a, b string) []Part {
	x, y := split(a), split(b)
	head := 0
	for head < len(x) && head < len(y) && key(x[head]) == key(y[head]) {
		head++
	}
	tail := 0
	for tail < len(x)-head && tail < len(y)-head && key(x[len(x)-1-tail]) == key(y[len(y)-1-tail]) {
		tail++
	}
	d := differ{}
	d.emit(Same, x[:head])
	mx, my := x[head:len(x)-tail], y[head:len(y)-tail]
	cx, cy := min(len(mx), maxCompared), min(len(my), maxCompared)
	d.number(mx[:cx], my[:cy])
	d.compare(0, cx, 0, cy)
	d.emit(Removed, mx[cx:])
	d.emit(Added, my[cy:])
	d.emit(Same, x[len(x)-tail:])
	return shorten(join(d.runs))
}

// split cuts a text into words, runs of space, and single other characters; a
// character of a script without spaces is a word of its own.
func split(s string) []string {
	var out []string
	kind := func(r rune) int {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			return 0
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			return 1
		case unicode.IsSpace(r):
			return 2
		}
		return 0
	}
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if k := kind(r); k != 0 {
			for n < len(s) {
				r, size := utf8.DecodeRuneInString(s[n:])
				if kind(r) != k {
					break
				}
				n += size
			}
		}
		piece := s[:n]
		if kind(r) == 2 {
			piece = space(piece)
		}
		out = append(out, piece)
		s = s[n:]
	}
	return out
}

// space is what is left of a run of space: whether lines and paragraphs end.
func space(s string) string {
	switch strings.Count(s, "\n") {
	case 0:
		return " "
	case 1:
		return "\n"
	}
	return "\n\n"
}

// key is what two pieces that count as equal have in common: space is space.
func key(piece string) string {
	if strings.TrimSpace(piece) == "" {
		return " "
	}
	return piece
}

// run is a Part before it is shortened.
type run struct {
	kind   Kind
	pieces []string
}

// differ compares two lists of pieces.
type differ struct {
	x, y        []string
	nx, ny      []int32 // equal pieces have equal numbers
	front, back []int   // furthest reaching paths, by diagonal
	runs        []run
}

func (d *differ) emit(kind Kind, pieces []string) {
	if len(pieces) > 0 {
		d.runs = append(d.runs, run{kind, pieces})
	}
}

func (d *differ) number(x, y []string) {
	numbers := map[string]int32{}
	of := func(pieces []string) []int32 {
		out := make([]int32, len(pieces))
		for i, p := range pieces {
			n, known := numbers[key(p)]
			if !known {
				n = int32(len(numbers))
				numbers[key(p)] = n
			}
			out[i] = n
		}
		return out
	}
	d.x, d.y, d.nx, d.ny = x, y, of(x), of(y)
	size := 2*(len(x)+len(y)) + 3
	d.front, d.back = make([]int, size), make([]int, size)
}

// compare emits how to get from x[i:ie] to y[j:je].
func (d *differ) compare(i, ie, j, je int) {
	start := i
	for i < ie && j < je && d.nx[i] == d.ny[j] {
		i, j = i+1, j+1
	}
	d.emit(Same, d.x[start:i])
	end := ie
	for ie > i && je > j && d.nx[ie-1] == d.ny[je-1] {
		ie, je = ie-1, je-1
	}
	switch {
	case i == ie || j == je:
		d.emit(Removed, d.x[i:ie])
		d.emit(Added, d.y[j:je])
	default:
		mi, mj := d.middle(i, ie, j, je)
		d.compare(i, mi, j, mj)
		d.compare(mi, ie, mj, je)
	}
	d.emit(Same, d.x[ie:end])
}

// middle returns a point on a shortest path from (i, j) to (ie, je), both
// ranges of which are not empty, other than these two.
func (d *differ) middle(i, ie, j, je int) (int, int) {
	n, m := ie-i, je-j
	delta := n - m
	zero := n + m + 1 // index of diagonal 0
	d.front[zero+1], d.back[zero+1] = 0, 0
	for steps := 0; ; steps++ {
		for k := -steps; k <= steps; k += 2 {
			p := d.front[zero+k-1] + 1
			if k == -steps || k != steps && d.front[zero+k-1] < d.front[zero+k+1] {
				p = d.front[zero+k+1]
			}
			q := p - k
			for p < n && q < m && d.nx[i+p] == d.ny[j+q] {
				p, q = p+1, q+1
			}
			d.front[zero+k] = p
			if o := delta - k; delta&1 != 0 && -(steps-1) <= o && o <= steps-1 && p+d.back[zero+o] >= n {
				return i + p, j + q
			}
		}
		for k := -steps; k <= steps; k += 2 {
			p := d.back[zero+k-1] + 1
			if k == -steps || k != steps && d.back[zero+k-1] < d.back[zero+k+1] {
				p = d.back[zero+k+1]
			}
			q := p - k
			for p < n && q < m && d.nx[ie-1-p] == d.ny[je-1-q] {
				p, q = p+1, q+1
			}
			d.back[zero+k] = p
			if o := delta - k; delta&1 == 0 && -steps <= o && o <= steps && p+d.front[zero+o] >= n {
				return ie - p, je - q
			}
		}
	}
}

// join puts what is removed before what is added, and takes a space between
// two changes as changed: a word replaced by a word is one change, and so is a
// phrase.
func join(runs []run) []run {
	var out []run
	var removed, added []string
	flush := func() {
		if len(removed) > 0 {
			out = append(out, run{Removed, removed})
		}
		if len(added) > 0 {
			out = append(out, run{Added, added})
		}
		removed, added = nil, nil
	}
	for i, r := range runs {
		switch r.kind {
		case Removed:
			removed = append(removed, r.pieces...)
		case Added:
			added = append(added, r.pieces...)
		default:
			between := i+1 < len(runs) && len(removed)+len(added) > 0 && runs[i+1].kind != Same
			if between && words(r.pieces) == 0 {
				removed, added = append(removed, r.pieces...), append(added, r.pieces...)
				continue
			}
			flush()
			if last := len(out) - 1; last >= 0 && out[last].kind == Same {
				out[last].pieces = append(out[last].pieces[:len(out[last].pieces):len(out[last].pieces)], r.pieces...)
			} else {
				out = append(out, r)
			}
		}
	}
	flush()
	return out
}

func words(pieces []string) int {
	n := 0
	for _, p := range pieces {
		if strings.TrimSpace(p) != "" {
			n++
		}
	}
	return n
}

// shorten leaves out what is far from any difference, the middle of long ones,
// and what comes after many.
func shorten(runs []run) []Part {
	var out []Part
	add := func(kind Kind, pieces []string) {
		if len(pieces) == 0 {
			return
		}
		p := Part{Kind: kind, Words: words(pieces)}
		if kind != Skipped {
			p.Text = strings.Join(pieces, "")
		} else if last := len(out) - 1; last >= 0 && out[last].Kind == Skipped {
			out[last].Words += p.Words
			return
		}
		out = append(out, p)
	}
	for i, r := range runs {
		first, last := i == 0, i == len(runs)-1
		n := len(r.pieces)
		switch {
		case len(out) >= maxParts:
			add(Skipped, r.pieces)
		case r.kind != Same && n > maxChanged:
			add(r.kind, r.pieces[:maxChanged])
			add(Skipped, r.pieces[maxChanged:])
		case r.kind != Same || n <= 2*context:
			add(r.kind, r.pieces)
		case first && last:
			add(Same, r.pieces[:context])
			add(Skipped, r.pieces[context:])
		case first:
			add(Skipped, r.pieces[:n-context])
			add(Same, r.pieces[n-context:])
		case last:
			add(Same, r.pieces[:context])
			add(Skipped, r.pieces[context:])
		default:
			add(Same, r.pieces[:context])
			add(Skipped, r.pieces[context:n-context])
			add(Same, r.pieces[n-context:])
		}
	}
	return out
}
