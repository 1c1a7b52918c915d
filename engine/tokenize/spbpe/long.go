package spbpe

import (
	"math"
	"math/bits"
	"slices"
)

// Pieces with more than maxShort symbols are merged in windows that fit the first
// caches, so that the memory is bounded and the time linear.
//
// Windows are joined by a property of BPE: a row of tokens is what a text
// merges to if every two neighbours are what the two of them alone merge to
// (before a first merge across some junction nothing else has touched the two
// beside it, so it would be made with those two alone as well; and what merging
// leaves side by side has been crossed by nothing). A window therefore begins
// where a token t of the window before began, and if its own first token is t
// again, the tokens of the one window up to t and those of the other from t on
// are neighbours that have been side by side, all of them. If it is not, the
// next window begins earlier, and at last the window is made larger.
const window = 512 // symbols; an eighth of it is longer than nearly all tokens

// longMerge counts the tokens of a piece of any length.
type longMerge struct {
	source  []symbol   // the characters of the window and beyond
	symbols []symbol   // of the window, by the place where they begin
	levels  [][]uint64 // levels[0]: symbol<<32 | place of pairs; each further one the least of eight
	begin   []uint64   // bit i: a symbol begins at i
	merged  []symbol   // the characters of the window that begin and symbols are the result of
}

const noPair = math.MaxUint64

// count returns the number of tokens of a piece, with a marker in front if
// lead.
func (w *longMerge) count(m *model, lead bool, piece []byte) int {
	n := w.windows(m, &reader{model: m, lead: lead, rest: piece}, window)
	if cap(w.source) > 64*window { // a strange text
		*w = longMerge{}
	}
	return n
}

// windows counts in windows of size symbols or more.
func (w *longMerge) windows(m *model, r *reader, size int) (n int) {
	w.source, w.merged = w.source[:0], w.merged[:0]
	for {
		whole := w.fill(r, size)
		w.run(m, w.source[:min(size, len(w.source))])
		if whole {
			return n + w.tokens(len(w.source))
		}
		joined := false
		for back := size / 8; back < size/2; back *= 2 {
			// t is the first token from there on.
			t := w.next(size - back)
			if t >= size {
				break
			}
			length := min(w.next(t+1), size) - t
			before := w.tokens(t)
			w.fill(r, t+size)
			w.run(m, w.source[t:min(t+size, len(w.source))])
			if joined = min(w.next(1), len(w.symbols)) == length; joined {
				n += before
				w.source = slices.Delete(w.source, 0, t)
				break
			}
			w.run(m, w.source[:size])
		}
		if !joined {
			size *= 2
		}
	}
}

// fill reads until there are more than n symbols in source; true if they end
// before.
func (w *longMerge) fill(r *reader, n int) bool {
	more := true
	for len(w.source) <= n && more {
		w.source, more = r.next(w.source)
	}
	return len(w.source) <= n
}

// tokens counts those that begin before a place.
func (w *longMerge) tokens(place int) (n int) {
	for _, word := range w.begin[:place/64] {
		n += bits.OnesCount64(word)
	}
	if place%64 != 0 {
		n += bits.OnesCount64(w.begin[place/64] & (1<<(place%64) - 1))
	}
	return n
}

// next returns where the first token at place or after it begins, or a place
// past the end.
func (w *longMerge) next(place int) int {
	i := place / 64
	if i >= len(w.begin) {
		return math.MaxInt
	}
	word := w.begin[i] >> (place % 64) << (place % 64)
	for word == 0 {
		if i++; i == len(w.begin) {
			return math.MaxInt
		}
		word = w.begin[i]
	}
	return i*64 + bits.TrailingZeros64(word)
}

// previous returns where the last token before place begins, or -1.
func (w *longMerge) previous(place int) int {
	i := place / 64
	word := w.begin[i] & (1<<(place%64) - 1)
	for word == 0 {
		if i--; i < 0 {
			return -1
		}
		word = w.begin[i]
	}
	return i*64 + 63 - bits.LeadingZeros64(word)
}

// run merges one window. That of a text that repeats itself is often the one
// before again.
func (w *longMerge) run(m *model, source []symbol) {
	if slices.Equal(w.merged, source) {
		return
	}
	w.merged = append(w.merged[:0], source...)
	w.start(m, source)
	top := w.levels[len(w.levels)-1]
	for {
		best := uint64(noPair)
		for _, v := range top {
			best = min(best, v)
		}
		if best >= uint64(none)<<32 {
			return
		}
		w.merge(m, best)
	}
}

func (w *longMerge) start(m *model, source []symbol) {
	n := len(source)
	w.symbols = append(w.symbols[:0], source...)
	w.begin = resize(w.begin, n/64+1)
	for i := range w.begin {
		w.begin[i] = math.MaxUint64
	}
	w.begin[n/64] = 1<<(n%64) - 1
	w.levels = resize(w.levels, 1)
	w.levels[0] = resize(w.levels[0], (n+7)&^7)
	pairs := w.levels[0]
	for i := range pairs {
		pairs[i] = noPair
		if i+1 < n {
			pairs[i] = uint64(m.pairs.getFiltered(source[i], source[i+1]))<<32 | uint64(i)
		}
	}
	for level := 0; len(w.levels[level]) > 8; level++ {
		below := w.levels[level]
		if level+1 == len(w.levels) {
			w.levels = resize(w.levels, level+2)
		}
		w.levels[level+1] = resize(w.levels[level+1], (len(below)/8+7)&^7)
		here := w.levels[level+1]
		for i := range here {
			here[i] = noPair
		}
		for i := range len(below) / 8 {
			here[i] = least(below, i)
		}
	}
}

// resize returns s with n elements, whatever they are.
func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}

// least returns the smallest of the i-th eight of a level.
func least(level []uint64, i int) uint64 {
	p := (*[8]uint64)(level[i*8:])
	return min(min(min(p[0], p[1]), min(p[2], p[3])), min(min(p[4], p[5]), min(p[6], p[7])))
}

// merge makes the merge that is best.
func (w *longMerge) merge(m *model, best uint64) {
	at, id := int(uint32(best)), symbol(best>>32)
	next := w.next(at + 1)
	w.symbols[at] = id
	w.begin[next/64] &^= 1 << (next % 64)
	w.set(next, none)
	made := none
	if after := w.next(next + 1); after < len(w.symbols) {
		made = m.pairs.getFiltered(id, w.symbols[after])
	}
	w.set(at, made)
	if before := w.previous(at); before >= 0 {
		w.set(before, m.pairs.getFiltered(w.symbols[before], id))
	}
}

// set gives the symbol at a place what it makes with the next.
func (w *longMerge) set(place int, made symbol) {
	w.levels[0][place] = uint64(made)<<32 | uint64(place)
	for level := range len(w.levels) - 1 {
		v := least(w.levels[level], place/8)
		place /= 8
		if w.levels[level+1][place] == v {
			return
		}
		w.levels[level+1][place] = v
	}
}
