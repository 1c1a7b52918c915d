package bpe

import (
	"math/bits"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/hugepage"
	"github.com/tallystick/tallystick/kernels/countprobe"
)

// tokenSet holds the texts of 2 to countprobe.MaxShort bytes that merge to one
// token. Of the words that a text has for the first time a third or more are
// such, of short pieces of them nearly all; and to look is several times faster
// than to merge, though no faster than to merge in lanes.
type tokenSet struct {
	// buckets are filled in order: who finds no room goes to the next.
	buckets []tokenBucket
	shift   uint8 // of a hash, to a bucket
}

// tokenBucket is keys; a low of 0, as no key has it, is a free place.
type tokenBucket struct{ low, high [ways]uint64 }

const (
	ways = 4
	// passed is set in the last high of a bucket that some key found full.
	passed = 1 << 63
)

// fetched is how many buckets are looked at before any of them is needed: the
// CPU then waits for all of them once, as they are in no near cache.
const fetched = 16

// newTokenSet takes 3 to 6 milliseconds for 200,000 tokens.
//
// What a merge makes is one token, by the definition of a live merge; so no
// merging is needed to know them. A token with a byte that is not in UTF-8, or
// with parts that are made after it, is left out.
func newTokenSet(m *model) *tokenSet {
	list := make([]tokenKey, int(firstMerged)+len(m.live.halves))
	for b := range int(firstMerged) {
		if inUTF8(byte(b)) {
			list[b] = newTokenKey(countprobe.KeyOf([]byte{byte(b)}), 1)
		}
	}
	size := max(1, bits.Len(uint(len(list)*10/(ways*8)))) // at most 80 %
	s := &tokenSet{hugepage.Make[tokenBucket](1 << size), uint8(64 - size)}
	var batch [fetched]countprobe.Key
	n := 0
	for i, h := range m.live.halves {
		id := firstMerged + symbol(i)
		if h.left >= id || h.right >= id {
			continue
		}
		list[id] = list[h.left].and(list[h.right])
		if list[id] == (tokenKey{}) {
			continue
		}
		batch[n] = list[id].key()
		if n++; n == fetched {
			s.addAll(batch[:n])
			n = 0
		}
	}
	s.addAll(batch[:n])
	return s
}

// tokenKey is the key of a token with its length in bytes in the byte of the
// count; zero if it has none.
type tokenKey countprobe.Key

const sizeShift = 56

func newTokenKey(key countprobe.Key, size uint64) tokenKey {
	return tokenKey{key.Low, key.High | size<<sizeShift}
}

func (s tokenKey) size() uint64 { return s.High >> sizeShift }

func (s tokenKey) key() countprobe.Key {
	return countprobe.Key{Low: s.Low, High: s.High &^ (0xFF << sizeShift)}
}

// and returns the tokenKey of both, zero if that is too long.
func (s tokenKey) and(right tokenKey) tokenKey {
	size := s.size() + right.size()
	if s.size() == 0 || right.size() == 0 || size > countprobe.MaxShort {
		return tokenKey{}
	}
	// The shifts are by 0 to 128 bits; Go shifts all of them out beyond 63.
	by := 8 * s.size()
	left, add := s.key(), right.key()
	left.Low |= add.Low << by
	left.High |= add.High<<by | add.Low>>(64-by) | add.Low<<(by-64)
	return newTokenKey(left, size)
}

func (s *tokenSet) home(key countprobe.Key) uint64 {
	h := (key.Low ^ key.High*hashB) * hashA
	return (h ^ h>>32) * hashB >> (s.shift & 63)
}

// fetch looks at the home of every key. It is not inlined, or the compiler would
// see that nobody wants the result.
//
//go:noinline
func (s *tokenSet) fetch(keys []countprobe.Key) (seen uint64) {
	for _, key := range keys {
		seen |= s.buckets[s.home(key)&uint64(len(s.buckets)-1)].low[0]
	}
	return seen
}

func (s *tokenSet) addAll(keys []countprobe.Key) {
	s.fetch(keys)
	for _, key := range keys {
		s.add(key)
	}
}

func (s *tokenSet) add(key countprobe.Key) {
	for i := s.home(key); ; i++ {
		b := &s.buckets[i&uint64(len(s.buckets)-1)]
		for way, low := range b.low {
			if low == 0 {
				b.low[way], b.high[way] = key.Low, key.High
			}
			if b.low[way] == key.Low && b.high[way]&^passed == key.High {
				return
			}
		}
		b.high[ways-1] |= passed
	}
}

func (s *tokenSet) has(key countprobe.Key) bool { return s.bit(key) != 0 }

// bit is 1 for a key of the set, else 0. All of a bucket is compared at once:
// which of the four it is, or whether any, no CPU can guess.
func (s *tokenSet) bit(key countprobe.Key) (bit uint64) {
	for i := s.home(key); ; i++ {
		b := &s.buckets[i&uint64(len(s.buckets)-1)]
		differ := min(
			(b.low[0]^key.Low)|(b.high[0]^key.High),
			(b.low[1]^key.Low)|(b.high[1]^key.High),
			(b.low[2]^key.Low)|(b.high[2]^key.High),
			(b.low[3]^key.Low)|(b.high[3]&^passed^key.High),
		)
		bit |= 1 - (differ|-differ)>>63
		if b.high[ways-1]&passed == 0 {
			return bit
		}
	}
}

const _ = uint(64 - countcache.Batch) // among has a bit for each

// among tells which spans of text, at most 64, are in the set: bit i is
// spans[i].
func (s *tokenSet) among(text []byte, spans []countcache.Span) (tokens uint64) {
	var keys [fetched]countprobe.Key
	for base := 0; base < len(spans); base += fetched {
		group := spans[base:min(base+fetched, len(spans))]
		for i, span := range group {
			// A longer one has the key of its first bytes.
			keys[i] = countprobe.KeyAt(text, span.Start, min(span.End-span.Start, countprobe.MaxShort))
		}
		s.fetch(keys[:len(group)])
		for i, key := range keys[:len(group)] {
			short := uint64(int64(group[i].End-group[i].Start-countprobe.MaxShort-1)) >> 63
			tokens |= s.bit(key) & short << (base + i)
		}
	}
	return tokens
}
