package bpe

import (
	"bytes"
	"math"
	"math/bits"
)

// Texts too long for shortMerge are merged in windows that fit the first cache,
// so that the memory is bounded and the time linear.
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
const window = 512 // bytes; an eighth of it is longer than nearly all tokens

// countLong is merge for a text of any length.
func (m *model) countLong(text []byte) int {
	w, _ := m.windows.Get().(*longMerge)
	if w == nil {
		w = new(longMerge)
	}
	n := w.count(m, text, window)
	if cap(w.symbols) <= 128*window {
		m.windows.Put(w)
	}
	return n
}

// longMerge is shortMerge for more bytes, with a tree of least pairs.
type longMerge struct {
	symbols []symbol   // by the place where they begin
	levels  [][]uint64 // levels[0]: symbol<<32 | place of pairs; each further one the least of eight
	begin   []uint64   // bit i: a symbol begins at i
	done    []byte     // what has been merged
}

const noPair = math.MaxUint64

// count counts in windows of size bytes or more.
func (w *longMerge) count(m *model, text []byte, size int) (n int) {
	w.done = nil
	defer func() { w.done = nil }() // text is the caller's
	w.run(m, text[:min(size, len(text))])
	for from := 0; ; {
		end := min(from+size, len(text))
		if end == len(text) {
			return n + w.tokens(end-from)
		}
		joined := false
		for back := size / 8; back < size/2 && !joined; back *= 2 {
			// t is the first token from there on.
			t := w.next(size - back)
			if t >= size {
				break
			}
			length := min(w.next(t+1), size) - t
			before := w.tokens(t)
			w.run(m, text[from+t:min(from+t+size, len(text))])
			if joined = w.next(1) == length; joined {
				n += before
				from += t
				break
			}
			w.run(m, text[from:end])
		}
		if !joined {
			size *= 2
			w.run(m, text[from:min(from+size, len(text))])
		}
	}
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

// run merges one window; one like the last, as in a text that repeats itself,
// has been merged already.
func (w *longMerge) run(m *model, text []byte) {
	if bytes.Equal(text, w.done) {
		return
	}
	w.done = text
	w.start(m, text)
	none := uint64(m.pairs.none()) << 32
	top := w.levels[len(w.levels)-1]
	for {
		best := uint64(noPair)
		for _, v := range top {
			best = min(best, v)
		}
		if best >= none {
			return
		}
		w.merge(m, best)
	}
}

func (w *longMerge) start(m *model, text []byte) {
	n := len(text)
	w.symbols = resize(w.symbols, n)
	w.begin = resize(w.begin, n/64+1)
	for i := range w.begin {
		w.begin[i] = math.MaxUint64
	}
	w.begin[n/64] = 1<<(n%64) - 1
	w.levels = resize(w.levels, 1)
	w.levels[0] = resize(w.levels[0], (n+7)&^7)
	pairs := w.levels[0]
	left := symbol(text[0])
	w.symbols[0] = left
	for i := 1; i < n; i++ {
		right := symbol(text[i])
		w.symbols[i] = right
		pairs[i-1] = uint64(m.bytes[right<<8|left])<<32 | uint64(i-1)
		left = right
	}
	for i := n - 1; i < len(pairs); i++ {
		pairs[i] = noPair
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
	if !m.pairs.makes(id, w.symbols[at], w.symbols[next]) {
		made := m.pairs.exact(w.symbols[at], w.symbols[next])
		w.levels[0][at] = uint64(made)<<32 | uint64(at)
		w.renew(at)
		return
	}
	w.symbols[at] = id
	w.begin[next/64] &^= 1 << (next % 64)
	pairs := w.levels[0]
	pairs[next], pairs[at] = noPair, noPair
	if after := w.next(next + 1); after < len(w.symbols) {
		pairs[at] = uint64(m.pairs.find(id, w.symbols[after]))<<32 | uint64(at)
	}
	if before := w.previous(at); before >= 0 {
		pairs[before] = uint64(m.pairs.find(w.symbols[before], id))<<32 | uint64(before)
		if before/8 != at/8 {
			w.renew(before)
		}
	}
	w.renew(at)
	if next/8 != at/8 {
		w.renew(next)
	}
}

// renew finds the least of the pairs around a place anew.
func (w *longMerge) renew(place int) {
	for level := range len(w.levels) - 1 {
		v := least(w.levels[level], place/8)
		place /= 8
		if w.levels[level+1][place] == v {
			return
		}
		w.levels[level+1][place] = v
	}
}
