package spbpe

import (
	"math"
	"runtime"
	"slices"
	"sync"
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
	f := newLiveFinder(v, merges)
	product := make([]bool, v.Tokens.Len())
	for _, x := range merges {
		product[x.Product] = true
	}
	// Tokens have nothing to do with each other: every processor takes a part.
	const fewest = 4096
	found := make([][]uint32, min(runtime.GOMAXPROCS(0), len(product)/fewest+1)) // ranks, by part
	var parts sync.WaitGroup
	for i := range found {
		begin, end := len(product)*i/len(found), len(product)*(i+1)/len(found)
		parts.Go(func() {
			var m tokenMerger
			for token := begin; token < end; token++ {
				if product[token] {
					if rank := m.last(f, v.Tokens.At(uint32(token))); rank != noRank {
						found[i] = append(found[i], rank)
					}
				}
			}
		})
	}
	parts.Wait()
	last := slices.Concat(found...)
	slices.Sort(last)
	live := make([]vocab.Merge, len(last))
	for i, rank := range last {
		live[i] = merges[rank]
	}
	return live
}

// liveFinder is what merging tokens takes.
type liveFinder struct {
	merges []vocab.Merge
	ranks  rankTable
	basic  []uint32 // the tokens of the characters below U+10000
	astral map[rune]uint32
}

func newLiveFinder(v *vocab.Vocabulary, merges []vocab.Merge) *liveFinder {
	f := &liveFinder{merges, newRankTable(merges), make([]uint32, 1<<16), map[rune]uint32{}}
	for i := range f.basic {
		f.basic[i] = noToken
	}
	for i := range v.Tokens.Len() {
		token := v.Tokens.At(uint32(i))
		if r, n := utf8.DecodeRune(token); n != len(token) || n == 0 {
			continue
		} else if r < 1<<16 {
			f.basic[r] = uint32(i)
		} else {
			f.astral[r] = uint32(i)
		}
	}
	return f
}

// tokenOf returns the token of a character, or noToken.
func (f *liveFinder) tokenOf(r rune) uint32 {
	if r < 1<<16 {
		return f.basic[r]
	}
	if token, ok := f.astral[r]; ok {
		return token
	}
	return noToken
}

// tokenMerger merges the texts of tokens, for one goroutine.
type tokenMerger struct {
	parts []uint32
	ranks []uint32 // ranks[i] is that of parts[i] with parts[i+1]
}

// last returns the rank of the merge by which text becomes one token, or noRank
// if it does not.
func (m *tokenMerger) last(f *liveFinder, text []byte) uint32 {
	parts, ranks := m.parts[:0], m.ranks[:0]
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		token := f.tokenOf(r)
		if token == noToken {
			// A merge would have to be of a token for unknown characters.
			return noRank
		}
		if parts = append(parts, token); len(parts) > 1 {
			ranks = append(ranks, f.ranks.get(parts[len(parts)-2], token))
		}
	}
	m.parts, m.ranks = parts, ranks
	for len(ranks) > 0 {
		// With the place below: the leftmost of equals is the least.
		least := uint64(math.MaxUint64)
		for i, rank := range ranks {
			least = min(least, uint64(rank)<<32|uint64(i))
		}
		best, at := uint32(least>>32), int(uint32(least))
		if best == noRank || len(ranks) == 1 {
			return best
		}
		parts[at] = f.merges[best].Product
		for i := at + 1; i < len(ranks); i++ {
			parts[i], ranks[i-1] = parts[i+1], ranks[i]
		}
		parts, ranks = parts[:len(parts)-1], ranks[:len(ranks)-1]
		if at > 0 {
			ranks[at-1] = f.ranks.get(parts[at-1], parts[at])
		}
		if at < len(ranks) {
			ranks[at] = f.ranks.get(parts[at], parts[at+1])
		}
	}
	return noRank
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
