package bpe

import "encoding/binary"

// cache remembers the token counts of pretokens, for one goroutine. Its size
// is bounded: short pretokens displace each other in a table of fixed size,
// longer ones fill a map that is emptied when full.
type cache struct {
	model *model
	sets  []cacheSet
	long  map[string]int
	held  int // bytes of the keys of long
}

const (
	setBits     = 15      // 2^15 sets of 64 bytes: 2 MiB
	maxLongKey  = 256     // bytes of a pretoken that long holds
	maxLongHeld = 1 << 20 // bytes of all the keys of long
)

// cacheSet is four entries, the latest first: one cache line.
type cacheSet [4]cacheEntry

// cacheEntry is a pretoken of at most 15 bytes, zero-padded, with its length
// in the low and its count in the high half of the last byte. A pretoken has
// no more tokens than bytes, so both fit. The zero entry is free.
type cacheEntry struct{ low, high uint64 }

const (
	maxCached  = 15
	lenShift   = 56
	countShift = 60
	countMask  = uint64(0xF) << countShift
)

func newCache(m *model) *cache {
	return &cache{model: m, sets: make([]cacheSet, 1<<setBits), long: map[string]int{}}
}

// trim gives back what has grown past its bound.
func (c *cache) trim() {
	if c.held > maxLongHeld {
		c.long, c.held = map[string]int{}, 0
	}
}

// count returns the number of tokens of the pretoken text[i:end].
func (c *cache) count(text []byte, i, end int) int {
	n := end - i
	if n == 1 {
		return 1 // every byte is a token, and nothing smaller can be merged
	}
	if n > maxCached {
		return c.countLong(text[i:end])
	}
	var low, high uint64
	if i+16 <= len(text) {
		low = binary.LittleEndian.Uint64(text[i:])
		if n < 8 {
			low &= 1<<(8*n) - 1
		} else {
			high = binary.LittleEndian.Uint64(text[i+8:]) & (1<<(8*(n-8)) - 1)
		}
	} else {
		var key [16]byte
		copy(key[:], text[i:end])
		low = binary.LittleEndian.Uint64(key[:])
		high = binary.LittleEndian.Uint64(key[8:])
	}
	high |= uint64(n) << lenShift

	h := (low ^ high*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	h ^= h >> 32
	h *= 0x94D049BB133111EB
	set := &c.sets[h>>(64-setBits)]
	for way := range set {
		if e := &set[way]; e.low == low && e.high&^countMask == high {
			return int(e.high >> countShift)
		}
	}
	count := c.model.count(text[i:end])
	copy(set[1:], set[:len(set)-1])
	set[0] = cacheEntry{low, high | uint64(count)<<countShift}
	return count
}

func (c *cache) countLong(pretoken []byte) int {
	if len(pretoken) > maxLongKey {
		return c.model.count(pretoken)
	}
	if n, ok := c.long[string(pretoken)]; ok {
		return n
	}
	n := c.model.count(pretoken)
	if c.held += len(pretoken); c.held > maxLongHeld {
		clear(c.long)
		c.held = len(pretoken)
	}
	c.long[string(pretoken)] = n
	return n
}
