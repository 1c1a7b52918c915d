//go:build !purego

package nearsort

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// AVX2 has neither minima of 64 bits nor a compression. VBMI2 tells the CPUs
// that do not slow down for AVX-512: Ice Lake, Zen 4 and later.
var useAVX512 = kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512VBMI2)

// distinctAVX512 is Distinct of the n ≥ 1 numbers at p. The reference is
// distinctGeneric.
//
//go:noescape
func distinctAVX512(p *uint64, n int) int

func distinct(numbers []uint64) int {
	if useAVX512 {
		return distinctAVX512(unsafe.SliceData(numbers), len(numbers))
	}
	return distinctGeneric(numbers)
}

func eights() bool { return useAVX512 }

func implementation() string {
	if useAVX512 {
		return kernels.AVX512
	}
	return kernels.Generic
}

// ForceGeneric makes Distinct use the Go reference until restore is called. For
// tests; not safe while another goroutine sorts.
func ForceGeneric() (restore func()) {
	saved := useAVX512
	useAVX512 = false
	return func() { useAVX512 = saved }
}
