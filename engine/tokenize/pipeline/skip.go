package pipeline

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// All of this is for text that is valid JSON.

func skipSpace(data []byte, i int) int {
	for data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r' {
		i++
	}
	return i
}

// skipValue returns where the value that begins at i ends.
func skipValue(data []byte, i int) int {
	switch data[i] {
	case '"':
		return SkipString(data, i)
	case '{', '[':
		return skipList(data, i)
	}
	for i < len(data) && strings.IndexByte(",:]} \n\t\r", data[i]) < 0 {
		i++
	}
	return i
}

// SkipString returns where the string that begins at i ends.
func SkipString(data []byte, i int) int {
	for i++; data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipList returns where the object or array that begins at i ends.
func skipList(data []byte, i int) int {
	begin := i
	for depth := 0; i-begin < block; {
		switch data[i] {
		case '"':
			i = SkipString(data, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return skipLong(data, begin)
}

const block = 64

// skipLong is skipList for one that is more than some blocks long: vocabularies
// have megabytes, and are passed over a few times. It looks at a block at once,
// with a bit for every byte (as in Langdale and Lemire, Parsing Gigabytes of JSON
// per Second, 2019).
func skipLong(data []byte, i int) int {
	var s skipper
	for ; ; i += block {
		var end int
		if len(data)-i >= block {
			end = s.next((*[block]byte)(data[i:]))
		} else {
			var last [block]byte
			copy(last[:], data[i:])
			end = s.next(&last)
		}
		if end > 0 {
			return i + end
		}
	}
}

// skipper is what skipLong knows of the blocks before.
type skipper struct {
	depth   int    // lists that are open
	text    uint64 // all ones in a string
	escaped uint64 // 1 after a backslash
}

// next returns where the outermost list ends in a block, 0 if it does not.
func (s *skipper) next(b *[block]byte) int {
	var quotes, backslashes, brackets uint64
	for k := 0; k < block; k += 8 {
		// The bits in which brackets differ: set, those of Y, y and _ are the
		// same as theirs, but these are in strings only.
		const differ = (('[' ^ ']') | ('[' ^ '{')) * 0x0101010101010101
		x := binary.LittleEndian.Uint64(b[k:])
		quotes |= equal(x, '"') << k
		backslashes |= equal(x, '\\') << k
		brackets |= equal(x|differ, '['|']'|'{') << k
	}
	if backslashes|s.escaped != 0 {
		escaped := s.escaped
		s.escaped = 0
		for left := backslashes &^ escaped; left != 0; {
			at := left & -left
			escaped |= at << 1
			s.escaped = at >> (block - 1)
			left &^= at | at<<1
		}
		quotes &^= escaped
	}
	// A bit that is the parity of all quotes up to it: in a string, or its first quote.
	text := quotes ^ quotes<<1
	text ^= text << 2
	text ^= text << 4
	text ^= text << 8
	text ^= text << 16
	text ^= text << 32
	text ^= s.text
	s.text = uint64(int64(text) >> (block - 1))
	for left := brackets &^ text; left != 0; left &= left - 1 {
		at := bits.TrailingZeros64(left)
		if b[at] == '{' || b[at] == '[' {
			s.depth++
		} else if s.depth--; s.depth == 0 {
			return at + 1
		}
	}
	return 0
}

// equal returns a bit for every byte of x that is c, the lowest first.
func equal(x uint64, c byte) uint64 {
	const ones, low = 0x0101010101010101, 0x7F7F7F7F7F7F7F7F
	x ^= uint64(c) * ones
	zero := ^(x&low + low | x | low) // 0x80 where a byte is 0
	return zero >> 7 * 0x0102040810204080 >> 56
}
