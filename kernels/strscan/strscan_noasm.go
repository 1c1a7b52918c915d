//go:build !amd64 || purego

package strscan

import "github.com/tallystick/tallystick/kernels"

func scan(b []byte) (run int, high bool) { return scanGeneric(b) }

func unescape(dst, src []byte) (read, written int, high bool) { return unescapeGeneric(dst, src) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Scan use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric: this build has nothing else.
func ForceAVX2() (restore func()) { return func() {} }
