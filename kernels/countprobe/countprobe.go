// Package countprobe is the inner loop of counting tokens by looking them up:
// from the bits that tell where keys begin in a text to the sum of the counts
// that a table holds for these keys, and the list of those it does not hold.
//
// A text is done in chunks, a chunk in steps: Split turns the bits into
// two lists of keys, FillShort and FillWide fetch the bytes of the keys, find
// their places in the tables and ask the CPU for the cache lines, ProbeShort
// and ProbeWide compare and add. Between the two the lines arrive: nothing
// waits for memory that could have been asked for earlier.
//
// The tables belong to the caller, who fills them, and are plain memory: no
// result depends on what they hold beyond the entries found.
package countprobe

import (
	"encoding/binary"

	"github.com/tallystick/tallystick/kernels"
)

const (
	// Block is the number of bytes that one word of start bits describes.
	Block = 64

	// Blocks is the largest number of blocks of one chunk. Smaller chunks pay
	// the ends of loops more often; larger ones leave the first-level cache.
	Blocks = 16

	// MaxShort and MaxWide are the longest keys of the two tables, in bytes.
	MaxShort = 15
	MaxWide  = 31

	// Behind is how far before its chunk the first key may begin, in bytes.
	Behind = 1 << 14

	maxSpans = Blocks*Block + 1
	maxWide  = Blocks*Block/(MaxShort+1) + 1
	slack    = 32 // entries that vector stores may write beyond the last
)

// Key is a key of at most MaxShort bytes, the first lowest, every byte
// complemented, then zeros. No text in UTF-8 has the byte 0xFF, so no byte of
// a key is 0, the padding is never mistaken for text, and no key is the zero
// Key, which marks a free entry.
type Key struct{ Low, High uint64 }

// Bucket is four entries of a table, one cache line: a key's Low, and its High
// with the count in the highest byte.
type Bucket struct{ Low, High [4]uint64 }

// WideKey is a key of at most MaxWide bytes, as Key.
type WideKey [4]uint64

// WideBucket is two entries, one cache line: a key with the count in the
// highest byte of the last word.
type WideBucket [2]WideKey

// MaxCount is the largest count of an entry: a byte holds the sum of four.
const MaxCount = 63

// Of the last word of an entry.
const (
	countShift = 56
	keyMask    = 1<<countShift - 1
)

// Chunk is the working memory of a chunk: two lists of keys, of 1 to MaxShort
// bytes and of more. The zero Chunk is ready; what a step reads the step
// before it has written, so it need not be cleared.
type Chunk struct {
	Short ShortList
	Wide  WideList

	positions [maxSpans + slack]int16
	//lint:ignore U1000 builds without assembly read no text beyond its end
	tail [Blocks*Block + 3*MaxWide]byte
}

// ShortList is the keys of at most MaxShort bytes of a chunk. Entry i begins
// at Start[i] from the beginning of the chunk, has Size[i] bytes and belongs in
// the bucket at Place[i] bytes of the table. Those not found are listed in
// Missing, by their entry, ascending.
type ShortList struct {
	Len, Misses int
	Start, Size [maxSpans + slack]int16
	Key         [maxSpans + slack]Key
	Place       [maxSpans + slack]uint32
	Missing     [maxSpans + slack]uint16
}

// WideList is the keys of more than MaxShort bytes, as ShortList. Split lists
// keys of any size; the caller takes out those longer than MaxWide.
type WideList struct {
	Len, Misses int
	Start, Size [maxWide + slack]int16
	Key         [maxWide + slack]WideKey
	Place       [maxWide + slack]uint32
	Missing     [maxWide + slack]uint16
}

