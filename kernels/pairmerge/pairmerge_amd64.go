//go:build !purego

package pairmerge

import (
	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// use512 asks for FP16, which is not used, as it marks the CPUs whose gathers
// are fast: on those before (Skylake to Ice Lake) the microcode against Gather
// Data Sampling makes them several times slower.
var use512 = kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512CD, cpuid.AVX512FP16)

// startShortAVX512 and startLongAVX512 are startBytesGeneric, their reference,
// of texts of up to Short and up to Long bytes; bytes is t.bytes.
//
//go:noescape
func startShortAVX512(group *Group, text *byte, size, bytes *uint32)

//go:noescape
func startLongAVX512(group *Group, text *byte, size, bytes *uint32)

// startShortSymbolsAVX512 and startLongSymbolsAVX512 are startSymbolsGeneric.
//
//go:noescape
func startShortSymbolsAVX512(group *Group, size *uint32, t *Tables)

//go:noescape
func startLongSymbolsAVX512(group *Group, size *uint32, t *Tables)

// runShortAVX512 and runLongAVX512 are runGeneric of one group or more.
//
//go:noescape
func runShortAVX512(group *Group, groups int, t *Tables)

//go:noescape
func runLongAVX512(group *Group, groups int, t *Tables)

func startBytes(g *Group, t *Tables, text *[Lanes][Long]byte, size *[Lanes]uint32, long bool) {
	switch {
	case !use512:
		startBytesGeneric(g, t, text, size)
	case long:
		startLongAVX512(g, &text[0][0], &size[0], t.bytes)
	default:
		startShortAVX512(g, &text[0][0], &size[0], t.bytes)
	}
}

func startSymbols(g *Group, t *Tables, size *[Lanes]uint32, long bool) {
	switch {
	case !use512:
		startSymbolsGeneric(g, t, size)
	case long:
		startLongSymbolsAVX512(g, &size[0], t)
	default:
		startShortSymbolsAVX512(g, &size[0], t)
	}
}

func run(groups []Group, t *Tables, long bool) {
	switch {
	case !use512:
		runGeneric(groups, t)
	case long:
		runLongAVX512(&groups[0], len(groups), t)
	default:
		runShortAVX512(&groups[0], len(groups), t)
	}
}

// Fast tells whether this is faster than merging one text after another.
func Fast() bool { return use512 }

func implementation() string {
	if use512 {
		return kernels.AVX512
	}
	return kernels.Generic
}

// ForceGeneric makes this package use the Go reference until restore is called.
// For tests; not safe while another goroutine merges.
func ForceGeneric() (restore func()) {
	saved := use512
	use512 = false
	return func() { use512 = saved }
}
