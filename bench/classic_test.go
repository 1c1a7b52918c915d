package bench

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/shingle"
)

// classic is MinHash as most programs have it (Broder: "On the resemblance and
// containment of documents", 1997, with multiply-add hashes in place of
// permutations): one hash function a slot, each over every shingle. Plain Go, a
// fast hash (XXH64), memory reused.
type classic struct {
	bands, rows int
	a, b        []uint64 // of slot j: the least a[j]·x + b[j] mod 2⁶⁴
	slots       []uint64
	words       []string
	windows     []uint64
	buffer      []byte
}

func newClassic(bands, rows int) *classic {
	k := bands * rows
	c := &classic{bands: bands, rows: rows, a: make([]uint64, k), b: make([]uint64, k), slots: make([]uint64, k)}
	random := rand.New(rand.NewPCG(seed, 0))
	for j := range c.a {
		c.a[j], c.b[j] = random.Uint64()|1, random.Uint64()
	}
	return c
}

// shingles hashes the windows of five words, or all words if they are fewer.
func (c *classic) shingles(text string) []uint64 {
	c.words = splitWords(c.words[:0], strings.ToLower(text))
	c.windows = c.windows[:0]
	for i := 0; i < len(c.words); i++ {
		end := i + shingle.Width
		if end > len(c.words) && i > 0 {
			break
		}
		c.buffer = c.buffer[:0]
		for _, w := range c.words[i:min(end, len(c.words))] {
			c.buffer = append(append(c.buffer, w...), ' ')
		}
		c.windows = append(c.windows, xxhash.Sum64(c.buffer))
	}
	return c.windows
}

// splitWords appends the words of text: runs of letters, digits and marks, and
// single runes of the scripts written without spaces.
func splitWords(words []string, text string) []string {
	start := -1
	for i, r := range text {
		alone := r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
		if !alone && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			words = append(words, text[start:i])
			start = -1
		}
		if alone {
			words = append(words, string(r))
		}
	}
	if start >= 0 {
		words = append(words, text[start:])
	}
	return words
}

// bandKeys appends a key for each band: the hash of its number and slots.
func (c *classic) bandKeys(dst, shingles []uint64) []uint64 {
	if len(shingles) == 0 {
		return dst
	}
	for j := range c.slots {
		least := uint64(math.MaxUint64)
		a, b := c.a[j], c.b[j]
		for _, x := range shingles {
			least = min(least, a*x+b)
		}
		c.slots[j] = least
	}
	for i := range c.bands {
		c.buffer = binary.LittleEndian.AppendUint64(c.buffer[:0], uint64(i))
		for _, v := range c.slots[i*c.rows : (i+1)*c.rows] {
			c.buffer = binary.LittleEndian.AppendUint64(c.buffer, v)
		}
		dst = append(dst, xxhash.Sum64(c.buffer))
	}
	return dst
}
