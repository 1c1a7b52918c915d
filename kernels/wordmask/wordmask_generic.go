package wordmask

import "math/bits"

// lowerCase is each byte in ASCII lower case, isWord 1 for an ASCII letter or
// digit: tables, because branches on the bytes of a text cannot be predicted.
var lowerCase, isWord = func() (lower, word [256]uint8) {
	for i := range 256 {
		c := uint8(i)
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
			word[i] = 1
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			word[i] = 1
		}
		lower[i] = c
	}
	return lower, word
}()

// kind is what Scan knows of a character.
type kind uint8

const (
	open kind = iota
	separator
	inWord
	alone
)

// scanGeneric is Scan of whole blocks, where lower may be text itself; text goes
// on for two bytes.
func scanGeneric(lower []byte, masks []Masks, text []byte, blocks int, s *state) {
	for i := range blocks {
		in := text[i*Block:][: Block+2 : Block+2]
		var word, high uint64
		first := in[0] ^ uint8(s.lower)
		for j, c := range in[:Block] {
			word |= uint64(isWord[c]) << j
			high |= uint64(c>>7) << j
		}
		m := Masks{Word: word | s.word, Cut: s.cut, Open: high &^ s.known}
		*s = state{}
		var flips [Block + 1]uint8
		for left := m.Open; left != 0; {
			j := bits.TrailingZeros64(left)
			left &= left - 1
			size, kind, flip0, flip1 := classify(in[j], in[j+1], in[j+2])
			if kind == open {
				continue
			}
			all := uint64(1)<<size - 1
			left &^= all << j
			m.Open &^= all << j
			s.known |= all >> (Block - j)
			if kind >= inWord {
				m.Word |= all << j
				s.word |= all >> (Block - j)
			}
			if kind == alone {
				m.Cut |= 0b1001 << j
				s.cut |= 0b1001 >> (Block - j)
			}
			flips[j] ^= flip0
			flips[j+1] ^= flip1
		}
		s.lower = uint64(flips[Block])
		masks[i] = m
		out := lower[i*Block:][:Block]
		for j, c := range in[1:Block] {
			out[j+1] = lowerCase[c] ^ flips[j+1]
		}
		out[0] = lowerCase[first] ^ flips[0]
	}
}

// classify says how many bytes the character that starts with a has, what it
// is, and what its first two bytes are xored with in lower case. The bytes after
// a may be anything.
func classify(a, b, c byte) (size int, k kind, flip0, flip1 byte) {
	if b&0xc0 != 0x80 {
		return 0, open, 0, 0
	}
	switch a {
	case 0xc2:
		if b == 0xaa || b == 0xb5 || b == 0xba {
			return 0, open, 0, 0
		}
		return 2, separator, 0, 0
	case 0xc3:
		switch {
		case b == 0x97 || b == 0xb7:
			return 2, separator, 0, 0
		case b <= 0x9e:
			return 2, inWord, 0, 0x20
		}
		return 2, inWord, 0, 0
	case 0xd0:
		switch {
		case b <= 0x8f:
			return 2, inWord, 0x01, 0x10
		case b <= 0x9f:
			return 2, inWord, 0, 0x20
		case b <= 0xaf:
			return 2, inWord, 0x01, 0x20
		}
		return 2, inWord, 0, 0
	case 0xd1:
		if b <= 0x9f {
			return 2, inWord, 0, 0
		}
	}
	if c&0xc0 != 0x80 {
		return 0, open, 0, 0
	}
	switch r := rune(a&0xf)<<12 | rune(b&0x3f)<<6 | rune(c&0x3f); {
	case a < 0xe2 || a > 0xef:
	case r >= 0x2000 && r <= 0x203f, r >= 0x21c0 && r <= 0x2bff,
		r >= 0x3000 && r <= 0x3004, r >= 0x3008 && r <= 0x3020,
		r >= 0xff00 && r <= 0xff0f, r >= 0xff1a && r <= 0xff20, r >= 0xff3b && r <= 0xff3f:
		return 3, separator, 0, 0
	case r >= 0x3041 && r <= 0x3096, r >= 0x30a1 && r <= 0x30fa, r >= 0x3400 && r <= 0x4dbf, r >= 0x4e00 && r <= 0x9fff:
		return 3, alone, 0, 0
	case r == 0x30fc, r >= 0xac00 && r <= 0xd77f:
		return 3, inWord, 0, 0
	}
	return 0, open, 0, 0
}

// edgesGeneric is Edges but for a word that reaches the end.
func edgesGeneric(starts, ends []uint32, masks []Masks) int {
	n, m := 0, 0
	carry := uint64(0) // 1 if the last byte was in a word
	for i := range masks {
		word, cut := masks[i].Word, masks[i].Cut
		before := word<<1 | carry // the byte before is in a word
		carry = word >> 63
		base := uint32(i * Block)
		n = emit(starts, n, word&(^before|cut), base)
		m = emit(ends, m, before&(^word|cut), base)
	}
	return n
}

// emit stores base plus the place of every bit of mask in positions from n on
// and returns n plus their number.
func emit(positions []uint32, n int, mask uint64, base uint32) int {
	end := n + bits.OnesCount64(mask)
	for ; n < end; n += 8 {
		// Eight at a time whatever is left: a loop that ends after each bit
		// is a wrong guess of the branch predictor per block.
		p := (*[8]uint32)(positions[n:])
		for i := range p {
			p[i] = base + uint32(bits.TrailingZeros64(mask))
			mask &= mask - 1
		}
	}
	return end
}
