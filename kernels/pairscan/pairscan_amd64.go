//go:build !purego

package pairscan

import (
	"unsafe"

	"github.com/tallystick/tallystick/kernels"
)

var useAVX2 = kernels.UseAVX2()

// step is the number of places that the kernel looks at together.
const step = 32

// indexAVX2 looks at the places 0 to step·steps - 1 of the text, which has one
// byte more, and returns the first at which a pair of the set may be, or
// step·steps. steps is at least 1; nibbles are those of a Set.
//
//go:noescape
func indexAVX2(nibbles *[4][16]byte, text *byte, steps int) int

func index(s *Set, text []byte) int {
	places := len(text) - 1
	switch {
	case !useAVX2 || places < shortest:
		return indexGeneric(s, text)
	case places < step:
		var padded [step + 1]byte
		copy(padded[:], text)
		if i := indexAVX2(&s.nibbles, &padded[0], 1); i < places {
			return i
		}
		return -1
	}
	steps := places / step
	if i := indexAVX2(&s.nibbles, unsafe.SliceData(text), steps); i < steps*step {
		return i
	}
	// The last places are looked at with some before them, where no pair is.
	last := places - step
	if i := indexAVX2(&s.nibbles, &text[last], 1); i < step {
		return last + i
	}
	return -1
}

// shortest is how many places it takes for the kernel to be faster.
const shortest = 24

func implementation() string {
	if useAVX2 {
		return kernels.AVX2
	}
	return kernels.Generic
}

// ForceGeneric makes Index use the Go reference until restore is called. For
// tests; not safe while another goroutine scans.
func ForceGeneric() (restore func()) {
	saved := useAVX2
	useAVX2 = false
	return func() { useAVX2 = saved }
}
