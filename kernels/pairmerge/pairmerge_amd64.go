//go:build !purego

package pairmerge

import (
	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

type level int

const (
	generic level = iota
	avx2
	avx512
)

var use = best()

// best asks for FP16, which is not used, as it marks the CPUs whose gathers are
// fast: on those before (Skylake to Ice Lake) the microcode against Gather Data
// Sampling makes them several times slower. The AVX2 form has none.
func best() level {
	switch {
	case !kernels.UseAVX2():
		return generic
	case kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512CD, cpuid.AVX512FP16):
		return avx512
	}
	return avx2
}

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

// startShortAVX2 and those below are the same with AVX2.
//
//go:noescape
func startShortAVX2(group *Group, text *byte, size, bytes *uint32)

//go:noescape
func startLongAVX2(group *Group, text *byte, size, bytes *uint32)

//go:noescape
func startShortSymbolsAVX2(group *Group, size *uint32, t *Tables)

//go:noescape
func startLongSymbolsAVX2(group *Group, size *uint32, t *Tables)

//go:noescape
func runShortAVX2(group *Group, groups int, t *Tables)

//go:noescape
func runLongAVX2(group *Group, groups int, t *Tables)

func startBytes(g *Group, t *Tables, text *[Lanes][Long]byte, size *[Lanes]uint32, long bool) {
	switch {
	case use == generic:
		startBytesGeneric(g, t, text, size)
	case use == avx512 && long:
		startLongAVX512(g, &text[0][0], &size[0], t.bytes)
	case use == avx512:
		startShortAVX512(g, &text[0][0], &size[0], t.bytes)
	case long:
		startLongAVX2(g, &text[0][0], &size[0], t.bytes)
	default:
		startShortAVX2(g, &text[0][0], &size[0], t.bytes)
	}
}

func startSymbols(g *Group, t *Tables, size *[Lanes]uint32, long bool) {
	switch {
	case use == generic:
		startSymbolsGeneric(g, t, size)
	case use == avx512 && long:
		startLongSymbolsAVX512(g, &size[0], t)
	case use == avx512:
		startShortSymbolsAVX512(g, &size[0], t)
	case long:
		startLongSymbolsAVX2(g, &size[0], t)
	default:
		startShortSymbolsAVX2(g, &size[0], t)
	}
}

func run(groups []Group, t *Tables, long bool) {
	switch {
	case use == generic:
		runGeneric(groups, t)
	case use == avx512 && long:
		runLongAVX512(&groups[0], len(groups), t)
	case use == avx512:
		runShortAVX512(&groups[0], len(groups), t)
	case long:
		runLongAVX2(&groups[0], len(groups), t)
	default:
		runShortAVX2(&groups[0], len(groups), t)
	}
}

// Fast tells whether this is faster than merging one text after another.
func Fast() bool { return use != generic }

func implementation() string {
	return [...]string{generic: kernels.Generic, avx2: kernels.AVX2, avx512: kernels.AVX512}[use]
}

// force makes this package use at most that level until restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes this package use the Go reference until restore is called.
// For tests; not safe while another goroutine merges.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
