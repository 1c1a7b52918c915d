//go:build !amd64 || purego

package windowhash

import "github.com/tallystick/tallystick/kernels"

func hash(hashes, words []uint64) { hashGeneric(hashes, words) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Hash use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return func() {} }
