package windowhash

import "math/bits"

// factor is odd and has 32 bits: AVX2 multiplies by it in two steps.
const factor = 0x9e3779b1

func hashGeneric(hashes, words []uint64) {
	for i := range hashes {
		w := (*[Width]uint64)(words[i:])
		x := bits.RotateLeft64(w[0], 24) + w[1]
		x = bits.RotateLeft64(x, 24) ^ w[2]
		x = bits.RotateLeft64(x, 24) + w[3]
		x = bits.RotateLeft64(x, 24) ^ w[4]
		x = (x ^ x>>32) * factor
		hashes[i] = x ^ x>>32
	}
}
