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
// bit decides. Of equal ones that with the longest last token is taken.
type viterbi struct {
	*model
	ring []place       // by the place in the piece modulo its length, a power of two
	ends [chunk]uint32 // by the byte of a chunk, see matcher.find
}

// chunk is how many bytes of a piece are looked at together.
const chunk = 128

// place is the best spelling of all before a place of the piece.
type place struct {
	score  float64
	tokens int32
	run    int32 // where the run of unknown characters begins that the spelling ends with, -1 if there is none
}

// Scores of two spellings that differ by less than margin may be the other way
// round where they are added to another sum, as type cuts explains; by less than same, it
// does not matter which is taken if all else is equal.
const (
	margin = 1e-6
	same   = 1e-9
)

// count returns the number of tokens of a piece. Close tells that two spellings
// with different numbers were nearly equal, or that the piece is longer than maxPart.
func (v *viterbi) count(piece []byte) (tokens int, close bool) {
	return v.walk(piece, nil)
}

// walk is count that, unless at is nil, also stores the number of tokens of the
// best spelling of all before each place.
func (v *viterbi) walk(piece []byte, at []int32) (tokens int, close bool) {
	if v.ring == nil {
		v.makeRing()
	}
	ring, mask, ends := v.ring, len(v.ring)-1, v.matcher.ends
	last := place{run: -1}
	ring[0] = last
	close = len(piece) > maxPart
	state := uint32(0)
	for begin := 0; begin < len(piece); {
		stop := min(begin+chunk, len(piece))
		if stop < len(piece) {
			for !utf8.RuneStart(piece[stop]) {
				stop--
			}
		}
		state = v.find(v.ends[:], piece[begin:stop], state)
		for start := begin; start < stop; {
			if at != nil {
				at[start] = last.tokens
			}
			size := 1
			if c := piece[start]; c >= utf8.RuneSelf {
				size = runeLen(c)
			}
			end := start + size
			number := v.ends[end-1-begin]
			if number&plainEnd == 0 {
				last, close = v.any(piece, number, &ring[start&mask], start, end, close)
				ring[end&mask] = last
				start = end
				continue
			}
			// There is no branch on which ending is the best one: that is nothing that
			// a CPU guesses well. Scores are not above 0, so that the best has the
			// least bits.
			a := &ends[number&^plainEnd]
			b := &ends[a.next]
			c := &ends[b.next]
			atA, atB, atC := &ring[(end-int(a.size))&mask], &ring[(end-int(b.size))&mask], &ring[(end-int(c.size))&mask]
			scoreA, scoreB, scoreC := math.Float64bits(a.score+atA.score), math.Float64bits(b.score+atB.score), math.Float64bits(c.score+atC.score)
			tokens := atA.tokens
			if scoreB < scoreA {
				tokens = atB.tokens
			}
			best, second := min(scoreA, scoreB), max(scoreA, scoreB)
			if scoreC < best {
				tokens = atC.tokens
			}
			best, second = min(best, scoreC), min(second, max(best, scoreC))
			for next := c.next; next != 0; {
				e := &ends[next]
				at := &ring[(end-int(e.size))&mask]
				score := math.Float64bits(e.score + at.score)
				if score < best {
					tokens = at.tokens
				}
				best, second = min(best, score), min(second, max(best, score))
				next = e.next
			}
			score := math.Float64frombits(best)
			if !close && score-math.Float64frombits(second) < margin {
				last, close = v.any(piece, number&^plainEnd, &ring[start&mask], start, end, close)
			} else {
				last = place{score, tokens + 1, -1}
			}
			ring[end&mask] = last
			start = end
		}
		begin = stop
	}
	if at != nil {
		at[len(piece)] = last.tokens
	}
	return int(last.tokens), close
}

// any is the best place at end wherever it is. Here is the one at start, where the
// last character begins.
func (v *viterbi) any(piece []byte, number uint32, here *place, start, end int, close bool) (best place, _ bool) {
	ring, mask, ends := v.ring, len(v.ring)-1, v.matcher.ends
	best = place{score: math.Inf(-1), run: -1}
	shortest := uint32(0)
	for number != 0 {
		e := &ends[number]
		from := &ring[(end-int(e.size))&mask]
		score := e.score + from.score
		shortest = e.size
		if d := score - best.score; d > -margin {
			next := place{score, from.tokens + 1, -1}
			if number == v.unknown {
				next = v.unknownAfter(piece, from, score, end-int(e.size), end)
			}
			close = close || d < margin && next.differs(&best, d)
			if d > 0 {
				best = next
			}
		}
		number = e.next
	}
	if shortest != uint32(end-start) {
		score := v.penalty + here.score
		if d := score - best.score; d > -margin {
			next := v.unknownAfter(piece, here, score, start, end)
			close = close || d < margin && next.differs(&best, d)
			if d > 0 {
				best = next
			}
		}
	}
	return best, close
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
}

// unknownAfter is the place after piece[start:end] as an unknown token: one with
// those before it.
func (v *viterbi) unknownAfter(piece []byte, from *place, score float64, start, end int) place {
	if from.run < 0 {
		return place{score, from.tokens + v.runTokens(piece[start:end]), int32(start)}
	}
	run := piece[from.run:end]
	return place{score, from.tokens - v.runTokens(run[:start-int(from.run)]) + v.runTokens(run), from.run}
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
