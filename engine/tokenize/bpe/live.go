package bpe

import (
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/vocab"
)

// A symbol is a byte (0 to 255) or, from firstMerged on, what a live merge
// makes: the symbols of live merges are numbered in the order of their ranks,
// so that a symbol is also the priority of the merge that makes it.
type symbol = uint32

const firstMerged symbol = 256

// liveMerges are those merges of a list that can ever be made in some text.
//
// A merge (L, R) can be made only if it is the last when the bytes of L and R
// alone are merged: up to that moment nothing has crossed the ends of the two,
// so the rest of the text played no part. Every token that merging can reach
// has therefore exactly one live merge, and the others change no count.
type liveMerges struct {
	halves []halves // of symbol firstMerged+i
}

type halves struct{ left, right symbol }

// findLive finds the live merges. The second result is the symbol of every token,
// dead for one that merging cannot reach.
//
// In a list where parts come before what is made of them, as training gives
// it, merging makes merges in the order of their ranks. Then (L, R) is live if
// no live merge crosses the junction of the two on the way there, which
// undoing both, the later first, shows in a few steps (compare "valid token
// pairs" in github/rust-gems, crate bpe). Other lists are merged token by token.
func findLive(merges []vocab.Merge, spellings *vocab.Arena) (*liveMerges, []symbol) {
	symbols := byteSymbols(spellings)
	live := &liveMerges{}
	made := newPairMap(spellings.Len())
	var passed []vocab.Merge // with a part that was out of reach
	repeated := repeatedPairs(merges)
	for rank, m := range merges {
		if last, ok := repeated[pairOf(m.Left, m.Right)]; ok && last != rank {
			continue // the last of equal pairs holds
		}
		if symbols[m.Product] != dead {
			continue
		}
		left, right := symbols[m.Left], symbols[m.Right]
		if left == dead || right == dead {
			passed = append(passed, m)
			continue
		}
		if live.crossed(made, left, right) {
			continue
		}
		id := firstMerged + symbol(len(live.halves))
		symbols[m.Product] = id
		live.halves = append(live.halves, halves{left, right})
		made.set(left, right, id)
	}
	for _, m := range passed {
		// The first such merge to be made in some text would find its parts
		// made by those above, and what it makes not made without it.
		left, right, merged := symbols[m.Left], symbols[m.Right], symbols[m.Product]
		if left != dead && right != dead && max(left, right) < merged && !live.crossed(made, left, right) {
			return findLiveSlowly(merges, spellings)
		}
	}
	return live, symbols
}

const dead = ^symbol(0)

// byteSymbols returns the symbols of the tokens before any merge.
func byteSymbols(spellings *vocab.Arena) []symbol {
	symbols := make([]symbol, spellings.Len())
	for i := range symbols {
		symbols[i] = dead
		if s := spellings.At(uint32(i)); len(s) == 1 {
			symbols[i] = symbol(s[0])
		}
	}
	return symbols
}

// crossed reports whether a merge in made crosses the junction of left and
// right before both are made of their bytes.
func (l *liveMerges) crossed(made *pairMap, left, right symbol) bool {
	limit := dead // the merges before this one have been made at the time looked at
	for {
		if id := made.get(left, right); id < limit {
			return true
		}
		switch {
		case left > right && left >= firstMerged:
			limit = left
			left = l.halves[left-firstMerged].right
		case right >= firstMerged:
			limit = right + 1 // of equal merges the left one is made first
			right = l.halves[right-firstMerged].left
		default:
			return false
		}
	}
}

