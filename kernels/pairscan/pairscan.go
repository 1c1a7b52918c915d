// Package pairscan finds where in a text one of a set of strings might begin,
// by its first two bytes: the quick look before the exact one, many bytes at a
// time. It is the first step of the Teddy algorithm of Hyperscan (Wang et al.,
// NSDI 2019, section 4).
package pairscan

import (
	"slices"

	"github.com/tallystick/tallystick/kernels"
)

// buckets is the number of groups of pairs that a scan tells apart.
const buckets = 8

// Set is a set of pairs of bytes, immutable. A scan for it may also stop at
// pairs that are not in it, never miss one that is.
type Set struct {
	// For each half of each byte of a pair, a bit for every bucket that has
	// such a pair: low and high half of the first byte, of the second.
	nibbles [4][16]byte
	// The same for whole bytes: what the tables above come to.
	first, second [256]byte
}

// New returns the set of the given pairs. Pairs with the same first byte go to
// the same bucket, so that few first bytes make few false stops.
func New(pairs [][2]byte) *Set {
	s := &Set{}
	var firsts []byte
	for _, p := range pairs {
		if !slices.Contains(firsts, p[0]) {
			firsts = append(firsts, p[0])
		}
	}
	slices.Sort(firsts)
	for _, p := range pairs {
		i, _ := slices.BinarySearch(firsts, p[0])
		bit := byte(1) << (i % buckets)
		s.nibbles[0][p[0]&15] |= bit
		s.nibbles[1][p[0]>>4] |= bit
		s.nibbles[2][p[1]&15] |= bit
		s.nibbles[3][p[1]>>4] |= bit
	}
	for b := range 256 {
		s.first[b] = s.nibbles[0][b&15] & s.nibbles[1][b>>4]
		s.second[b] = s.nibbles[2][b&15] & s.nibbles[3][b>>4]
	}
	return s
}

// Index returns the first i, from ≤ i < len(text)-1, at which text may have a
// pair of the set, or -1. From is not negative.
func (s *Set) Index(text []byte, from int) int {
	if from >= len(text) {
		return -1
	}
	if i := index(s, text[from:]); i >= 0 {
		return from + i
	}
	return -1
}

func init() {
	kernels.Register("pairscan", implementation())
}
