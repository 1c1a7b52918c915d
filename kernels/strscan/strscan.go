// Package strscan finds how much of a JSON string body is plain: bytes that
// stand for themselves and can be copied as they are.
package strscan

import "github.com/tallystick/tallystick/kernels"

// Scan returns the length of the longest prefix of b without a quote (0x22), a
// backslash (0x5c) or a control character (below 0x20), and whether a byte of
// that prefix is 0x80 or above, so that it must be checked as UTF-8. A run of
// len(b) means that none of them was found.
func Scan(b []byte) (run int, high bool) {
	return scan(b)
}

func init() {
	kernels.Register("strscan", implementation())
}
