//go:build !purego

package wordmask

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
	avx512 // of Ice Lake, Zen 4 and later: VBMI2; for Edges alone
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

// The functions in assembly are scanGeneric and edgesGeneric, their references,
// of slices by their first elements. blocks is at least 1.

//go:noescape
func scanAVX2(lower *byte, masks *Masks, text *byte, blocks int, s *state)

//go:noescape
func edgesBMI(starts, ends *uint32, masks *Masks, blocks int) (n int)

//go:noescape
func edgesAVX512(starts, ends *uint32, masks *Masks, blocks int) (n int)

func scan(lower []byte, masks []Masks, text []byte, blocks int, s *state) {
	if use == generic {
		scanGeneric(lower, masks, text, blocks, s)
		return
	}
	scanAVX2(unsafe.SliceData(lower), unsafe.SliceData(masks), unsafe.SliceData(text), blocks, s)
}

func edges(starts, ends []uint32, masks []Masks) int {
	switch use {
	case avx512:
		return edgesAVX512(unsafe.SliceData(starts), unsafe.SliceData(ends), unsafe.SliceData(masks), len(masks))
	case avx2:
		return edgesBMI(unsafe.SliceData(starts), unsafe.SliceData(ends), unsafe.SliceData(masks), len(masks))
	}
	return edgesGeneric(starts, ends, masks)
}

func implementation() string {
	return [...]string{kernels.Generic, kernels.AVX2, kernels.AVX512}[use]
}

// force makes Scan and Edges use another implementation, one that this machine
// has, until restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes Scan and Edges use the Go reference until restore is
// called. For tests; not safe while another goroutine scans.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
