//go:build !purego

package classmask

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
	avx512 // of Ice Lake, Zen 4 and later, which do not slow down for it: VBMI, VBMI2
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

// The functions in assembly are classifyGeneric, their reference, of slices by
// their first elements. blocks is at least 1; rows and classes are behind their
// guards.

//go:noescape
func classifyAVX2(dst *Planes, text *byte, blocks int, rows *uint16, classes *Class, state State) State

//go:noescape
func classifyAVX512(dst *Planes, text *byte, blocks int, rows *uint16, classes *Class, quick *quick, state State) State

func classify(dst []Planes, text []byte, t *Table, state State) State {
	rows, classes := &t.rows[guard], unsafe.SliceData(t.classes)
	switch use {
	case avx512:
		return classifyAVX512(&dst[0], &text[0], len(dst), rows, classes, &t.quick, state)
	case avx2:
		return classifyAVX2(&dst[0], &text[0], len(dst), rows, classes, state)
	}
	return classifyGeneric(dst, text, t, state)
}

func implementation() string {
	return [...]string{kernels.Generic, kernels.AVX2, kernels.AVX512}[use]
}

// force makes Classify use another implementation, one that this machine has,
// until restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes Classify use the Go reference until restore is called. For
// tests; not safe while another goroutine classifies.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
