package spbpe

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/vocab"
)

// findLive returns the live merges in order. A merge (L, R) can happen in some
// text only if it is the last one when the text of L and R alone is merged:
// what stands around the two decides nothing inside them. So a token has one
// live merge if its own text merges to it, namely the last of them, and none
// otherwise.
//
// In Gemma's list some merges come before those that make their parts; so every
// token is merged, for the order of the list to be the only thing that matters.
func findLive(v *vocab.Vocabulary, merges []vocab.Merge) []vocab.Merge {
	ranks := newRankTable(merges)
	character := make([]uint32, 1<<16)
	for i := range character {
		character[i] = noToken
	}
	astral := map[rune]uint32{}
	for i := range v.Tokens.Len() {
		token := v.Tokens.At(uint32(i))
		if r, n := utf8.DecodeRune(token); n != len(token) || n == 0 {
			continue
		} else if r < 1<<16 {
			character[r] = uint32(i)
		} else {
			astral[r] = uint32(i)
		}
	}
	tried := make([]bool, v.Tokens.Len())
	var last []uint32        // ranks of the live merges
	var parts, next []uint32 // next[i] is the rank of parts[i] with parts[i+1]
	for _, x := range merges {
		if tried[x.Product] {
			continue
		}
		tried[x.Product] = true
		parts, next = parts[:0], next[:0]
		known := true
		for text := v.Tokens.At(x.Product); len(text) > 0 && known; {
			r, n := utf8.DecodeRune(text)
			text = text[n:]
			token := noToken
			if r < 1<<16 {
				token = character[r]
			} else if t, ok := astral[r]; ok {
				token = t
			}
			// One with a character that is no token would have to be merged
			// from a token for unknown ones.
			known = token != noToken
			if parts = append(parts, token); len(parts) > 1 {
				next = append(next, ranks.get(parts[len(parts)-2], token))
			}
		}
		for known && len(next) > 0 {
			at, best := 0, next[0]
			for i, rank := range next {
				if rank < best {
					at, best = i, rank
				}
			}
			if best == noRank {
				break
			}
			if len(next) == 1 {
				last = append(last, best)
				break
			}
			parts[at] = merges[best].Product
			parts = slices.Delete(parts, at+1, at+2)
			next = slices.Delete(next, at, at+1)
			if at > 0 {
				next[at-1] = ranks.get(parts[at-1], parts[at])
			}
			if at < len(next) {
				next[at] = ranks.get(parts[at], parts[at+1])
			}
		}
	}
	slices.Sort(last)
	live := make([]vocab.Merge, len(last))
	for i, rank := range last {
		live[i] = merges[rank]
	}
	return live
}

const noToken = uint32(math.MaxUint32)

// rankTable maps pairs of tokens to the rank of their merge: open addressing,
// linear probing, at most half full. An entry is the pair above the rank.
type rankTable struct {
	entries []uint64
	shift   uint8
}

const (
	tokenBits = 21
	rankBits  = 64 - 2*tokenBits
	noRank    = 1<<rankBits - 1 // of a free entry, which is all ones
)

// newRankTable makes a table of the merges; of those of one pair the last holds.
func newRankTable(merges []vocab.Merge) rankTable {
	bits := uint8(1)
	for 1<<bits < 2*len(merges) {
		bits++
	}
	t := rankTable{make([]uint64, 1<<bits), 64 - bits}
	for i := range t.entries {
		t.entries[i] = math.MaxUint64
	}
	for rank, m := range merges {
		e := t.at(m.Left, m.Right)
		*e = uint64(m.Left)<<(64-tokenBits) | uint64(m.Right)<<rankBits | uint64(rank)
	}
	return t
}

// at returns the entry of a pair, free if it has none.
func (t *rankTable) at(left, right uint32) *uint64 {
	pair := uint64(left)<<tokenBits | uint64(right)
	mask := uint64(len(t.entries) - 1)
	for i := pair * hashA >> t.shift; ; i++ {
		e := &t.entries[i&mask]
		if *e>>rankBits == pair || *e == math.MaxUint64 {
			return e
		}
	}
}

// get returns the rank of a pair, or noRank.
func (t *rankTable) get(left, right uint32) uint32 { return uint32(*t.at(left, right) & noRank) }
