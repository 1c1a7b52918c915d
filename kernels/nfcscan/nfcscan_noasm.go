//go:build !amd64 || purego

package nfcscan

import "github.com/tallystick/tallystick/kernels"

func plain(text []byte, from, steps int) int { return plainGeneric(text, from, steps) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Plain use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }
