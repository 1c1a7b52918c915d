//go:build !purego

package linmin

import (
	"unsafe"

	"github.com/tallystick/tallystick/kernels"
)

var useAVX2 = kernels.UseAVX2()

// minAVX2 is minGeneric, its reference, of slices by their first elements: n
// functions, a positive multiple of Lanes, and any number of values.
//
//go:noescape
func minAVX2(least, a, b *uint32, n int, xs *uint64, values int)

func minimum(least, a, b []uint32, xs []uint64) {
	if useAVX2 {
		minAVX2(unsafe.SliceData(least), unsafe.SliceData(a), unsafe.SliceData(b), len(least), unsafe.SliceData(xs), len(xs))
		return
	}
	minGeneric(least, a, b, xs)
}

func implementation() string {
	if useAVX2 {
		return kernels.AVX2
	}
	return kernels.Generic
}

// ForceGeneric makes Min use the Go reference until restore is called. For
// tests; not safe while another goroutine takes minima.
func ForceGeneric() (restore func()) {
	saved := useAVX2
	useAVX2 = false
	return func() { useAVX2 = saved }
}
