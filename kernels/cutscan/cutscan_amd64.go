//go:build !purego

package cutscan

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// level is an implementation, each needing more of the CPU than the one before.
type level int

const (
	generic level = iota
	avx2
	avx512 // of Ice Lake, Zen 4 and later, which do not slow down for it: VBMI, VBMI2
)

var use = best()

func best() level {
	switch {
	case !kernels.UseAVX2():
		return generic
	case kernels.UseAVX512() && cpuid.CPU.Supports(cpuid.AVX512DQ, cpuid.AVX512VBMI, cpuid.AVX512VBMI2):
		return avx512
	}
	return avx2
}

// The scans in assembly are scanGeneric, their reference, of slices by their
// first elements, text from at. blocks is at least 1. behind is not 0 if there
// is text before.

// scanAVX2 reads four bytes more than the blocks.
//
//go:noescape
func scanAVX2(starts *uint64, text *byte, blocks, behind int, beside, crossed *uint64, shift uint32, leads *Leads)

// scanAVX512 reads no further than rest bytes, more than 64*(blocks-1).
//
//go:noescape
func scanAVX512(starts *uint64, text *byte, blocks, behind int, beside, crossed *uint64, shift uint32, leads *Leads, rest int)

// What scanAVX2 reads beyond the blocks, before the first and past the last.
const before, past = 8, 4

// noChars is as much text as is too little for scanAVX2, and what it reads
// beyond, without any characters.
var noChars = func() (text [before + 2*Block + past]byte) {
	for i := range text {
		text[i] = 0x80
	}
	return text
}()

func (t *Table) scan(starts []uint64, text []byte, at int, leads *Leads) {
	beside, crossed := &t.beside[0], unsafe.SliceData(t.crossed)
	switch use {
	case avx512:
		scanAVX512(&starts[0], &text[at], len(starts), at, beside, crossed, uint32(t.shift-secondBits), leads, len(text)-at)
	case avx2:
		if whole := min(len(starts), (len(text)-at-past)/Block); whole > 0 {
			scanAVX2(&starts[0], &text[at], whole, at, beside, crossed, uint32(t.shift-secondBits), leads)
			starts, at = starts[whole:], at+whole*Block
		}
		if len(starts) > 0 {
			last := noChars
			copy(last[before-min(at, before):], text[at-min(at, before):])
			scanAVX2(&starts[0], &last[before], len(starts), at, beside, crossed, uint32(t.shift-secondBits), leads)
		}
	default:
		t.scanGeneric(starts, text, at, leads)
	}
}

// These are nearGeneric, their reference, likewise. They read edgesBefore bytes
// before the blocks and edgesPast behind.

//go:noescape
func nearAVX2(near, places *uint64, text *byte, blocks int, halves *[len(around)][2][16]byte)

//go:noescape
func nearAVX512(near, places *uint64, text *byte, blocks int, halves *[len(around)][2][16]byte)

func (e *Edges) near(near, places []uint64, text []byte, at int) {
	switch use {
	case avx512:
		nearAVX512(&near[0], &places[0], &text[at], len(places), &e.halves)
	case avx2:
		nearAVX2(&near[0], &places[0], &text[at], len(places), &e.halves)
	default:
		e.nearGeneric(near, places, text, at)
	}
}

// amongAVX512 is amongGeneric, its reference, of at least one place.
//
//go:noescape
func amongAVX512(text *byte, places uint64, before uint32, bits *uint64, shift uint64) uint64

func (p *Pairs) among(text *Padded, places uint64, before uint32) uint64 {
	if use == avx512 {
		return amongAVX512(&text[0], places, before, unsafe.SliceData(p.bits), uint64(p.shift))
	}
	return p.amongGeneric(text, places, before)
}

func implementation() string {
	return [...]string{kernels.Generic, kernels.AVX2, kernels.AVX512}[use]
}

// force makes Scan use another implementation, one that this machine has, until
// restore is called.
func force(l level) (restore func()) {
	saved := use
	use = min(use, l)
	return func() { use = saved }
}

// ForceGeneric makes Scan use the Go reference until restore is called. For
// tests; not safe while another goroutine scans.
func ForceGeneric() (restore func()) { return force(generic) }

// ForceAVX2 is ForceGeneric for what machines without AVX-512 do.
func ForceAVX2() (restore func()) { return force(avx2) }
