package bpe

import (
	"bytes"
	"math/bits"

	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// longLanes counts long texts in windows of Long bytes, many at a time, which
// overlap. Where two that follow each other have a token in common they are
// joined there, as windows of a longMerge are: all neighbours in the row of the
// tokens of the one up to it and those of the other from it on have been side
// by side in one of them.
type longLanes struct {
	groups [laneGroups]pairmerge.Group
	text   [pairmerge.Lanes][pairmerge.Long]byte
	size   [pairmerge.Lanes]uint32
	window longMerge // where windows in lanes do not join
}

const (
	laneGroups  = 4
	laneWindows = laneGroups * pairmerge.Lanes
	// laneStep is how far a window is behind the one before. The rest of a window
	// is also the beginning of the next one.
	laneStep    = 16
	laneOverlap = pairmerge.Long - laneStep
	// laneSpan is the bytes that the windows have together.
	laneSpan = laneStep*(laneWindows-1) + pairmerge.Long
	// mostSkipped bounds how many long windows come before lanes are tried again.
	mostSkipped = 64
)

// countLongInLanes is countLong.
func (g *merger) countLongInLanes(text []byte) int {
	if g.long == nil {
		g.long = new(longLanes)
		for i := range g.long.size {
			g.long.size[i] = pairmerge.Long
		}
	}
	if n, ok := g.long.count(g.model, g.lanes.tables, text); ok {
		return n
	}
	return g.countLong(text)
}

// joint is where a row of tokens goes on: n of them come before that at from,
// which has so many bytes, or 0 if nothing is known of it.
type joint struct{ n, from, length int }

// count is not ok where windows do not join.
func (l *longLanes) count(m *model, tables *pairmerge.Tables, text []byte) (n int, ok bool) {
	l.window.done = nil
	defer func() { l.window.done = nil }() // text is the caller's
	var at, before joint
	skip, again := 4, 1 // the first windows tell of a text that repeats itself
	for at.from < len(text) {
		if skip == 0 && len(text)-at.from >= laneSpan {
			last := at
			at = l.joined(m, tables, text, at)
			if at.from-last.from > laneSpan/2 {
				before, again = last, 1
				continue
			}
			skip = again
			again = min(2*again, mostSkipped)
		}
		done := l.window.done
		next, ok := l.oneWindow(m, text, at, window)
		if !ok { // more of the text changes the token at at
			next, ok = l.oneWindow(m, text, before, 2*(at.from-before.from)+window)
		}
		if !ok || next.from < at.from { // its last token alone is longer than all since at
			return 0, false
		}
		before, at = at, next
		if !bytes.Equal(done, l.window.done) { // else it costs next to nothing
			skip = max(skip-1, 0)
		}
	}
	return at.n, true
}

// run merges a window; it is not ok if it does not begin with a token of length
// bytes.
func (l *longLanes) run(m *model, text []byte, length int) (ok bool) {
	l.window.run(m, text)
	return length == 0 || l.window.firstIs(length)
}

// oneWindow goes on by a window of a longMerge of size bytes, or larger where
// a long token is at its end. It is not ok if it does not join.
func (l *longLanes) oneWindow(m *model, text []byte, at joint, size int) (_ joint, ok bool) {
	text = text[at.from:]
	for ; ; size *= 2 {
		size = min(size, len(text))
		if !l.run(m, text[:size], at.length) {
			return at, false
		}
		if size == len(text) {
			return joint{n: at.n + l.window.tree.Count(size), from: at.from + size}, true
		}
		for back := window / 8; back < size; back *= 2 {
			// t is the first token from there on.
			if t := l.window.tree.Next(size - back); 0 < t && t < size {
				length := min(l.window.tree.Next(t+1), size) - t
				return joint{at.n + l.window.tree.Count(t), at.from + t, length}, true
			}
		}
	}
}

// joined goes on by the windows in lanes, up to the first that does not join.
func (l *longLanes) joined(m *model, tables *pairmerge.Tables, text []byte, at joint) joint {
	for i := range l.groups {
		for lane := range l.text {
			l.text[lane] = [pairmerge.Long]byte(text[at.from+(i*pairmerge.Lanes+lane)*laneStep:])
		}
		l.groups[i].StartBytes(tables, &l.text, &l.size, pairmerge.Long)
	}
	pairmerge.Run(l.groups[:], tables, pairmerge.Long)

	left, ok := l.groups[0].Begins(0)
	if !ok || at.length != 0 && endOf(left, 0) != at.length {
		return at
	}
	round := at.from
	for k := 1; k < laneWindows; k++ {
		right, ok := l.groups[k/pairmerge.Lanes].Begins(k % pairmerge.Lanes)
		begin := round + k*laneStep
		done := at.from + laneStep - begin // of the left window
		place, length := 0, 0
		if ok {
			place, length = commonToken(left>>laneStep, right, max(0, done-laneStep))
		}
		if length > 0 {
			at.n += bits.OnesCount32(left & (1<<(laneStep+place) - 1<<done))
			at.from, at.length = begin+place, length
			left = right
		} else if at, k, ok = l.bridge(m, text, at, round, k); ok {
			left, _ = l.groups[k/pairmerge.Lanes].Begins(k % pairmerge.Lanes)
		} else {
			break
		}
	}
	return at
}

// bridgeBytes is how long the window is that stands in for some in lanes.
const bridgeBytes = 3 * pairmerge.Long

// bridge goes on by a window of a longMerge to the first window in lanes, from
// the k-th on, that this has a token in common with. The first one of all begins
// at round.
func (l *longLanes) bridge(m *model, text []byte, at joint, round, k int) (_ joint, to int, ok bool) {
	text = text[at.from:]
	if len(text) < bridgeBytes || !l.run(m, text[:bridgeBytes], at.length) {
		return at, k, false
	}
	for ; k < laneWindows; k++ {
		begin := round + k*laneStep - at.from // in the window
		if begin+pairmerge.Long > bridgeBytes {
			break
		}
		begins, ok := l.groups[k/pairmerge.Lanes].Begins(k % pairmerge.Lanes)
		if begin < 0 || !ok {
			continue
		}
		for rest := begins; rest != 0; rest &= rest - 1 {
			place := bits.TrailingZeros32(rest)
			length := endOf(begins, place) - place
			t := begin + place
			if l.window.tree.Next(t) == t && min(l.window.tree.Next(t+1), bridgeBytes) == t+length {
				return joint{at.n + l.window.tree.Count(t), at.from + t, length}, k, true
			}
		}
	}
	return at, k, false
}

// endOf returns where the token at a place ends, of those of a window.
func endOf(begins uint32, place int) int {
	if rest := begins >> place >> 1; rest != 0 {
		return place + 1 + bits.TrailingZeros32(rest)
	}
	return pairmerge.Long
}

// commonToken returns the place, from or behind it, and the length of the first
// token that two windows have in common, of which a has laneOverlap bytes; a
// length of 0 if there is none.
func commonToken(a, b uint32, from int) (place, length int) {
	a |= 1 << laneOverlap
	differ := a ^ b
	both := a & b & (2<<laneOverlap - 1<<from)
	for both != 0 {
		place = bits.TrailingZeros32(both)
		if both &= both - 1; both == 0 {
			break
		}
		end := bits.TrailingZeros32(both)
		if differ&(1<<end-1<<place) == 0 {
			return place, end - place
		}
	}
	return 0, 0
}
