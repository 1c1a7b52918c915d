//go:build !amd64 || purego

package linmin

import "github.com/tallystick/tallystick/kernels"

func minimum(least, a, b []uint32, xs []uint64) { minGeneric(least, a, b, xs) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Min use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }
