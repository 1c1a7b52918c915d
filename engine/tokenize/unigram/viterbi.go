package unigram

import (
	"math"
	"unicode/utf8"
)

// viterbi finds how many tokens the best spelling of a piece has, for one
// goroutine. Only as many places are remembered as the longest entry of the
// vocabulary reaches back.
//
// The sums are made in the order of Hugging Face, from the beginning of the
// piece: they are rounded, and where two spellings are nearly equal the last
// bit decides.
type viterbi struct {
	*model
	ring []place // by the place in the piece modulo its length, a power of two
}

// place is the best spelling of all before a place of the piece.
type place struct {
	score  float64
	tokens int32 // but for the run of unknown characters that the spelling ends with
	run    int32 // where that begins, -1 if there is none
}

// nowhere is a place before any spelling of what is before it is known.
var nowhere = place{score: math.Inf(-1), run: -1}

// Scores of two spellings that differ by less than margin may be the other way
// round where they are added to another sum, as type cuts explains; by less than same, it does not matter which is taken if all else is equal.
const (
	margin = 1e-6
	same   = 1e-9
)

// count returns the number of tokens of a piece. Close tells that two spellings
// with different numbers were nearly equal.
func (v *viterbi) count(piece []byte) (tokens int, close bool) {
	return v.walk(piece, nil)
}

// walk is count that, unless at is nil, also stores the number of tokens of the
// best spelling of all before each place.
func (v *viterbi) walk(piece []byte, at []int32) (tokens int, close bool) {
	if v.ring == nil {
		v.makeRing()
	}
	ring, mask := v.ring, len(v.ring)-1
	nodes, unknown := v.nodes, v.unknown
	root := nodes[0].Base()
	ring[0] = place{run: -1}
	for start := 0; start < len(piece); {
		here := ring[start&mask]
		ring[start&mask] = nowhere
		tokens := here.tokens // with the run
		if here.run >= 0 {
			tokens += v.runTokens(piece[here.run:start])
		}
		if at != nil {
			at[start] = tokens
		}
		size := 1
		if c := piece[start]; c >= utf8.RuneSelf {
			size = runeLen(c)
		}
		single := false
		state, base := uint32(0), root
		for i, c := range piece[start:] {
			child := base ^ uint32(c)
			node := &nodes[child]
			if node.Parent() != state {
				break
			}
			state, base = child, node.Base()
			if !node.Ends() {
				continue
			}
			single = single || i+1 == size
			target := &ring[(start+i+1)&mask]
			score := node.score + here.score
			d := score - target.score
			if d <= -margin {
				continue
			}
			next := place{score, tokens + 1, -1}
			if state == unknown {
				next = here.unknownAfter(score, tokens, start)
			}
			close = close || d < margin && next.differs(target, d)
			if d > 0 {
				*target = next
			}
		}
		if !single {
			target := &ring[(start+size)&mask]
			score := v.penalty + here.score
			if d := score - target.score; d > -margin {
				next := here.unknownAfter(score, tokens, start)
				close = close || d < margin && next.differs(target, d)
				if d > 0 {
					*target = next
				}
			}
		}
		start += size
	}
	end := ring[len(piece)&mask]
	ring[len(piece)&mask] = nowhere
	if end.run >= 0 {
		end.tokens += v.runTokens(piece[end.run:])
	}
	if at != nil {
		at[len(piece)] = end.tokens
	}
	return int(end.tokens), close
}

// differs tells that it matters which of two places is taken whose scores
// differ by d, less than margin.
func (p place) differs(q *place, d float64) bool {
	return p.tokens != q.tokens || p.run != q.run || d > same || d < -same
}

func (v *viterbi) makeRing() {
	size := 8
	for size <= max(v.longest, utf8.UTFMax) {
		size *= 2
	}
	v.ring = make([]place, size)
	for i := range v.ring {
		v.ring[i] = nowhere
	}
}

// unknownAfter is the place after an unknown token: one with those before it.
// tokens are those of here, with the run.
func (here place) unknownAfter(score float64, tokens int32, start int) place {
	if here.run >= 0 {
		return place{score, here.tokens, here.run}
	}
	return place{score, tokens, int32(start)}
}

// runTokens returns the number of tokens of a run of unknown characters.
func (v *viterbi) runTokens(run []byte) int32 {
	if !v.bytes || len(run) <= v.longest && v.isPiece(run) {
		return 1
	}
	return int32(len(run))
}

func (m *model) isPiece(text []byte) bool {
	state := uint32(0)
	for _, c := range text {
		child := m.nodes[state].Base() ^ uint32(c)
		if m.nodes[child].Parent() != state {
			return false
		}
		state = child
	}
	return m.nodes[state].Ends()
}

// runeLen returns the length of a character from its first byte.
func runeLen(c byte) int {
	switch {
	case c < 0xE0:
		return 2
	case c < 0xF0:
		return 3
	}
	return 4
}
