package spbpe

import (
	"math"
	"slices"
	"unicode/utf8"
)

// newLive returns the live merges in order. A merge (L, R) can happen in some
// text only if it is the last one when the text of L and R alone is merged:
// what stands around the two decides nothing inside them. So a token has one
// live merge if its own text merges to it, namely the last of them, and none
// otherwise.
func newLive(v *vocab, merges []merge) []merge {
	type made struct{ rank, product uint32 }
	byPair := make(map[[2]uint32]made, len(merges))
	for rank, x := range merges {
		byPair[[2]uint32{x.left, x.right}] = made{uint32(rank), x.product} // the last one holds
	}
	done := make([]bool, len(v.tokens))
	var ranks []uint32
	for _, x := range merges {
		if done[x.product] {
			continue
		}
		done[x.product] = true
		var parts []uint32
		unknown := false
		for _, r := range v.tokens[x.product] {
			id, ok := v.ids[string(r)]
			if !ok {
				unknown = true
				break
			}
			parts = append(parts, id)
		}
		if unknown {
			continue // it would have to be merged from a token for unknown characters
		}
		last := uint32(math.MaxUint32)
		for len(parts) > 1 {
			best, at := made{math.MaxUint32, 0}, 0
			for i := 1; i < len(parts); i++ {
				if m, ok := byPair[[2]uint32{parts[i-1], parts[i]}]; ok && m.rank < best.rank {
					best, at = m, i
				}
			}
			if best.rank == math.MaxUint32 {
				break
			}
			parts[at-1], last = best.product, best.rank
			parts = slices.Delete(parts, at, at+1)
		}
		if len(parts) == 1 && last != math.MaxUint32 {
			ranks = append(ranks, last)
		}
	}
	slices.Sort(ranks)
	live := make([]merge, len(ranks))
	for i, rank := range ranks {
		live[i] = merges[rank]
	}
	return live
}

// cuts tells where a text can be cut between two characters a and b without
// changing how it is merged. The first merge that crosses the cut would be a
// live one whose left side ends with a and whose right side begins with b; so
// where there is none, there is no merge across at all.
//
// Beside a character that the vocabulary does not have, a cut is exact if such
// a character always becomes bytes, which merge with nothing. If not, unknown
// characters around the cut could fuse or vanish: then none is made there.
type cuts struct {
	model    *model
	none     bool // only between words: what a whole word is matters
	ascii    [128 * 128 / 64]uint64
	hashed   []uint64
	hashBits uint8
}

func newCuts(m *model, split bool) *cuts {
	c := &cuts{model: m, none: split && m.whole != nil, hashBits: 20}
	if len(m.junctions) > 1<<15 {
		c.hashBits = 22
	}
	c.hashed = make([]uint64, 1<<c.hashBits/64)
	add := func(a, b rune) {
		if a < utf8.RuneSelf && b < utf8.RuneSelf {
			c.ascii[(a<<7|b)/64] |= 1 << (uint(b) % 64)
			return
		}
		h := c.hash(a, b)
		c.hashed[h/64] |= 1 << (h % 64)
	}
	for _, j := range m.junctions {
		a, b := j[0], j[1]
		add(a, b)
		if a == '▁' {
			add(' ', b)
		}
		if b == '▁' {
			add(a, ' ')
		}
		if a == '▁' && b == '▁' {
			add(' ', ' ')
		}
	}
	return c
}

func (c *cuts) hash(a, b rune) uint64 {
	return (uint64(a)<<21 | uint64(b)) * 0x9E3779B97F4A7C15 >> (64 - c.hashBits)
}

// between tells whether a text can be cut between two characters.
func (c *cuts) between(a, b rune) bool {
	if c.none {
		return false
	}
	if c.model.hasUnknown && (c.model.symbolOf(a) == inert || c.model.symbolOf(b) == inert) {
		return false
	}
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return c.ascii[(a<<7|b)/64]>>(uint(b)%64)&1 == 0
	}
	h := c.hash(a, b)
	return c.hashed[h/64]>>(h%64)&1 == 0
}

// nextPiece returns where the piece of text that begins at i ends. Before is
// the character in front of text[i] if that belongs to the piece, else 0; then
// the piece may have nothing of text.
func (w *worker) nextPiece(text []byte, i int, before rune) int {
	if before == 0 {
		r, n := utf8.DecodeRune(text[i:])
		before, i = r, i+n
	}
	for i < len(text) {
		r, n := utf8.DecodeRune(text[i:])
		if w.split && (r == ' ' || r == '▁') || w.cuts.between(before, r) {
			return i
		}
		before, i = r, i+n
	}
	return i
}
