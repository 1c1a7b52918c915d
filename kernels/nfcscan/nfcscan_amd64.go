//go:build !purego

package nfcscan

import "github.com/tallystick/tallystick/kernels"

var useAVX2 = kernels.UseAVX2()

// plainAVX2 is plainGeneric, its reference, of the text from a place on, two
// bytes behind its beginning or more. steps is at least 1.
//
//go:noescape
func plainAVX2(text *byte, steps int) (n int)

func plain(text []byte, from, steps int) int {
	if useAVX2 {
		return plainAVX2(&text[from], steps)
	}
	return plainGeneric(text, from, steps)
}

func implementation() string {
	if useAVX2 {
		return kernels.AVX2
	}
	return kernels.Generic
}

// ForceGeneric makes Plain use the Go reference until restore is called. For
// tests; not safe while another goroutine scans.
func ForceGeneric() (restore func()) {
	saved := useAVX2
	useAVX2 = false
	return func() { useAVX2 = saved }
}
