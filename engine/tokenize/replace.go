package tokenize

import "unicode/utf8"

// appendReplaced appends text to dst with U+FFFD for every maximal subpart of
// an ill-formed sequence (Unicode Standard 3.9, definition D93b).
func appendReplaced(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r != utf8.RuneError || size > 1 {
			dst = append(dst, text[i:i+size]...)
			i += size
			continue
		}
		dst = append(dst, "\uFFFD"...)
		i += maximalSubpart(text[i:])
	}
	return dst
}

// maximalSubpart returns the length of the longest prefix of text, which
// begins with an ill-formed sequence, that begins a well-formed one, or 1.
func maximalSubpart(text []byte) int {
	low, high, length := byte(0x80), byte(0xbf), 1
	switch lead := text[0]; { // Table 3-7, "Well-Formed UTF-8 Byte Sequences"
	case lead >= 0xc2 && lead <= 0xdf:
		length = 2
	case lead >= 0xe0 && lead <= 0xef:
		length = 3
		if lead == 0xe0 {
			low = 0xa0
		}
		if lead == 0xed {
			high = 0x9f
		}
	case lead >= 0xf0 && lead <= 0xf4:
		length = 4
		if lead == 0xf0 {
			low = 0x90
		}
		if lead == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n < min(length, len(text)) && text[n] >= low && text[n] <= high {
		n++
		low, high = 0x80, 0xbf // the narrower range is that of the second byte
	}
	return n
}
