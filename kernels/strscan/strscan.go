// Package strscan reads the body of a JSON string: it finds how much of it is
// plain, bytes that stand for themselves, and copies it with its two-byte
// escapes resolved.
package strscan

import "github.com/tallystick/tallystick/kernels"

// Scan returns the length of the longest prefix of b without a quote (0x22), a
// backslash (0x5c) or a control character (below 0x20), and whether a byte of
// that prefix is 0x80 or above, so that it must be checked as UTF-8. A run of
// len(b) means that none of them was found.
func Scan(b []byte) (run int, high bool) {
	return scan(b)
}

// Unescape copies the body of a JSON string from src to dst, plain bytes as they
// are and two-byte escapes as the byte they stand for, and stops at the first
// byte that is neither: a quote, a control character, the backslash of a \u
// escape or of one that does not exist, or the end. It returns how many bytes of
// src it went through, how many of dst it wrote, and whether one of those is
// 0x80 or above. dst must be at least as long as src, and may not overlap it;
// its bytes behind those written are undefined.
func Unescape(dst, src []byte) (read, written int, high bool) {
	return unescape(dst[:len(src)], src)
}

// Escape returns the byte that a backslash and c stand for, and 0 if they are no
// two-byte escape of JSON.
func Escape(c byte) byte { return escapes[c] }

var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func init() {
	kernels.Register("strscan", implementation())
}
