// Package display lays out text for a terminal: aligned columns, thousands
// separators, and names of strangers made safe to print. It imports nothing
// of ours.
package display

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is a plain-text table. The zero Table is empty; Head gives the
// columns.
type Table struct {
	Head  []string
	Right []bool // per column: flush right, as numbers are; missing means left
	rows  [][]string
}

// Add appends a row. A row shorter than Head is padded with empty cells.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(t.Head))
	copy(row, cells)
	t.rows = append(t.rows, row)
}

// Write prints the table, columns two spaces apart and every line indented
// by the given number of spaces. No line ends in a space.
func (t *Table) Write(w io.Writer, indent int) error {
	widths := make([]int, len(t.Head))
	for i, h := range t.Head {
		widths[i] = Width(h)
	}
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], Width(c))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.Head}, t.rows...) {
		var line strings.Builder
		line.WriteString(strings.Repeat(" ", indent))
		for i, c := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			gap := strings.Repeat(" ", widths[i]-Width(c))
			if i < len(t.Right) && t.Right[i] {
				line.WriteString(gap + c)
			} else {
				line.WriteString(c + gap)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Count writes n with a comma between groups of three digits: 1,234,567.
func Count(n uint64) string { return Group(strconv.FormatUint(n, 10)) }

// Group puts a comma between groups of three digits of the integer part of
// the decimal number s: "1234567.89" gives "1,234,567.89".
func Group(s string) string {
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return b.String()
}

// Bytes writes a size in decimal units with one decimal: "932 B", "12.3 kB",
// "4.6 MB".
func Bytes(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	v, unit := float64(n), 0
	for v >= 999.95 && unit < 5 {
		v /= 1000
		unit++
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit]
}

// Percent writes part/whole as a percentage with one decimal, "–" for a
// whole of zero. A part that is neither nothing nor all is never shown as
// 0.0 % or 100.0 %.
func Percent(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && p < 0.05:
		return "<0.1 %"
	case part < whole && p >= 99.95:
		return ">99.9 %"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + " %"
}

// Name makes a string that somebody else chose safe to show in width columns
// of a terminal or page: control characters, line ends and characters that
// change the direction or vanish are written as escapes, invalid UTF-8 as
// U+FFFD, and what does not fit is cut with an ellipsis. An empty string is
// shown as (empty).
func Name(s string, width int) string {
	if s == "" {
		return "(empty)"
	}
	var b strings.Builder
	columns, cut := 0, 0
	marks := 0
	for _, r := range s {
		piece := visible(r)
		w := Width(piece)
		// Stacks of combining marks take no columns; two on a letter is
		// all that any script needs, more is a way to smear over lines.
		if w == 0 {
			if marks++; marks > 2 {
				continue
			}
		} else {
			marks = 0
		}
		if columns+w > width {
			return b.String()[:cut] + "…"
		}
		b.WriteString(piece)
		columns += w
		if columns <= width-1 {
			cut = b.Len()
		}
	}
	return b.String()
}

// visible returns r itself, or an escape if r would not show as a character
// where it stands.
func visible(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r == 0x200c || r == 0x200d: // joiners: ordinary spelling in Persian and Indic scripts
		return string(r)
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		if r < 0x100 {
			return fmt.Sprintf(`\x%02x`, r)
		}
		return fmt.Sprintf(`\u{%x}`, r)
	}
	return string(r)
}

// Width is the number of terminal columns of s: two for East Asian wide
// characters and emoji, none for combining marks, one for anything else.
func Width(s string) int {
	if isASCII(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// wide reports the blocks of East_Asian_Width W and F (UAX #11), to the
// granularity that matters for names.
func wide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115f,
		r >= 0x2e80 && r <= 0xa4cf && r != 0x303f,
		r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return false
}
