package unigram

import "unicode/utf8"

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
	score   float64
	tokens  int32 // but for the run of unknown characters that the spelling ends with
	run     int32 // where that begins
	reached reached
}

type reached uint8

const (
	byNothing reached = iota // no spelling found yet
	byPiece
	byUnknown
)

// count returns the number of tokens of a piece.
func (v *viterbi) count(piece []byte) int {
	if v.ring == nil {
		size := 8
		for size <= max(v.longest, utf8.UTFMax) {
			size *= 2
		}
		v.ring = make([]place, size)
	}
	mask := len(v.ring) - 1
	nodes, values := v.pieces.Nodes, v.pieces.Values
	v.ring[0] = place{reached: byPiece}
	for start := 0; start < len(piece); {
		here := v.ring[start&mask]
		v.ring[start&mask] = place{}
		closed := here
		if here.reached == byUnknown {
			closed.tokens += v.runTokens(piece[here.run:start])
		}
		size := 1
		if c := piece[start]; c >= utf8.RuneSelf {
			size = runeLen(c)
		}
		single := false
		state := uint32(0)
		for i := start; i < len(piece); i++ {
			next, ok := v.pieces.Next(state, piece[i])
			if !ok {
				break
			}
			state = next
			if !nodes[state].Ends() {
				continue
			}
			n := values[state]
			single = single || i+1-start == size
			target := &v.ring[(i+1)&mask]
			score := v.scores[n] + here.score
			if target.reached != byNothing && score <= target.score {
				continue
			}
			if int(n) == v.unknown {
				*target = v.unknownAfter(here, closed, start, score)
			} else {
				*target = place{score, closed.tokens + 1, 0, byPiece}
			}
		}
		if !single {
			target := &v.ring[(start+size)&mask]
			if score := v.penalty + here.score; target.reached == byNothing || score > target.score {
				*target = v.unknownAfter(here, closed, start, score)
			}
		}
		start += size
	}
	end := v.ring[len(piece)&mask]
	v.ring[len(piece)&mask] = place{}
	if end.reached == byUnknown {
		end.tokens += v.runTokens(piece[end.run:])
	}
	return int(end.tokens)
}

// unknownAfter is the place after an unknown token: one with those before it.
func (v *viterbi) unknownAfter(here, closed place, start int, score float64) place {
	if here.reached == byUnknown {
		return place{score, here.tokens, here.run, byUnknown}
	}
	return place{score, closed.tokens, int32(start), byUnknown}
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
		var ok bool
		if state, ok = m.pieces.Next(state, c); !ok {
			return false
		}
	}
	return m.pieces.Nodes[state].Ends()
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
