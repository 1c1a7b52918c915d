package jsonl

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/kernels/strscan"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// plain reads the run of plain bytes at i. The byte behind it is one to look
// at, or the line ends there.
func (w *walker) plain(i int) int {
	run, high := strscan.Scan(w.line[i:])
	if high {
		if s := w.line[i : i+run]; !utf8valid.Valid(s) {
			return w.fail(doc.InvalidUTF8, i+invalidUTF8(s))
		}
	}
	return i + run
}

// invalidUTF8 returns the offset of the first byte sequence that is not UTF-8,
// or len(s).
func invalidUTF8(s []byte) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(s)
}

// skipString reads a string from behind its opening quote.
func (w *walker) skipString(i int) int {
	for {
		if i = w.plain(i); i < 0 {
			return i
		}
		switch {
		case i == len(w.line):
			return w.unexpected(i)
		case w.line[i] == '"':
			return i + 1
		case w.line[i] != '\\':
			return w.fail(doc.ControlCharacter, i)
		case i+1 < len(w.line) && strscan.Escape(w.line[i+1]) != 0:
			i += 2
		default:
			if i, _ = w.unicodeEscape(i); i < 0 {
				return i
			}
		}
	}
}

// readString reads a string from behind its opening quote and returns its
// decoded value: part of the line if nothing is escaped, else of the scratch.
func (w *walker) readString(i int) (int, []byte) {
	start := i
	if i = w.plain(i); i < 0 {
		return i, nil
	}
	if i < len(w.line) && w.line[i] == '"' {
		return i + 1, w.line[start:i:i]
	}
	// All decoded strings of a line are together no longer than the line, and
	// so are at every point those up to there: the scratch never grows under a
	// string already given out, and dst always has room for the rest of the line.
	if w.scratch == nil {
		if b, ok := released.Get().(*[]byte); ok {
			w.scratch = (*b)[:0]
		}
	}
	if cap(w.scratch) < len(w.line) {
		w.scratch = make([]byte, 0, len(w.line)+len(w.line)/4)
	}
	dst := w.scratch[len(w.scratch):cap(w.scratch)]
	n := copy(dst, w.line[start:i])
	for {
		read, written, high := strscan.Unescape(dst[n:], w.line[i:])
		if high && !utf8valid.Valid(dst[n:n+written]) {
			return w.fail(doc.InvalidUTF8, i+invalidUTF8(w.line[i:i+read])), nil
		}
		i += read
		n += written
		switch {
		case i == len(w.line):
			return w.unexpected(i), nil
		case w.line[i] == '"':
			w.scratch = w.scratch[:len(w.scratch)+n]
			return i + 1, dst[:n:n]
		case w.line[i] != '\\':
			return w.fail(doc.ControlCharacter, i), nil
		}
		var r rune
		if i, r = w.unicodeEscape(i); i < 0 {
			return i, nil
		}
		n += utf8.EncodeRune(dst[n:], r)
	}
}

// unicodeEscape reads the \u escape, or the pair of them, at the backslash i.
func (w *walker) unicodeEscape(i int) (int, rune) {
	end, r := w.hex4(i)
	if end < 0 || !utf16.IsSurrogate(r) {
		return end, r
	}
	if r < 0xdc00 && end+1 < len(w.line) && w.line[end] == '\\' && w.line[end+1] == 'u' {
		if end, low := w.hex4(end); end >= 0 {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return end, pair
			}
		}
	}
	return w.fail(doc.LoneSurrogate, i), 0
}

// hex4 reads a backslash, a u and four hexadecimal digits.
func (w *walker) hex4(i int) (int, rune) {
	i++
	if i >= len(w.line) || w.line[i] != 'u' {
		return w.unexpected(i), 0
	}
	var r rune
	for range 4 {
		i++
		if i >= len(w.line) {
			return w.unexpected(i), 0
		}
		switch c := w.line[i]; {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return w.unexpected(i), 0
		}
	}
	return i + 1, r
}
