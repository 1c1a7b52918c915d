// Package wordmask is the first look at a text on the way to its words: which
// bytes belong to words, where words are cut, and the text in lower case; and
// from that, where the words are.
package wordmask

import "github.com/tallystick/tallystick/kernels"

// Block is the number of bytes that one Masks describes.
const Block = 64

// Masks say what the 64 bytes of a block are. Bit j is about the j-th byte.
type Masks struct {
	Word uint64 // it is in a word
	Cut  uint64 // a word that goes on to it from the byte before is two words
	Open uint64 // it is not ASCII, and Scan has left open what it is
}

// Blocks returns the number of masks for a text of n bytes.
func Blocks(n int) int { return (n + Block - 1) / Block }

// Slack is the number of bytes after the last block that lower must have.
const Slack = 64

// short is the length up to which a text is copied before it is looked at.
const short = 4 * Block

// state is what one block leaves to the next: bytes that are in a word and that
// are known, cuts, and what its first byte is xored with.
type state struct{ word, cut, known, lower uint64 }

// Scan looks at text in blocks of 64 bytes. Lower becomes the text in lower
// case, with zeros where the last block goes beyond it and in Slack bytes more.
// Words are made of ASCII letters and digits and of characters that it knows:
//
//   - in words: U+00C0 to U+00FF but × and ÷ (lower case: 32 on, of those up to
//     U+00DE), U+0400 to U+045F (80 on up to U+040F, 32 on up to U+042F),
//     U+30FC, U+AC00 to U+D77F;
//   - words of their own: U+3041 to U+3096, U+30A1 to U+30FA, U+3400 to U+4DBF,
//     U+4E00 to U+9FFF;
//   - not in words: U+0080 to U+00BF but ª, µ and º; × and ÷; U+2000 to U+203F,
//     U+21C0 to U+2BFF, U+3000 to U+3004, U+3008 to U+3020, U+FF00 to U+FF0F,
//     U+FF1A to U+FF20, U+FF3B to U+FF3F.
//
// All other bytes from 0x80 on, of characters or not, are open: neither in words
// nor changed.
//
// Masks and lower hold at least Blocks(len(text)) blocks, lower and Slack bytes;
// what they hold beyond stays as it is. Lower and text do not overlap.
func Scan(lower []byte, masks []Masks, text []byte) {
	n := Blocks(len(text))
	lower, masks = lower[:n*Block+Slack], masks[:n]
	// Whole blocks that no character goes beyond, then what is left, in a copy
	// with zeros behind it. Of a short text one call is faster than two.
	whole := 0
	if len(text) > short {
		whole = (len(text) - 2) / Block
	}
	var s state
	if whole > 0 {
		scan(lower, masks, text, whole, &s)
	}
	last := lower[whole*Block:]
	clear(last[copy(last, text[whole*Block:]):])
	if whole < n {
		scan(last, masks[whole:], last, n-whole, &s)
	}
}

// Room is by how much the positions that Edges stores may exceed 64 a block.
const Room = 16

// Edges stores where the words of masks start and end, the one behind their last
// byte, and returns their number. Starts and ends have room for 64 positions a
// block and Room more; what stands behind the words is undefined. A word that
// reaches the end of the last block ends there.
func Edges(starts, ends []uint32, masks []Masks) int {
	if len(masks) == 0 {
		return 0
	}
	room := len(masks)*Block + Room
	starts, ends = starts[:room], ends[:room]
	n := edges(starts, ends, masks)
	if masks[len(masks)-1].Word>>63 != 0 {
		ends[n-1] = uint32(len(masks) * Block)
	}
	return n
}

func init() {
	kernels.Register("wordmask", implementation())
}
