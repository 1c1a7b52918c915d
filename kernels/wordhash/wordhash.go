// Package wordhash is word hash aes3-v1: 64 bits of a word, keyed, the same on
// every machine.
//
// With keys K0 … K3 of 16 bytes:
//
//	state = K0 xor the length of the word in bytes (64 bits, little endian,
//	        in the first 8 of the 16 bytes)
//	for each piece of 16 bytes of the word, the last one padded with zeros:
//	        state = state xor piece
//	        state = AESENC(AESENC(AESENC(state, K1), K2), K3)
//	hash  = the first 8 bytes of state, little endian
//
// AESENC is the x86 instruction: one round of AES (FIPS 197), SubBytes,
// ShiftRows and MixColumns, then xor with the key. Two rounds would let words
// that differ on one diagonal of the state collide with probability 2⁻¹⁶; three
// do not. It is not a cryptographic hash: the keys keep those who do not know
// them from choosing words that collide. An empty word has one piece of zeros.
package wordhash

import "github.com/tallystick/tallystick/kernels"

// Slack is the number of bytes that must be readable after the end of the last
// word.
const Slack = 16

// Keys are K0 … K3.
type Keys [4][16]byte

// Hash stores in hashes[i] the hash of the word text[starts[i]:ends[i]]. The
// three slices are equally long; starts[i] ≤ ends[i], ends ascends, and text
// goes on for at least Slack bytes, whatever they are, after the last end.
func Hash(hashes []uint64, text []byte, starts, ends []uint32, keys *Keys) {
	n := len(ends)
	if n == 0 {
		return
	}
	// Kernels do not check: what they rely on is checked here, except for the
	// order of the ends.
	_ = text[int(ends[n-1])+Slack-1]
	hash(hashes[:n], text, starts[:n], ends, keys)
}

func init() {
	kernels.Register("wordhash", implementation())
}
