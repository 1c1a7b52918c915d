package shingle

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/kernels/wordhash"
	"github.com/tallystick/tallystick/kernels/wordmask"
)

// chunkSize is the number of bytes looked at in one go, so that everything
// between text and word hashes stays in the L1 and L2 caches. A longer word
// makes its chunk longer.
const chunkSize = 32 << 10

// maxChunk bounds a chunk, since positions have 32 bits: a word that does not
// fit one is cut, which takes a word of a gigabyte.
const maxChunk = 1 << 30

// bytesPerWord is fewer than prose and code have, so that the hashes of a text
// rarely have to move while they are made.
const bytesPerWord = 5

// hashWords leaves the hashes of text's words in s.hashes.
func (s *Scanner) hashWords(text []byte) {
	s.hashes = s.hashes[:0]
	if few := len(text) / bytesPerWord; cap(s.hashes) < few {
		s.hashes = make([]uint64, 0, few+few/4)
	}
	for size := chunkSize; len(text) > 0; {
		n := len(text)
		if n > size {
			n = runeStart(text, size)
		}
		words, last := s.words.find(text[:n])
		if n < len(text) && last < n {
			// The last word may go on: it belongs to the next chunk.
			if last == 0 && size < maxChunk {
				size *= 2
				continue
			}
			if last > 0 {
				words, n = words-1, last
			}
		}
		have := len(s.hashes)
		s.hashes = slices.Grow(s.hashes, words)[:have+words]
		wordhash.Hash(s.hashes[have:], s.words.lower, s.words.starts[:words], s.words.ends[:words], &s.hasher.keys)
		text, size = text[n:], chunkSize
	}
}

// runeStart returns the largest offset up to at where a rune starts, or at in a
// text that is not UTF-8.
func runeStart(text []byte, at int) int {
	for back := range utf8.UTFMax {
		if utf8.RuneStart(text[at-back]) {
			return at - back
		}
	}
	return at
}

// finder finds the words of a chunk. Word i is lower[starts[i]:ends[i]], in
// lower case; lower goes on for at least wordhash.Slack bytes.
type finder struct {
	lower        []byte
	masks        []wordmask.Masks
	starts, ends []uint32
}

// find finds the words of text, which is not empty. It returns their number and where in text the
// last one starts if it reaches the end of text, else len(text).
func (f *finder) find(text []byte) (words, last int) {
	words, ok := f.findInPlace(text)
	if !ok {
		return f.findByRune(text)
	}
	if words > 0 && int(f.ends[words-1]) == len(text) {
		return words, int(f.starts[words-1])
	}
	return words, len(text)
}

// findInPlace works on masks of 64 bytes, in which the runes that wordmask
// leaves open are filled in one by one. It gives up, with ok false, when the
// lower case of a rune has another length than the rune.
func (f *finder) findInPlace(text []byte) (words int, ok bool) {
	blocks := wordmask.Blocks(len(text))
	f.reserve(blocks)
	// One more for what the last rune of the last block leaves behind.
	masks := f.masks[:blocks+1]
	wordmask.Scan(f.lower, masks, text)
	masks[blocks] = wordmask.Masks{}
	for i := range masks[:blocks] {
		if masks[i].Open != 0 && !f.fillIn(i) {
			return 0, false
		}
	}
	return wordmask.Edges(f.starts, f.ends, masks[:blocks]), true
}

// fillIn sets the masks of the open runes that start in block i. It reports
// false where the lower case of one has another length.
func (f *finder) fillIn(i int) bool {
	m, next := &f.masks[i], &f.masks[i+1]
	for open := m.Open; open != 0; {
		j := bits.TrailingZeros64(open)
		at := i*wordmask.Block + j
		r, size := decode(binary.LittleEndian.Uint32(f.lower[at:]))
		class := classOf(r)
		if class > alone {
			r = class.lower(r)
			if utf8.RuneLen(r) != size {
				return false
			}
			utf8.EncodeRune(f.lower[at:], r)
			class = inWord
		}
		bytes := uint64(1)<<size - 1
		inside := bytes & -uint64(class&inWord|class>>1) // 0 for a separator
		edges := (bytes + 2) & -uint64(class>>1)         // first byte and the one after: 0 unless alone
		m.Word |= inside << j
		m.Cut |= edges << j
		next.Word |= inside >> (64 - j)
		next.Cut |= edges >> (64 - j)
		next.Open &^= bytes >> (64 - j)
		open &^= bytes << j
	}
	return true
}

// reserve makes room for a text of so many blocks.
func (f *finder) reserve(blocks int) {
	if len(f.masks) > blocks {
		return
	}
	blocks = max(blocks, wordmask.Blocks(chunkSize))
	f.lower = make([]byte, blocks*wordmask.Block+wordmask.Slack)
	f.masks = make([]wordmask.Masks, blocks+1)
	f.starts = make([]uint32, blocks*wordmask.Block+wordmask.Room)
	f.ends = make([]uint32, blocks*wordmask.Block+wordmask.Room)
}

// decode is utf8.DecodeRune of the bytes of p, the lowest first, quick for runes
// of two and three bytes. The bytes after the end of the text are 0.
func decode(p uint32) (r rune, size int) {
	if p&0xc0c0f0 == 0x8080e0 {
		r = rune(p&0xf<<12 | p>>2&0xfc0 | p>>16&0x3f)
		if r >= 0x800 && r>>11 != 0xd800>>11 {
			return r, 3
		}
	}
	if p&0xc0e0 == 0x80c0 {
		if r = rune(p&0x1f<<6 | p>>8&0x3f); r >= 0x80 {
			return r, 2
		}
	}
	var b [utf8.UTFMax]byte
	binary.LittleEndian.PutUint32(b[:], p)
	return utf8.DecodeRune(b[:])
}

// findByRune is find for texts whose words may change their length, rune by
// rune.
func (f *finder) findByRune(text []byte) (words, last int) {
	lower := f.lower[:0]
	f.starts, f.ends = f.starts[:0], f.ends[:0]
	last = len(text)
	inside := false
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		class := classOf(r)
		if inside && (class == separator || class == alone) {
			f.ends = append(f.ends, uint32(len(lower)))
			inside = false
		}
		if class != separator {
			if !inside {
				f.starts = append(f.starts, uint32(len(lower)))
				last = at
				inside = true
			}
			lower = utf8.AppendRune(lower, class.lower(r))
			if class == alone {
				f.ends = append(f.ends, uint32(len(lower)))
				inside = false
			}
		}
		at += size
	}
	if inside {
		f.ends = append(f.ends, uint32(len(lower)))
	} else {
		last = len(text)
	}
	words = len(f.ends)
	// Back to the lengths of reserve, which these slices never shrink below.
	f.lower = append(lower, make([]byte, wordhash.Slack)...)
	f.lower = f.lower[:cap(f.lower)]
	f.starts, f.ends = f.starts[:cap(f.starts)], f.ends[:cap(f.ends)]
	return words, last
}
