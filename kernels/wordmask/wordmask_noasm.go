//go:build !amd64 || purego

package wordmask

import "github.com/tallystick/tallystick/kernels"

func scan(lower []byte, masks []Masks, text []byte, blocks int, s *state) {
	scanGeneric(lower, masks, text, blocks, s)
}

func edges(starts, ends []uint32, masks []Masks) int { return edgesGeneric(starts, ends, masks) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Scan and Edges use the Go reference until restore is
// called, which they do in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return func() {} }
