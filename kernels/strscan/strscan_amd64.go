//go:build !purego

package strscan

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
	avx512 // of Ice Lake, Zen 4 and later: VBMI, VBMI2
)

var use = best()

func best() level {
	switch {
	case !kernels.UseAVX2():
		return generic
	case kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512VBMI, cpuid.AVX512VBMI2):
		return avx512
	}
	return avx2
}

// scanAVX2 is Scan of the n bytes at p. The reference is scanGeneric.
//
//go:noescape
func scanAVX2(p *byte, n int) (run int, high bool)

func scan(b []byte) (run int, high bool) {
	if use >= avx2 {
		return scanAVX2(unsafe.SliceData(b), len(b))
	}
	return scanGeneric(b)
}

// unescapeAVX2 is Unescape of the n bytes at src to the n bytes at dst, except
// that it also stops where fewer than 32 bytes are left. The reference is
// unescapeGeneric.
//
//go:noescape
func unescapeAVX2(dst, src *byte, n int) (read, written int, high bool)

// unescapeAVX512 is Unescape of the n bytes at src to the n bytes at dst. The
// reference is unescapeGeneric.
//
//go:noescape
func unescapeAVX512(dst, src *byte, n int) (read, written int, high bool)

func unescape(dst, src []byte) (read, written int, high bool) {
	switch use {
	case avx512:
		return unescapeAVX512(unsafe.SliceData(dst), unsafe.SliceData(src), len(src))
	case avx2:
		read, written, high = unescapeAVX2(unsafe.SliceData(dst), unsafe.SliceData(src), len(src))
		if len(src)-read >= 32 {
			return read, written, high
		}
	}
	r, w, h := unescapeGeneric(dst[written:], src[read:])
	return read + r, written + w, high || h
}

func implementation() string {
	return [...]string{kernels.Generic, kernels.AVX2, kernels.AVX512}[use]
}

// force makes the kernels use another implementation, one that this machine has,
// until restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes Scan and Unescape use the Go reference until restore is
// called. For tests; not safe while another goroutine scans.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
