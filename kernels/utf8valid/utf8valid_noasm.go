//go:build !amd64 || purego

package utf8valid

import "github.com/tallystick/tallystick/kernels"

func valid(b []byte) bool { return validGeneric(b) }

func implementation() string { return kernels.Generic }

// ForceGeneric makes Valid use the Go reference until restore is called, which
// it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric: this build has nothing else.
func ForceAVX2() (restore func()) { return func() {} }
