package spbpe

import "encoding/binary"

// cache remembers the token counts of pieces, for one goroutine, in a table of
// fixed size in which they displace each other.
type cache struct {
	sets []cacheSet
}

const setBits = 16 // 2^16 sets of 64 bytes: 4 MiB

// cacheSet is four entries, the latest first: one cache line.
type cacheSet [4]cacheEntry

// cacheEntry is a piece of at most 15 bytes, zero-padded, with its length in
// the low and its count in the high half of the last byte. The zero entry is
// free.
type cacheEntry struct{ low, high uint64 }

const (
	maxCached  = 15
	lenShift   = 56
	countShift = 60
	countMask  = uint64(0xF) << countShift
)

func newCache() *cache { return &cache{sets: make([]cacheSet, 1<<setBits)} }

// key returns the entry of a piece but for its count. A marker in front of it
// is written as a space.
func key(lead bool, piece []byte) (e cacheEntry, ok bool) {
	n := len(piece)
	at := 0
	var k [16]byte
	if lead {
		k[0], at = ' ', 1
	}
	if at+n > maxCached {
		return cacheEntry{}, false
	}
	copy(k[at:15], piece)
	k[15] = byte(at + n)
	return cacheEntry{binary.LittleEndian.Uint64(k[:]), binary.LittleEndian.Uint64(k[8:])}, true
}

func (c *cache) set(e cacheEntry) *cacheSet {
	h := (e.low ^ e.high*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	h ^= h >> 32
	h *= 0x94D049BB133111EB
	return &c.sets[h>>(64-setBits)]
}

// get returns the count of a piece, if it is known.
func (c *cache) get(lead bool, piece []byte) (count int, ok bool) {
	e, ok := key(lead, piece)
	if !ok {
		return 0, false
	}
	set := c.set(e)
	for way := range set {
		if s := &set[way]; s.low == e.low && s.high&^countMask == e.high {
			return int(s.high >> countShift), true
		}
	}
	return 0, false
}

// put remembers the count of a piece, if that is possible.
func (c *cache) put(lead bool, piece []byte, count int) {
	e, ok := key(lead, piece)
	if !ok || count > 15 {
		return
	}
	set := c.set(e)
	copy(set[1:], set[:len(set)-1])
	set[0] = cacheEntry{e.low, e.high | uint64(count)<<countShift}
}
