//go:build !purego

package windowhash

import (
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

// lanes is how many windows an implementation hashes at a time, and the least
// number that it takes.
var lanes = [...]int{generic: 1, avx2: 4, avx512: 8}

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

// The functions in assembly are hashGeneric, their reference, of slices by their
// first elements; n is the number of hashes, at least as many as lanes.

//go:noescape
func hashAVX2(hashes, words *uint64, n int)

//go:noescape
func hashAVX512(hashes, words *uint64, n int)

func hash(hashes, words []uint64) {
	level := use
	for lanes[level] > len(hashes) {
		level--
	}
	switch level {
	case avx512:
		hashAVX512(unsafe.SliceData(hashes), unsafe.SliceData(words), len(hashes))
	case avx2:
		hashAVX2(unsafe.SliceData(hashes), unsafe.SliceData(words), len(hashes))
	default:
		hashGeneric(hashes, words)
	}
}

func implementation() string {
	return [...]string{kernels.Generic, kernels.AVX2, kernels.AVX512}[use]
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

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
