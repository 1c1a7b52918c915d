//go:build !purego

package strscan

import (
	"unsafe"

	"github.com/tallystick/tallystick/kernels"
)

var useAVX2 = kernels.UseAVX2()

// scanAVX2 is Scan of the n bytes at p. The reference is scanGeneric.
//
//go:noescape
func scanAVX2(p *byte, n int) (run int, high bool)

func scan(b []byte) (run int, high bool) {
	if useAVX2 {
		return scanAVX2(unsafe.SliceData(b), len(b))
	}
	return scanGeneric(b)
}

// unescapeAVX2 is Unescape of the n bytes at src to the n bytes at dst, except
// that it also stops where fewer than 32 bytes are left. The reference is
// unescapeGeneric.
//
//go:noescape
func unescapeAVX2(dst, src *byte, n int) (read, written int, high bool)

func unescape(dst, src []byte) (read, written int, high bool) {
	if useAVX2 {
		read, written, high = unescapeAVX2(unsafe.SliceData(dst), unsafe.SliceData(src), len(src))
		if len(src)-read >= 32 {
			return read, written, high
		}
	}
	r, w, h := unescapeGeneric(dst[written:], src[read:])
	return read + r, written + w, high || h
}

func implementation() string {
	if useAVX2 {
		return kernels.AVX2
	}
	return kernels.Generic
}

// ForceGeneric makes Scan use the Go reference until restore is called. For
// tests; not safe while another goroutine scans.
func ForceGeneric() (restore func()) {
	saved := useAVX2
	useAVX2 = false
	return func() { useAVX2 = saved }
}