// Split lists the keys of a chunk that end in it. Bit j of starts[i], at most
// Blocks words, tells that a key begins at byte 64i+j of the chunk, and that
// the one before it ends there. open, at least -Behind, is where the key begins
// that ends at the first of these; last is where the one begins that does not
// end in this chunk, open itself if none does. spans is the number of keys that
// end in the chunk; those shorter than least bytes, at least 1, are counted, not
// listed.
func (c *Chunk) Split(starts []uint64, open, least int) (spans, last int) {
	if len(starts) > Blocks || open < -Behind || open > Blocks*Block || least < 1 {
		panic("countprobe: chunk out of bounds")
	}
	c.positions[0] = int16(open)
	n := 0
	if len(starts) > 0 {
		n = flatten(&c.positions, starts)
	}
	partition(c, n, least)
	c.Short.Misses, c.Wide.Misses = 0, 0
	return n, int(c.positions[n])
}

// FillShort fetches the keys of the short list from text, where the chunk
// begins at base, and finds their places in a table, whose length is a power of
// two.
func (c *Chunk) FillShort(text []byte, base int, table []Bucket) {
	if c.Short.Len > 0 {
		fillShort(c, text, base, table)
	}
}

// ProbeShort returns the sum of the counts of the keys of the short list that
// the table has, and lists the others. It is called once after FillShort.
func (c *Chunk) ProbeShort(table []Bucket) (sum int) {
	return c.ProbeShortPart(table, 0, c.Short.Len)
}

// ProbeShortPart is ProbeShort of the entries from and up to, but not with, to.
// It is called once for each of them; what it lists are the entries behind from.
func (c *Chunk) ProbeShortPart(table []Bucket, from, to int) (sum int) {
	if c.Short.Misses = 0; from < to {
		sum = probeShort(&c.Short, table, from, to)
	}
	return sum
}

// FillWide is FillShort for the wide list, where no key is longer than MaxWide
// any more.
func (c *Chunk) FillWide(text []byte, base int, table []WideBucket) {
	if c.Wide.Len > 0 {
		fillWide(c, text, base, table)
	}
}

// ProbeWide is ProbeShort for the wide list.
func (c *Chunk) ProbeWide(table []WideBucket) (sum int) {
	return c.ProbeWidePart(table, 0, c.Wide.Len)
}

// ProbeWidePart is ProbeShortPart for the wide list.
func (c *Chunk) ProbeWidePart(table []WideBucket, from, to int) (sum int) {
	if c.Wide.Misses = 0; from < to {
		sum = probeWide(&c.Wide, table, from, to)
	}
	return sum
}

// KeyOf returns the key of b, 1 to MaxShort bytes without 0xFF.
func KeyOf(b []byte) Key {
	var padded [16]byte
	n := copy(padded[:MaxShort], b)
	low, high := ^binary.LittleEndian.Uint64(padded[:]), ^binary.LittleEndian.Uint64(padded[8:])
	if n < 8 {
		return Key{Low: low & (1<<(8*n) - 1)}
	}
	return Key{low, high & (1<<(8*(n-8)) - 1)}
}

// KeyAt is KeyOf of text[start:start+size].
func KeyAt(text []byte, start, size int) Key {
	if size > MaxShort || start+16 > len(text) {
		return KeyOf(text[start : start+size])
	}
	low, high := ^binary.LittleEndian.Uint64(text[start:]), ^binary.LittleEndian.Uint64(text[start+8:])
	return Key{low & (1<<(8*size) - 1), high & (1<<(8*max(size-8, 0)) - 1)} // a shift by 64 leaves nothing
}

// WideKeyOf returns the key of b, 1 to MaxWide bytes without 0xFF.
func WideKeyOf(b []byte) (key WideKey) {
	var padded [32]byte
	n := copy(padded[:MaxWide], b)
	for i := range padded[:n] {
		padded[i] = ^padded[i]
	}
	for i := range key {
		key[i] = binary.LittleEndian.Uint64(padded[8*i:])
	}
	return key
}

// Place returns where the key belongs in the table: the index of its bucket.
// Implementations differ in it, so it is good within one process only.
func Place(key Key, table []Bucket) int {
	return int(placeShort(key.Low, key.High&keyMask)) & (len(table) - 1)
}

// PlaceWide is Place for wide keys.
func PlaceWide(key WideKey, table []WideBucket) int {
	key[3] &= keyMask
	return int(placeWide(&key)) & (len(table) - 1)
}

func init() {
	kernels.Register("countprobe", implementation())
}
