package bpe

import (
	"math/bits"

	"github.com/tallystick/tallystick/kernels/countprobe"
)

// tokenSet holds the texts of 2 to countprobe.MaxShort bytes that merge to one
// token. Of the words that a text has for the first time a third or more are
// such, of short pieces of them nearly all; and to look is several times faster
// than to merge.
type tokenSet struct {
	// buckets are filled in order: who finds no room goes to the next.
	buckets []countprobe.Bucket
	shift   uint8 // of a hash, to a bucket
}

// newTokenSet takes a few milliseconds for 100,000 tokens.
//
// What a merge makes is one token, by the definition of a live merge; so no
// merging is needed to know them. A token with a byte that is not in UTF-8, or
// with parts that are made after it, is left out.
func newTokenSet(m *model) *tokenSet {
	type spelling struct {
		key  countprobe.Key
		size uint8 // tooLong if it is no key
	}
	const tooLong = countprobe.MaxShort + 1
	list := make([]spelling, int(firstMerged)+len(m.live.halves))
	for b := range int(firstMerged) {
		list[b] = spelling{countprobe.KeyOf([]byte{byte(b)}), 1}
		if !inUTF8(byte(b)) {
			list[b].size = tooLong
		}
	}
	size := max(1, bits.Len(uint(len(list)*10/(4*8)))) // at most 80 % of four a bucket
	s := &tokenSet{make([]countprobe.Bucket, 1<<size), uint8(64 - size)}
	for i, h := range m.live.halves {
		id := firstMerged + symbol(i)
		if h.left >= id || h.right >= id {
			list[id].size = tooLong
			continue
		}
		left, right := list[h.left], list[h.right]
		list[id].size = min(left.size+right.size, tooLong)
		if list[id].size == tooLong {
			continue
		}
		// The shifts are by 0 to 128 bits; Go shifts all of them out beyond 63.
		by := 8 * left.size
		key := left.key
		key.Low |= right.key.Low << by
		key.High |= right.key.High<<by | right.key.Low>>(64-by) | right.key.Low<<(by-64)
		list[id].key = key
		s.add(key)
	}
	return s
}

func (s *tokenSet) home(key countprobe.Key) uint64 {
	h := (key.Low ^ key.High*hashB) * hashA
	return (h ^ h>>32) * hashB >> (s.shift & 63)
}

func (s *tokenSet) add(key countprobe.Key) {
	for i := s.home(key); ; i++ {
		b := &s.buckets[i&uint64(len(s.buckets)-1)]
		if way, free := b.Find(key); free >= 0 {
			b.Set(free, key, 1)
			return
		} else if way >= 0 {
			return
		}
	}
}

func (s *tokenSet) has(key countprobe.Key) bool {
	for i := s.home(key); ; i++ {
		way, free := s.buckets[i&uint64(len(s.buckets)-1)].Find(key)
		if way >= 0 || free >= 0 {
			return way >= 0
		}
	}
}
