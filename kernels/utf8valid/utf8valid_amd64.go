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
	if !useAVX2 || len(b) < shortest {
		return validGeneric(b)
	}
	rest := len(b) &^ (block - 1)
	if rest > 0 {
		if !validAVX2(unsafe.SliceData(b), rest) {
			return false
		}
		// The rest starts at the last sequence of the blocks: it may go on behind
		// them. In valid blocks it has its lead byte among their last four.
		for rest--; !utf8.RuneStart(b[rest]); rest-- {
		}
	}
	if b = b[rest:]; len(b) < shortest {
		return validGeneric(b)
	}
	// With zeros behind it: a sequence that they cut short is not UTF-8.
	var padded [2 * block]byte
	n := copy(padded[:], b)
	return validAVX2(&padded[0], n&^(block-1)+block)
}

const (
	block    = 32 // bytes that validAVX2 looks at together
	shortest = 16 // bytes for which that is faster
)

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
