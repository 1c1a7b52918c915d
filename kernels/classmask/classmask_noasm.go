//go:build !amd64 || purego

package classmask

import "github.com/tallystick/tallystick/kernels"

func classify(dst []Planes, text []byte, t *Table, state State) State {
	return classifyGeneric(dst, text, t, state)
}

func implementation() string { return kernels.Generic }

// ForceGeneric makes Classify use the Go reference until restore is called,
// which it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return func() {} }
