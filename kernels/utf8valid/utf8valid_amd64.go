//go:build !purego

package utf8valid

import (
	"unicode/utf8"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// level is an implementation, each needing more of the CPU than the one before.
type level int

const (
	generic level = iota
	avx2
	avx512 // of Ice Lake, Zen 4 and later, which do not slow down for it: VBMI2
)

var use = best()

func best() level {
	switch {
	case !kernels.UseAVX2():
		return generic
	case kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512VBMI2):
		return avx512
	}
	return avx2
}

// validAVX2 reports whether the whole 32-byte blocks among the n bytes at p are
// UTF-8, or the beginning of it. The reference is validGeneric.
//
//go:noescape
func validAVX2(p *byte, n int) bool

// validAVX512 is validAVX2, 64 bytes at a time where there are as many.
//
//go:noescape
func validAVX512(p *byte, n int) bool

func validBlocks(b []byte) bool {
	if use == avx512 {
		return validAVX512(unsafe.SliceData(b), len(b))
	}
	return validAVX2(unsafe.SliceData(b), len(b))
}

func valid(b []byte) bool {
	if use == generic || len(b) < shortest {
		return validGeneric(b)
	}
	rest := len(b) &^ (block - 1)
	if rest > 0 {
		if !validBlocks(b[:rest]) {
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
	return validBlocks(padded[:n&^(block-1)+block])
}

const (
	block    = 32 // bytes that validAVX2 looks at together
	shortest = 16 // bytes for which that is faster
)

func implementation() string {
	return [...]string{kernels.Generic, kernels.AVX2, kernels.AVX512}[use]
}

// force makes Valid use another implementation, one that this machine has, until
// restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes Valid use the Go reference until restore is called. For
// tests; not safe while another goroutine validates.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
