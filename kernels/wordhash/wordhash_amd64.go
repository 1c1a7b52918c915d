//go:build !purego

package wordhash

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// level is an implementation, each needing more of the CPU than the one before.
type level int

const (
	generic level = iota
	aesni
	vaes // on 512 bits, with VBMI: Ice Lake, Zen 4 and later
)

var use = best()

func best() level {
	switch {
	case !kernels.UseAES():
		return generic
	case kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.VAES, cpuid.AVX512VBMI):
		return vaes
	}
	return aesni
}

// hashAESNI is hashGeneric, its reference, of slices by their first elements
// and the number n of words, at least 1. It reads up to 15 bytes after the end
// of a word.
//
//go:noescape
func hashAESNI(hashes *uint64, text *byte, starts, ends *uint32, n int, keys *Keys)

// hashVAES is hashAESNI four words at a time.
//
//go:noescape
func hashVAES(hashes *uint64, text *byte, starts, ends *uint32, n int, keys *Keys)

func hash(hashes []uint64, text []byte, starts, ends []uint32, keys *Keys) {
	switch use {
	case vaes:
		hashVAES(unsafe.SliceData(hashes), unsafe.SliceData(text), unsafe.SliceData(starts), unsafe.SliceData(ends), len(ends), keys)
	case aesni:
		hashAESNI(unsafe.SliceData(hashes), unsafe.SliceData(text), unsafe.SliceData(starts), unsafe.SliceData(ends), len(ends), keys)
	default:
		hashGeneric(hashes, text, starts, ends, keys)
	}
}

func implementation() string {
	return [...]string{kernels.Generic, "aesni", "vaes"}[use]
}

// force makes Hash use another implementation, one that this machine has, until
// restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes Hash use the Go reference until restore is called. For
// tests; not safe while another goroutine hashes.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAESNI is ForceGeneric for what machines without VAES do.
func ForceAESNI() (restore func()) { return force(aesni) }