// findLiveSlowly is findLive for a list in any order: it merges the bytes of
// every token and looks which merge was the last.
func findLiveSlowly(merges []vocab.Merge, spellings *vocab.Arena) (*liveMerges, []symbol) {
	symbols := byteSymbols(spellings)
	ranks := newPairMap(len(merges)) // rank+1, of the last of equal pairs
	for rank, m := range merges {
		ranks.set(m.Left, m.Right, uint32(rank+1))
	}
	var bytes [256]uint32 // a byte that is no token has no merge either
	for b := range bytes {
		bytes[b] = dead
	}
	for token, s := range symbols {
		if s != dead {
			bytes[s] = uint32(token)
		}
	}
	tried := make([]bool, len(symbols))
	var last []uint32 // rank+1 of the live merges
	var parts, made []uint32
	for _, m := range merges {
		if tried[m.Product] {
			continue
		}
		tried[m.Product] = true
		parts, made = parts[:0], made[:0] // made[i]: by parts[i] and the next
		for i, b := range spellings.At(m.Product) {
			parts = append(parts, bytes[b])
			if i > 0 {
				made = append(made, ranks.get(parts[i-1], parts[i]))
			}
		}
		for len(made) > 0 {
			best := slices.Min(made)
			if best == dead {
				break
			}
			at := slices.Index(made, best)
			parts[at] = merges[best-1].Product
			parts = slices.Delete(parts, at+1, at+2)
			made = slices.Delete(made, at, at+1)
			if at > 0 {
				made[at-1] = ranks.get(parts[at-1], parts[at])
			}
			if at < len(made) {
				made[at] = ranks.get(parts[at], parts[at+1])
			}
			if len(made) == 0 {
				last = append(last, best)
			}
		}
	}
	slices.Sort(last)
	for i, best := range last {
		symbols[merges[best-1].Product] = firstMerged + symbol(i)
	}
	live := &liveMerges{}
	for _, best := range last {
		m := merges[best-1]
		live.halves = append(live.halves, halves{symbols[m.Left], symbols[m.Right]})
	}
	return live, symbols
}

func pairOf(left, right uint32) uint64 { return uint64(left)<<32 | uint64(right) }

// repeatedPairs returns the last rank of every pair that the list has more
// than once. Most lists have none: a filter keeps the map small.
func repeatedPairs(merges []vocab.Merge) map[uint64]int {
	const filterBits = 24
	filter := make([]uint64, 1<<filterBits/64)
	maybe := map[uint64]int{}
	for _, m := range merges {
		h := hashPair(m.Left, m.Right) >> (64 - filterBits)
		if filter[h/64]>>(h%64)&1 != 0 {
			maybe[pairOf(m.Left, m.Right)] = -1
		}
		filter[h/64] |= 1 << (h % 64)
	}
	if len(maybe) == 0 {
		return nil
	}
	times := map[uint64]int{}
	for rank, m := range merges {
		if _, ok := maybe[pairOf(m.Left, m.Right)]; ok {
			maybe[pairOf(m.Left, m.Right)] = rank
			times[pairOf(m.Left, m.Right)]++
		}
	}
	for pair, n := range times {
		if n == 1 {
			delete(maybe, pair)
		}
	}
	return maybe
}

func hashPair(left, right uint32) uint64 {
	h := pairOf(left, right) * 0x9E3779B97F4A7C15
	h ^= h >> 29
	return h * 0xBF58476D1CE4E5B9
}

// pairMap maps pairs to numbers from 1: open addressing, linear probing,
// at most half full.
type pairMap struct {
	entries []pairEntry
	shift   uint8
}

type pairEntry struct {
	pair uint64
	id   symbol // 0 marks a free entry
}

func newPairMap(n int) *pairMap {
	bits := uint8(1)
	for 1<<bits < 2*n {
		bits++
	}
	return &pairMap{make([]pairEntry, 1<<bits), 64 - bits}
}

func (t *pairMap) at(left, right symbol) *pairEntry {
	pair := pairOf(left, right)
	for i := hashPair(left, right) >> t.shift; ; i++ {
		e := &t.entries[i&uint64(len(t.entries)-1)]
		if e.pair == pair || e.id == 0 {
			return e
		}
	}
}

func (t *pairMap) set(left, right, id symbol) {
	*t.at(left, right) = pairEntry{pairOf(left, right), id}
}

// get returns the symbol that the pair makes, or dead.
func (t *pairMap) get(left, right symbol) symbol {
	if e := t.at(left, right); e.id != 0 {
		return e.id
	}
	return dead
}
