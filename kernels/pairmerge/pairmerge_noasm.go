//go:build !amd64 || purego

package pairmerge

import "github.com/tallystick/tallystick/kernels"

func startBytes(g *Group, t *Tables, text *[Lanes][Long]byte, size *[Lanes]uint32, _ bool) {
	startBytesGeneric(g, t, text, size)
}

func startSymbols(g *Group, t *Tables, size *[Lanes]uint32, _ bool) {
	startSymbolsGeneric(g, t, size)
}

func run(groups []Group, t *Tables, _ bool) { runGeneric(groups, t) }

// Fast tells whether this is faster than merging one text after another.
func Fast() bool { return false }

func implementation() string { return kernels.Generic }

// ForceGeneric makes this package use the Go reference until restore is called,
// which it does in this build anyway.
func ForceGeneric() (restore func()) { return func() {} }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return func() {} }
