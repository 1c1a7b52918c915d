//go:build !amd64 || purego

package wordscan

import "github.com/tallystick/tallystick/kernels"

func scan(lower []byte, word, high []uint64, text []byte, blocks int) {
	scanGeneric(lower, word, high, text, blocks)
}

func implementation() string { return kernels.Generic }

// ForceGeneric makes Scan use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }
