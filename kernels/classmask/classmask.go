// Package classmask sorts the bytes of UTF-8 text into classes of characters:
// one bit a byte and class, 64 bytes at a time.
package classmask

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels"
)

// Block is the number of bytes that one mask describes.
const Block = 64

// Class is a set of classes as a bit mask.
type Class = byte

// The classes, in the order of their masks in Planes. Of ASCII the kernel knows
// them by itself; a Table says what other characters are.
const (
	Upper  Class = 1 << iota // A to Z, and what the table calls so
	Lower                    // a to z
	Other                    // other letters: none in ASCII
	Mark                     // none in ASCII
	Number                   // 0 to 9
	Sign                     // the 32 of ASCII that can be seen and are none of these
	Space                    // \t \n \v \f \r and ' '
	Script                   // none in ASCII; up to the table
)

// Planes are the masks of one block. Bit j is about the j-th byte; all bytes of
// a character have its class.
type Planes struct {
	Upper, Lower, Other, Mark, Number, Sign, Space, Script uint64

	Newline    uint64 // \n or \r
	Blank      uint64 // ' '
	Apostrophe uint64 // '
	Slash      uint64 // /
	Inner      uint64 // 0x80 to 0xBF: all bytes of a character but the first
	High       uint64 // 0x80 and above
}

// Table holds the classes of the characters beyond ASCII, 64 to a row.
type Table struct {
	rows [guard + runes/rowSize + 1 + guard]uint16 // where each row begins in classes
	// Bytes that are not UTF-8 may lead the kernel up to guard entries before
	// or behind the rows and the classes, never further.
	classes []Class
	quick   quick
}

// quick is what of a table can be told by two bytes, by the lower half of the
// first. Of the characters with a first byte from 0xE0 on, all have class3 but
// some of those with a second byte from low3 to high3, but for same3. Of those with a first
// byte from 0xD0 on, all have first2 up to a second byte of split2, which and
// those up to end2 have second2. Where most of the others of the first kind are,
// windows tell their classes: punctuation, kana and wide forms.
type quick struct {
	class3          [16]Class
	low3, high3     [16]byte
	first2, second2 [16]Class
	split2, end2    [16]byte
	same3           [16]byte
	window20        [64]Class  // U+2000 to U+203F
	window30        [256]Class // U+3000 to U+30FF
	windowFF        [128]Class // U+FF00 to U+FF7F
}

const (
	runes   = utf8.MaxRune + 1
	rowSize = 64
	guard   = 128
)

// NewTable makes a Table by a function of the character. The characters that
// have a class are in the ranges, each a first one and one behind the last.
func NewTable(class func(rune) Class, ranges ...[2]rune) *Table {
	t := &Table{classes: make([]Class, guard+rowSize)} // a row without classes
	known := map[[rowSize]Class]uint16{{}: guard}
	for i := range t.rows {
		t.rows[i] = guard
	}
	for _, r := range ranges {
		for first := r[0] / rowSize * rowSize; first < r[1]; first += rowSize {
			var row [rowSize]Class
			for i := range row {
				row[i] = class(first + rune(i))
			}
			at, ok := known[row]
			if !ok {
				if len(t.classes) > math.MaxUint16 {
					panic("classmask: too many different rows of 64 characters")
				}
				at = uint16(len(t.classes))
				known[row] = at
				t.classes = append(t.classes, row[:]...)
			}
			t.rows[guard+first/rowSize] = at
		}
	}
	t.classes = append(t.classes, make([]Class, guard)...)
	t.setQuick()
	return t
}

func (t *Table) setQuick() {
	q := &t.quick
	uniform := map[uint16]bool{} // rows of one class, by where they begin
	for at := guard; at+rowSize <= len(t.classes); at += rowSize {
		row := t.classes[at : at+rowSize]
		uniform[uint16(at)] = bytes.Count(row, row[:1]) == rowSize
	}
	for i := range 16 {
		rows := t.rows[guard+i*rowSize:][:rowSize]
		if i == 0xD {
			rows = rows[:rowSize/2] // behind those is no character
		}
		// The class of most rows that have but one.
		var votes [256]int
		for _, at := range rows {
			if uniform[at] {
				votes[t.classes[at]]++
			}
		}
		q.class3[i] = byte(slices.Index(votes[:], slices.Max(votes[:])))
		q.low3[i], q.high3[i] = 0xFF, 0
		for row, at := range rows {
			if !uniform[at] || t.classes[at] != q.class3[i] {
				second := byte(utf8.RuneSelf + row)
				q.low3[i], q.high3[i] = min(q.low3[i], second), second
			}
		}
		for row, at := range rows {
			second := byte(utf8.RuneSelf + row)
			if second > q.low3[i] && uniform[at] && t.classes[at] == q.class3[i] {
				q.same3[i] = second // 0xE3 has that of ㅋ and ㅠ
				break
			}
		}

		first := rune(0x10+i) << 6
		split := first
		for split < first+rowSize && t.Class(split) == t.Class(first) {
			split++
		}
		end := split
		for end < first+rowSize && t.Class(end) == t.Class(split) {
			end++
		}
		q.first2[i], q.split2[i] = t.Class(first), byte(utf8.RuneSelf+split-first)
		q.second2[i], q.end2[i] = t.Class(split), byte(utf8.RuneSelf+end-first)
	}
	for _, w := range []struct {
		classes []Class
		first   rune
	}{{q.window20[:], 0x2000}, {q.window30[:], 0x3000}, {q.windowFF[:], 0xFF00}} {
		for i := range w.classes {
			w.classes[i] = t.Class(w.first + rune(i))
		}
	}
}

// Class returns the class of r by the table.
func (t *Table) Class(r rune) Class {
	return t.classes[int(t.rows[guard+r/rowSize])+int(r%rowSize)]
}

// State is what one call of Classify leaves to the next: the classes of the
// character that their border cuts.
type State uint32

// Classify describes the first len(dst) blocks of text, of which at least three
// bytes more must be there: the last character may reach into them. The text
// goes on from the last call with the same state, or begins, with a state of 0.
// What the planes say of bytes that are not UTF-8 is undefined.
func (t *Table) Classify(dst []Planes, text []byte, state State) State {
	if len(dst) == 0 {
		return state
	}
	_ = text[:len(dst)*Block+3]
	return classify(dst, text, t, state)
}

func init() {
	kernels.Register("classmask", implementation())
}
