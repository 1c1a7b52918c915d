//go:build !purego

package wordscan

import (
	"unsafe"

	"github.com/tallystick/tallystick/kernels"
)

var useAVX2 = kernels.UseAVX2()

// scanAVX2 is scanGeneric, its reference, of slices by their first elements.
// blocks is at least 1.
//
//go:noescape
func scanAVX2(lower *byte, word, high *uint64, text *byte, blocks int)

func scan(lower []byte, word, high []uint64, text []byte, blocks int) {
	if useAVX2 {
		scanAVX2(unsafe.SliceData(lower), unsafe.SliceData(word), unsafe.SliceData(high), unsafe.SliceData(text), blocks)
		return
	}
	scanGeneric(lower, word, high, text, blocks)
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
