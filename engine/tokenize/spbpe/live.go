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
			m := tokenMerger{liveFinder: f}
			for token := begin; token < end; token++ {
				if product[token] {
					m.add(v.Tokens.At(uint32(token)))
				}
			}
			m.run()
			found[i] = m.found
		})
	}
	parts.Wait()
	isLive, n := make([]bool, len(merges)), 0
	for _, ranks := range found {
		n += len(ranks)
		for _, rank := range ranks {
			isLive[rank] = true
		}
	}
	live := make([]vocab.Merge, 0, n)
	for rank, x := range merges {
		if isLive[rank] {
			live = append(live, x)
		}
	}
	return live
}

// liveFinder is what merging tokens takes.
type liveFinder struct {
	products []uint32 // of the merges
	ranks    rankTable
	basic    []uint32 // the tokens of the characters below U+10000
	astral   map[rune]uint32
}

func newLiveFinder(v *vocab.Vocabulary, merges []vocab.Merge) *liveFinder {
	f := &liveFinder{make([]uint32, len(merges)), newRankTable(merges), make([]uint32, 1<<16), map[rune]uint32{}}
	for rank, x := range merges {
		f.products[rank] = x.Product
	}
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

// tokenMerger merges the texts of tokens, for one goroutine. Nearly all of the
// time goes into waiting for ranks from far memory; so some tokens are merged at
// once, a step of each in turn, and their ranks are looked up together.
type tokenMerger struct {
	*liveFinder
	tokens [together]text
	n      int // of tokens
	found  []uint32

	pairs []uint64  // to be looked up
	to    []*uint32 // where their ranks go
	first []uint64  // entries where they are looked for first
}

const together = 16

// text is a token's while it is merged.
type text struct {
	parts []uint32
	ranks []uint32 // ranks[i] is that of parts[i] with parts[i+1]
	best  uint32   // of ranks
	at    int      // its place, the leftmost
}

// add takes the text of a token, for which it appends to found the rank of the
// merge by which it becomes one token, now or in run, if it does.
func (m *tokenMerger) add(token []byte) {
	t := &m.tokens[m.n]
	t.parts = t.parts[:0]
	for len(token) > 0 {
		r, n := utf8.DecodeRune(token)
		token = token[n:]
		part := m.tokenOf(r)
		if part == noToken {
			return // a merge would have to be of a token for unknown characters
		}
		t.parts = append(t.parts, part)
	}
	if m.n++; m.n == together {
		m.run()
	}
}

// run merges the texts that were added.
func (m *tokenMerger) run() {
	for i := range m.tokens[:m.n] {
		t := &m.tokens[i]
		n := max(len(t.parts), 1) - 1
		t.ranks = slices.Grow(t.ranks[:0], n)[:n]
		for k := range t.ranks {
			m.ask(t, k)
		}
	}
	m.look()
	for live := m.tokens[:m.n]; len(live) > 0; {
		for i := 0; i < len(live); {
			t := &live[i]
			t.find()
			if t.best != noRank && len(t.ranks) > 1 {
				i++
				continue
			}
			if t.best != noRank {
				m.found = append(m.found, t.best)
			}
			last := len(live) - 1
			live[i], live[last] = live[last], live[i]
			live = live[:last]
		}
		var products [together]uint32
		for i := range live {
			products[i] = m.products[live[i].best]
		}
		for i := range live {
			t := &live[i]
			t.merge(products[i])
			if t.at > 0 {
				m.ask(t, t.at-1)
			}
			if t.at < len(t.ranks) {
				m.ask(t, t.at)
			}
		}
		m.look()
	}
	m.n = 0
}

// find sets best and at.
func (t *text) find() {
	// With the place below: the leftmost of equals is the least.
	least := uint64(noRank) << 32
	for i, rank := range t.ranks {
		least = min(least, uint64(rank)<<32|uint64(i))
	}
	t.best, t.at = uint32(least>>32), int(uint32(least))
}

// merge makes the parts at at one.
func (t *text) merge(product uint32) {
	t.parts[t.at] = product
	for i := t.at + 1; i < len(t.ranks); i++ {
		t.parts[i], t.ranks[i-1] = t.parts[i+1], t.ranks[i]
	}
	t.parts, t.ranks = t.parts[:len(t.parts)-1], t.ranks[:len(t.ranks)-1]
}

// ask has a rank of a text looked up by look. Until then its ranks stay where
// they are.
func (m *tokenMerger) ask(t *text, at int) {
	m.pairs = append(m.pairs, pairOf(t.parts[at], t.parts[at+1]))
	m.to = append(m.to, &t.ranks[at])
}

// look looks up all ranks that were asked for.
func (m *tokenMerger) look() {
	m.first = slices.Grow(m.first[:0], len(m.pairs))[:len(m.pairs)]
	entries, mask := m.ranks.entries, uint64(len(m.ranks.entries)-1)
	for i, pair := range m.pairs {
		m.first[i] = entries[m.ranks.place(pair)&mask]
	}
	for i, pair := range m.pairs {
		e := m.first[i]
		if e>>rankBits != pair && e != math.MaxUint64 {
			e = *m.ranks.at(pair)
		}
		*m.to[i] = uint32(e & noRank)
	}
	m.pairs, m.to = m.pairs[:0], m.to[:0]
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
		pair := pairOf(m.Left, m.Right)
		*t.at(pair) = pair<<rankBits | uint64(rank)
	}
	return t
}

func pairOf(left, right uint32) uint64 { return uint64(left)<<tokenBits | uint64(right) }

// place returns where a pair is looked for first.
func (t *rankTable) place(pair uint64) uint64 { return pair * hashA >> (t.shift & 63) }

// at returns the entry of a pair, free if it has none.
func (t *rankTable) at(pair uint64) *uint64 {
	mask := uint64(len(t.entries) - 1)
	for i := t.place(pair); ; i++ {
		e := &t.entries[i&mask]
		if *e>>rankBits == pair || *e == math.MaxUint64 {
			return e
		}
	}
}
