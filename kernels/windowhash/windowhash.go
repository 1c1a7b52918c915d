// Package windowhash hashes windows of five words from the hashes of the words:
// the shingle hash that package shingle defines.
package windowhash

import "github.com/tallystick/tallystick/kernels"

// Width is the number of words in a window.
const Width = 5

// InPlace is a number of hashes, or a multiple, that may be stored where the words
// are: no implementation then reads words that it has overwritten.
const InPlace = 16

// Hash stores in hashes[i] the hash of words i to i+4. There are Width−1 more
// words than hashes. The two may begin at one place if the hashes are a multiple
// of InPlace, else they do not overlap.
func Hash(hashes, words []uint64) {
	if len(hashes) == 0 {
		return
	}
	hash(hashes, words[:len(hashes)+Width-1])
}

func init() {
	kernels.Register("windowhash", implementation())
}
