//go:build !amd64 || purego

package pairscan

import "github.com/tallystick/tallystick/kernels"

func index(s *Set, text []byte) int { return indexGeneric(s, text) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Index use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }
