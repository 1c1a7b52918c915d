package countprobe

import (
	"encoding/binary"
	"math/bits"
)

// flattenGeneric writes the places of the bits to positions[1:] and returns
// their number.
func flattenGeneric(positions *[maxSpans + slack]int16, starts []uint64) int {
	n := 0
	for i, word := range starts {
		for ; word != 0; word &= word - 1 {
			n++
			positions[n] = int16(i*Block + bits.TrailingZeros64(word))
		}
	}
	return n
}

// partitionGeneric sorts the n keys between neighbouring positions into the
// lists of c.
func partitionGeneric(c *Chunk, n, least int) {
	short, wide := &c.Short, &c.Wide
	short.Len, wide.Len = 0, 0
	for i, start := range c.positions[:n] {
		size := c.positions[i+1] - start
		switch {
		case int(size) < least:
		case size <= MaxShort:
			short.Start[short.Len], short.Size[short.Len] = start, size
			short.Len++
		default:
			wide.Start[wide.Len], wide.Size[wide.Len] = start, size
			wide.Len++
		}
	}
}

// placeOf is a bucket's offset for a hash: tables have a power of two of
// buckets of 64 bytes.
func placeOf(hash uint32, buckets int) uint32 { return hash & uint32(buckets-1) * 64 }

func fillShortGeneric(c *Chunk, text []byte, base int, table []Bucket) {
	list := &c.Short
	for i, start := range list.Start[:list.Len] {
		at, size := base+int(start), int(list.Size[i])
		var key Key
		if at+16 <= len(text) {
			b := text[at : at+16]
			key.Low = ^binary.LittleEndian.Uint64(b)
			if size <= 8 {
				key.Low &= ^uint64(0) >> (8 * (8 - size))
			} else {
				key.High = ^binary.LittleEndian.Uint64(b[8:]) & (^uint64(0) >> (8 * (16 - size)))
			}
		} else {
			key = KeyOf(text[at : at+size])
		}
		list.Key[i] = key
		list.Place[i] = placeOf(placeShortGeneric(key.Low, key.High), len(table))
	}
}

func probeShortGeneric(list *ShortList, table []Bucket, from, to int) (sum int) {
	for i, place := range list.Place[from:to] {
		bucket := &table[place/64]
		if way, _ := bucket.Find(list.Key[from+i]); way >= 0 {
			_, count := bucket.Entry(way)
			sum += count
			continue
		}
		list.Missing[list.Misses] = uint16(i)
		list.Misses++
	}
	return sum
}

func fillWideGeneric(c *Chunk, text []byte, base int, table []WideBucket) {
	list := &c.Wide
	for i, start := range list.Start[:list.Len] {
		at, size := base+int(start), int(list.Size[i])
		list.Key[i] = WideKeyOf(text[at : at+size])
		list.Place[i] = placeOf(placeWideGeneric(&list.Key[i]), len(table))
	}
}

func probeWideGeneric(list *WideList, table []WideBucket, from, to int) (sum int) {
	for i, place := range list.Place[from:to] {
		bucket := &table[place/64]
		if way, _ := bucket.Find(list.Key[from+i]); way >= 0 {
			_, count := bucket.Entry(way)
			sum += count
			continue
		}
		list.Missing[list.Misses] = uint16(i)
		list.Misses++
	}
	return sum
}

// Any hash will do. These multiply; the constants are those of SplitMix64.
func placeShortGeneric(low, high uint64) uint32 {
	h := (low ^ high*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	h ^= h >> 32
	return uint32(h * 0x94D049BB133111EB >> 32)
}

func placeWideGeneric(key *WideKey) uint32 {
	h := (key[0] ^ key[1]*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	h ^= h>>32 ^ key[2]
	h = (h ^ key[3]*0x94D049BB133111EB) * 0x9E3779B97F4A7C15
	h ^= h >> 32
	return uint32(h * 0x94D049BB133111EB >> 32)
}
