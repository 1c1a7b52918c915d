package shingleset

import "math"

// parityChunk is the number of words that parity bitmaps are allocated in.
const parityChunk = 1 << 17

// setIndex is what memory holds of stored sets: per document 24 bytes, and for
// stored ones a bitmap of 128 bytes or more.
type setIndex struct {
	sizes  []uint32
	at     []uint64   // of the set or its edits: in memory chunk<<32 | first element; in the file inFile | first element
	base   []uint32   // 0: the set is there; else its edits of that of document base − 1
	parity [][]uint64 // chunks of bitmaps
	place  []uint64   // of the bitmap: chunk<<32 | first word
}

// inFile marks the place of a set that is not in memory.
const inFile = 1 << 63

func newSetIndex(docs int) setIndex {
	return setIndex{sizes: make([]uint32, docs), at: make([]uint64, docs), base: make([]uint32, docs), place: make([]uint64, docs)}
}

// newBitmap gives document d, whose size is known, an empty bitmap.
func (x *setIndex) newBitmap(d uint32) []uint64 {
	words := parityWords(int(x.sizes[d]))
	last := len(x.parity) - 1
	if last < 0 || cap(x.parity[last])-len(x.parity[last]) < words {
		x.parity = append(x.parity, make([]uint64, 0, max(words, parityChunk)))
		last++
	}
	begin := len(x.parity[last])
	x.parity[last] = x.parity[last][:begin+words]
	x.place[d] = uint64(last)<<32 | uint64(begin)
	return x.bitmap(d)
}

// emptyBitmap is the bitmap of the empty set.
var emptyBitmap [minParityWords]uint64

func (x *setIndex) bitmap(d uint32) []uint64 {
	if x.sizes[d] == 0 {
		return emptyBitmap[:]
	}
	chunk, begin := x.place[d]>>32, x.place[d]&math.MaxUint32
	return x.parity[chunk][begin:][:parityWords(int(x.sizes[d]))]
}
