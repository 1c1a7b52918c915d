package wordhash

import (
	"encoding/binary"
	"math/bits"
)

// rounds[r][x] is what byte x in row r of a column of the state adds to the
// column it is shifted to: SubBytes and MixColumns in one look-up. Columns are
// little-endian words, the byte of row 0 lowest.
var rounds = roundTables(substitutions())

// substitutions returns the S-box of AES (FIPS 197, 5.1.1): the inverse in
// GF(2⁸) modulo x⁸+x⁴+x³+x+1, then an affine map over GF(2).
func substitutions() (sbox [256]uint8) {
	// p runs through all elements but 0 as powers of the generator 3, and q
	// through their inverses.
	p, q := uint8(1), uint8(1)
	for {
		p ^= double(p)
		q = divideBy3(q)
		sbox[p] = q ^ bits.RotateLeft8(q, 1) ^ bits.RotateLeft8(q, 2) ^ bits.RotateLeft8(q, 3) ^ bits.RotateLeft8(q, 4) ^ 0x63
		if p == 1 {
			break
		}
	}
	sbox[0] = 0x63 // 0 has no inverse and stands for itself
	return sbox
}

// double multiplies by 2 in GF(2⁸).
func double(x uint8) uint8 {
	return x<<1 ^ x>>7*0x1b
}

// divideBy3 multiplies by 0xf6, the inverse of 3.
func divideBy3(x uint8) uint8 {
	x ^= x << 1
	x ^= x << 2
	x ^= x << 4
	return x ^ x>>7*0x09
}

func roundTables(sbox [256]uint8) (t [4][256]uint32) {
	for x, s := range sbox {
		column := uint32(double(s)) | uint32(s)<<8 | uint32(s)<<16 | uint32(double(s)^s)<<24
		for row := range t {
			t[row][x] = bits.RotateLeft32(column, 8*row)
		}
	}
	return t
}

// state is four columns; fields rather than an array, which Go would keep in
// memory.
type state struct{ a, b, c, d uint32 }

func load(b []byte) state {
	return state{
		binary.LittleEndian.Uint32(b),
		binary.LittleEndian.Uint32(b[4:]),
		binary.LittleEndian.Uint32(b[8:]),
		binary.LittleEndian.Uint32(b[12:]),
	}
}

func (s state) xor(o state) state {
	return state{s.a ^ o.a, s.b ^ o.b, s.c ^ o.c, s.d ^ o.d}
}

// encrypt is AESENC without the key: row r of a column comes from the column r
// further on.
func (s state) encrypt() state {
	return state{
		column(s.a, s.b, s.c, s.d),
		column(s.b, s.c, s.d, s.a),
		column(s.c, s.d, s.a, s.b),
		column(s.d, s.a, s.b, s.c),
	}
}

func column(a, b, c, d uint32) uint32 {
	return rounds[0][uint8(a)] ^ rounds[1][uint8(b>>8)] ^ rounds[2][uint8(c>>16)] ^ rounds[3][d>>24]
}

func hashGeneric(hashes []uint64, text []byte, starts, ends []uint32, keys *Keys) {
	k0, k1, k2, k3 := load(keys[0][:]), load(keys[1][:]), load(keys[2][:]), load(keys[3][:])
	for i, end := range ends {
		word := text[starts[i]:end]
		n := uint64(len(word))
		s := k0.xor(state{a: uint32(n), b: uint32(n >> 32)})
		for {
			var piece [16]byte
			copied := copy(piece[:], word)
			word = word[copied:]
			s = s.xor(load(piece[:]))
			s = s.encrypt().xor(k1)
			s = s.encrypt().xor(k2)
			s = s.encrypt().xor(k3)
			if len(word) == 0 {
				break
			}
		}
		hashes[i] = uint64(s.a) | uint64(s.b)<<32
	}
}
