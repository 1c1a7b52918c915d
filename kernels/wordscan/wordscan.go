// Package wordscan is the first look at a text on the way to its words: which
// bytes are ASCII letters and digits, which are not ASCII at all, and the text
// with its ASCII letters in lower case.
package wordscan

import "github.com/tallystick/tallystick/kernels"

// Block is the number of bytes that one mask describes.
const Block = 64

// Blocks returns the number of masks for a text of n bytes.
func Blocks(n int) int { return (n + Block - 1) / Block }

// Scan looks at text in blocks of 64 bytes. For byte j of block i
//
//   - lower[64i+j] is the byte, in lower case if it is one of A to Z, and 0
//     where the last block goes beyond the text;
//   - bit j of word[i] is set iff it is an ASCII letter or digit;
//   - bit j of high[i] is set iff it is 0x80 or above.
//
// lower holds at least 64·Blocks(len(text)) bytes and word and high at least
// Blocks(len(text)) masks; what they hold beyond stays as it is. lower and text
// do not overlap.
func Scan(lower []byte, word, high []uint64, text []byte) {
	whole := len(text) / Block
	n := Blocks(len(text))
	lower, word, high = lower[:n*Block], word[:n], high[:n]
	if whole > 0 {
		scan(lower, word, high, text, whole)
	}
	if whole < n {
		// The kernel works on whole blocks, and in place just as well.
		last := lower[whole*Block:]
		clear(last[copy(last, text[whole*Block:]):])
		scan(last, word[whole:], high[whole:], last, 1)
	}
}

func init() {
	kernels.Register("wordscan", implementation())
}
