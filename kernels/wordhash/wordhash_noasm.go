//go:build !amd64 || purego

package wordhash

import "github.com/tallystick/tallystick/kernels"

func hash(hashes []uint64, text []byte, starts, ends []uint32, keys *Keys) {
	hashGeneric(hashes, text, starts, ends, keys)
}

func implementation() string { return kernels.Generic }

// ForceGeneric makes Hash use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAESNI is ForceGeneric: this build has nothing else.
func ForceAESNI() (restore func()) { return func() {} }
