// Package shingle turns a text into its shingles: shingle rules w5-v1 and, for
// other numbers of words, wN-v1, and word hash aes3-v1; all normative, and named
// in the plan.
//
// # Words
//
// A word is a maximal run of letters (Unicode L), decimal digits (Nd) and
// non-spacing marks (Mn), in lower case rune by rune (simple mapping), except
// that every rune of the scripts Han, Hiragana and Katakana is a word of its
// own. Everything else, bytes that are not UTF-8 included, separates words. The
// classes are those of unicodeVersion, never those of the Go release.
//
// # Shingles
//
// The shingles of a text are its distinct windows of 5 consecutive words. Fewer
// than 5 words make one shingle of all of them; no words, none. Rule wN-v1 says
// the same of N words.
//
// # Hashes
//
// All keys come from the plan's seed: block c of the key stream is
// SHA-256("tallystick word hash v1" || seed || c), both numbers 64 bits little
// endian. Blocks 0 and 1 are the keys K0 … K3 of the word hash, which package
// wordhash defines; block 2 is the fillers F1 … F4 of 64 bits, little endian.
//
// With w0 … w4 the hashes of five words, modulo 2⁶⁴ and with <<< rotating left,
//
//	x = ((((w0 <<< 24) + w1 <<< 24) ^ w2 <<< 24) + w3 <<< 24) ^ w4
//	x = (x ^ x >> 32) · 0x9e3779b1
//	shingle hash = x ^ x >> 32
//
// where operators apply from left to right; other widths are in width.go. Of n < 5 words, the filler Fn takes
// the place of the words that are missing at the end.
//
// Rotations by whole bytes and a factor of 32 bits are what AVX2 does in one
// and in two instructions. Sums and xors alternate because with either alone a
// swap of w0 and w4, which end up 32 bits apart, would go unnoticed once in 2³²
// times. Word hashes are uniform, so the last two lines have no more to do than
// to spread windows that repeat a word.
package shingle

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/kernels/windowhash"
	"github.com/tallystick/tallystick/kernels/wordhash"
)

// Width is the number of words in a shingle, but where the plan says otherwise.
const Width = windowhash.Width

// Hasher holds the keys of one seed. It is safe for concurrent use.
type Hasher struct {
	keys    wordhash.Keys
	fillers [Width]uint64 // [n] stands for the words that a text of n words lacks
	width   int           // words in a shingle
}

// NewHasher derives the keys of seed.
func NewHasher(seed uint64) *Hasher {
	h := &Hasher{width: Width}
	for i := range h.keys {
		block := keyBlock(seed, uint64(i/2))
		copy(h.keys[i][:], block[16*(i%2):])
	}
	block := keyBlock(seed, 2)
	for n := 1; n < Width; n++ {
		h.fillers[n] = binary.LittleEndian.Uint64(block[8*(n-1):])
	}
	return h
}

func keyBlock(seed, counter uint64) [sha256.Size]byte {
	b := []byte("tallystick word hash v1")
	b = binary.LittleEndian.AppendUint64(b, seed)
	return sha256.Sum256(binary.LittleEndian.AppendUint64(b, counter))
}

// Scanner is a Hasher with the scratch memory of one goroutine: about 8 bytes
// a word of the longest text so far, 16 where the windows have not five words.
type Scanner struct {
	hasher   *Hasher
	words    finder
	hashes   []uint64 // of the text's words
	shingles []uint64
	sorter   sorter
}

// released are scanners whose memory, touched already, the next ones take.
var released sync.Pool

// NewScanner returns a Scanner for the use of one goroutine.
func (h *Hasher) NewScanner() *Scanner {
	if s, ok := released.Get().(*Scanner); ok {
		s.hasher = h
		return s
	}
	return &Scanner{hasher: h}
}

// Release leaves the scanner's memory to a later one. Neither the scanner nor what
// it returned may be used afterwards. Nobody has to release one.
func (s *Scanner) Release() { released.Put(s) }

// Shingles returns the hash of every window of text, in text order, repeats
// included. They are valid until the next call; nil if text has no words.
func (s *Scanner) Shingles(text []byte) []uint64 {
	s.hashWords(text)
	n := len(s.hashes)
	if n == 0 {
		return nil
	}
	if width := s.hasher.width; width != Width {
		width = min(width, n)
		s.shingles = slices.Grow(s.shingles[:0], n-width+1)[:n-width+1]
		wide(s.shingles, s.hashes, width)
		return s.shingles
	}
	if n < Width {
		for len(s.hashes) < Width {
			s.hashes = append(s.hashes, s.hasher.fillers[n])
		}
		n = Width
	}
	return windows(s.hashes)
}

// windows puts the hashes of all windows of words in their place: of a long text
// there is no room in the near caches for both.
func windows(words []uint64) []uint64 {
	n := len(words) - Width + 1
	var last [windowhash.InPlace]uint64 // whose words would be overwritten before
	whole := n / windowhash.InPlace * windowhash.InPlace
	windowhash.Hash(last[:n-whole], words[whole:])
	windowhash.Hash(words[:whole], words[:whole+Width-1])
	copy(words[whole:], last[:n-whole])
	return words[:n]
}

// Set returns the distinct shingle hashes of text, ascending. They are valid
// until the next call; nil if text has no words.
func (s *Scanner) Set(text []byte) []uint64 {
	return s.sorter.distinct(s.Shingles(text))
}

// Overlap returns the number of elements that the sets a and b, both ascending
// and distinct, have in common.
func Overlap(a, b []uint64) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x, y := a[i], b[j]
		// Written so that no branch depends on the hashes.
		n += one(x == y)
		i += one(x <= y)
		j += one(y <= x)
	}
	return n
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
