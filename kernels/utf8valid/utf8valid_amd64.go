//go:build !purego

package utf8valid

import (
	"unicode/utf8"
	"unsafe"

	"github.com/tallystick/tallystick/kernels"
)

var useAVX2 = kernels.UseAVX2()

// validAVX2 reports whether the whole 32-byte blocks among the n bytes at p are
// UTF-8, or the beginning of it. The reference is validGeneric.
//
//go:noescape
func validAVX2(p *byte, n int) bool

func valid(b []byte) bool {
	if !useAVX2 || len(b) < 64 {
		return validGeneric(b)
	}
	if !validAVX2(unsafe.SliceData(b), len(b)) {
		return false
	}
	// The rest starts at the last sequence of the blocks: it may go on behind
	// them. In valid blocks it has its lead byte among their last four.
	rest := len(b) &^ 31
	for rest--; !utf8.RuneStart(b[rest]); rest-- {
	}
	return validGeneric(b[rest:])
}

func implementation() string {
	if useAVX2 {
		return kernels.AVX2
	}
	return kernels.Generic
}

// ForceGeneric makes Valid use the Go reference until restore is called. For
// tests; not safe while another goroutine validates.
func ForceGeneric() (restore func()) {
	saved := useAVX2
	useAVX2 = false
	return func() { useAVX2 = saved }
}
