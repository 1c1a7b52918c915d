//go:build !amd64 || purego

package nearsort

import "github.com/tallystick/tallystick/kernels"

func distinct(numbers []uint64) int { return distinctGeneric(numbers) }

func eights() bool { return false }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Distinct use the Go reference until restore is called,
// which it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }
