//go:build !purego

package classmask

import "github.com/tallystick/tallystick/kernels"

var useAVX2 = kernels.UseAVX2()

// classifyAVX2 is classifyGeneric, its reference, of slices by their first
// elements. blocks is at least 1; rows and classes are behind their guards.
//
//go:noescape
func classifyAVX2(dst *Planes, text *byte, blocks int, rows *uint16, classes *Class, state State) State

func classify(dst []Planes, text []byte, t *Table, state State) State {
	if useAVX2 {
		return classifyAVX2(&dst[0], &text[0], len(dst), &t.rows[guard], &t.classes[0], state)
	}
	return classifyGeneric(dst, text, t, state)
}

func implementation() string {
	if useAVX2 {
		return kernels.AVX2
	}
	return kernels.Generic
}

// ForceGeneric makes Classify use the Go reference until restore is called. For
// tests; not safe while another goroutine classifies.
func ForceGeneric() (restore func()) {
	saved := useAVX2
	useAVX2 = false
	return func() { useAVX2 = saved }
}
