// Package linmin takes minima of linear functions: what MinHash is made of.
package linmin

import "github.com/tallystick/tallystick/kernels"

// Lanes is what the number of functions is a multiple of.
const Lanes = 8

// Min stores in least[i] the least a[i]·x + b[i] mod 2³² over all x in xs,
// 2³²−1 if there are none. Of x only the low 32 bits count. The first three
// slices are equally long, a multiple of Lanes, and do not overlap.
func Min(least, a, b []uint32, xs []uint64) {
	n := len(least)
	if n%Lanes != 0 {
		panic("linmin: the number of functions is not a multiple of Lanes")
	}
	a, b = a[:n], b[:n]
	if n > 0 {
		minimum(least, a, b, xs)
	}
}

func init() {
	kernels.Register("linmin", implementation())
}
