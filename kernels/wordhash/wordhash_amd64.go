//go:build !purego

package wordhash

import (
	"unsafe"

	"github.com/tallystick/tallystick/kernels"
)

var useAES = kernels.Forced() == "" && kernels.Features().AES

// hashAESNI is hashGeneric, its reference, of slices by their first elements
// and the number n of words, at least 1. It reads up to 15 bytes after the end
// of a word.
//
//go:noescape
func hashAESNI(hashes *uint64, text *byte, starts, ends *uint32, n int, keys *Keys)

func hash(hashes []uint64, text []byte, starts, ends []uint32, keys *Keys) {
	if useAES {
		hashAESNI(unsafe.SliceData(hashes), unsafe.SliceData(text), unsafe.SliceData(starts), unsafe.SliceData(ends), len(ends), keys)
		return
	}
	hashGeneric(hashes, text, starts, ends, keys)
}

func implementation() string {
	if useAES {
		return "aesni"
	}
	return kernels.Generic
}

// ForceGeneric makes Hash use the Go reference until restore is called. For
// tests; not safe while another goroutine hashes.
func ForceGeneric() (restore func()) {
	saved := useAES
	useAES = false
	return func() { useAES = saved }
}
