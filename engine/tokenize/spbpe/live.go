package spbpe

import (
	"math"
	"slices"
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
