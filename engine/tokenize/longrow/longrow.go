// Package longrow counts what byte-pair encoding makes of long rows of symbols,
// many windows at a time.
//
// Windows overlap, and are joined by a property of byte-pair encoding: a row of
// tokens is what a text merges to if every two neighbours are what the two of
// them alone merge to (before a first merge across some junction nothing else
// has touched the two beside it, so it would be made with those two alone as
// well; and what merging leaves side by side has been crossed by nothing). Where
// two windows have a token in common, the tokens of the one up to it and those
// of the other from it on are therefore neighbours that have been side by side,
// all of them.
package longrow

import (
	"math/bits"

	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// Text is the symbols that are counted, by their places.
type Text interface {
	// Start makes a group ready in which the text of a lane is size[lane] symbols
	// from at[lane] on, at most pairmerge.Long.
	Start(g *pairmerge.Group, at *[pairmerge.Lanes]int, size *[pairmerge.Lanes]uint32)
	// Merge merges the symbols between two places in a tree.
	Merge(t *pairtree.Tree, from, to int)
	// Same tells whether the symbols of two windows are equal.
	Same(from, to, from2, to2 int) bool
	// Window returns how many symbols Merge is best given at once, Window or more.
	Window() int
}

// Job is a row to be counted.
type Job struct {
	Joint
	End int // of the row, or of what there is of it
	// Open tells that the row goes on behind End: then it is counted up to
	// somewhere before.
	Open bool
	// Failed tells that windows do not join.
	Failed bool

	before         Joint
	first, windows int // in lanes
}

// Joint is where a row of tokens goes on: N of them come before that at From,
// which has so many symbols, or 0 if nothing is known of it.
type Joint struct{ N, From, Length int }

// Drop takes places off that are no longer looked at, and returns how many.
func (j *Job) Drop() (n int) {
	n = min(j.From, j.before.From)
	j.From, j.before.From, j.End = j.From-n, j.before.From-n, j.End-n
	return n
}

// Lanes is room for windows that are merged together, for one goroutine.
type Lanes struct {
	tables *pairmerge.Tables
	groups [groups]pairmerge.Group
	at     [groups][pairmerge.Lanes]int
	size   [groups][pairmerge.Lanes]uint32

	tree       pairtree.Tree // of a larger window
	from, to   int           // which that is, to is 0 for none
	skip, wait int           // larger windows before lanes are tried again, now and the next time
}

const (
	groups  = 4
	windows = groups * pairmerge.Lanes
	// step is how far a window is behind the one before. The rest of a window is
	// also the beginning of the next one.
	step    = 16
	overlap = pairmerge.Long - step
	// Span is the symbols that the windows have together.
	Span = step*(windows-1) + pairmerge.Long
	// Window is the symbols of the smallest larger window; an eighth of it is longer
	// than nearly all tokens.
	Window = 512
	// mostSkipped bounds how many larger windows come before lanes are tried again.
	mostSkipped = 64
)

// New returns room for windows of symbols that merge as tables tell.
func New(tables *pairmerge.Tables) *Lanes { return &Lanes{tables: tables, wait: 1} }

// Run counts rows of a text: all of those that are not Open, or have Failed.
func (l *Lanes) Run(t Text, jobs []Job) {
	l.to = 0
	for len(jobs) > 0 {
		job := &jobs[0]
		if job.N == 0 && job.Length == 0 && job.End-job.From >= Span {
			l.skip = max(l.skip, 4) // the first windows tell of a text that repeats itself
		}
		switch {
		case job.Failed || job.From == job.End || job.Open && job.End-job.From < 2*Window:
			jobs = jobs[1:]
		case l.skip > 0 && job.End-job.From > pairmerge.Long:
			again := l.oneWindow(t, job)
			if !again { // else it costs next to nothing
				l.skip--
			}
		default:
			l.together(t, jobs)
		}
	}
	if l.tree.Cap() > 128*Window { // a strange text
		l.tree = pairtree.Tree{}
	}
}

// together goes on with as many jobs as there is room for.
func (l *Lanes) together(t Text, jobs []Job) {
	n := 0 // windows
	for i := range jobs {
		job := &jobs[i]
		job.first, job.windows = n, 0
		for from := job.From; n < windows && !job.Failed && from < job.End; from += step {
			size := min(pairmerge.Long, job.End-from)
			if size < pairmerge.Long && job.Open {
				break
			}
			l.at[n/pairmerge.Lanes][n%pairmerge.Lanes] = from
			l.size[n/pairmerge.Lanes][n%pairmerge.Lanes] = uint32(size)
			n++
			job.windows++
			if from+size == job.End {
				break
			}
		}
		if n == windows {
			jobs = jobs[:i+1]
			break
		}
	}
	used := (n + pairmerge.Lanes - 1) / pairmerge.Lanes
	for ; n < used*pairmerge.Lanes; n++ {
		l.size[n/pairmerge.Lanes][n%pairmerge.Lanes] = 0
	}
	for i := range used {
		t.Start(&l.groups[i], &l.at[i], &l.size[i])
	}
	pairmerge.Run(l.groups[:used], l.tables, pairmerge.Long)
	far, all := 0, 0
	for i := range jobs {
		job := &jobs[i]
		from := job.From
		if job.windows == 0 {
			continue
		}
		reach := (job.windows-1)*step + pairmerge.Long
		l.join(t, job)
		all += min(reach, job.End-from)
		far += job.From - from
		if job.From == from && !job.Failed {
			l.oneWindow(t, job)
		}
	}
	if far > all/2 {
		l.wait = 1
	} else {
		l.skip, l.wait = l.wait, min(2*l.wait, mostSkipped)
	}
}

// begins returns where the symbols of a window begin, and as one more that it
// ends with the row if it is a short one.
func (l *Lanes) begins(window int) (places uint32, ok bool) {
	places, ok = l.groups[window/pairmerge.Lanes].Begins(window % pairmerge.Lanes)
	return places | uint32(1<<l.size[window/pairmerge.Lanes][window%pairmerge.Lanes]), ok
}

// join goes on by the windows of a job, up to the first that does not join.
func (l *Lanes) join(t Text, job *Job) {
	left, ok := l.begins(job.first)
	if !ok || job.Length != 0 && endOf(left, 0) != job.Length {
		return
	}
	round := job.From
	for k := 1; k < job.windows; k++ {
		right, ok := l.begins(job.first + k)
		begin := round + k*step
		done := job.From + step - begin // of the left window
		place, length := 0, 0
		if ok {
			place, length = commonToken(left>>step, right, max(0, done-step))
		}
		if length > 0 {
			job.before = job.Joint
			job.N += bits.OnesCount32(left & (1<<(step+place) - 1<<done))
			job.From, job.Length = begin+place, length
			left = right
			continue
		}
		if k = l.bridge(t, job, round, k); k == 0 {
			return
		}
		left, _ = l.begins(job.first + k)
	}
	last := round + (job.windows-1)*step
	if size := job.End - last; size <= pairmerge.Long && !job.Open {
		job.N += bits.OnesCount32(left & (1<<size - 1) >> (job.From - last))
		job.From = job.End
	}
}

// bridge goes on by larger windows to the first window in lanes, from the k-th
// on, that has a token in common with them, and returns which that is; 0 if there
// is none.
func (l *Lanes) bridge(t Text, job *Job, round, k int) (to int) {
	size := min(bridgeSize, job.End-job.From)
	if !l.merge(t, job, size) {
		return 0
	}
	if job.From+size == job.End && !job.Open {
		job.N, job.From = job.N+l.tree.Count(size), job.End
		return 0
	}
	for ; k < job.windows; k++ {
		begin := round + k*step - job.From // in the larger window
		if begin+pairmerge.Long > size {
			return 0
		}
		begins, ok := l.begins(job.first + k)
		if begin < 0 || !ok {
			continue
		}
		for rest := begins; rest != 0; rest &= rest - 1 {
			place := bits.TrailingZeros32(rest)
			length := endOf(begins, place) - place
			at := begin + place
			if l.tree.Next(at) == at && min(l.tree.Next(at+1), size) == at+length {
				job.before = job.Joint
				job.Joint = Joint{job.N + l.tree.Count(at), job.From + at, length}
				return k
			}
		}
	}
	return 0
}

// bridgeSize is how long the window is that stands in for some in lanes.
const bridgeSize = 3 * pairmerge.Long

// merge merges a larger window that a job goes on with; it is not ok if that
// does not begin with the token that is known.
func (l *Lanes) merge(t Text, job *Job, size int) (ok bool) {
	from, to := job.From, job.From+size
	if l.to == 0 || !t.Same(l.from, l.to, from, to) {
		t.Merge(&l.tree, from, to)
	}
	l.from, l.to = from, to
	return job.Length == 0 || min(l.tree.Next(1), size) == job.Length
}

// oneWindow goes on by a larger window. It tells whether that was the same as the
// one before.
func (l *Lanes) oneWindow(t Text, job *Job) (again bool) {
	again = l.to > 0 && t.Same(l.from, l.to, job.From, min(job.From+t.Window(), job.End))
	if l.advance(t, job, t.Window()) {
		return again
	}
	// More of the text changes the token at From.
	last := job.From
	job.Joint = job.before
	if !l.advance(t, job, 2*(last-job.From)+Window) || job.From <= last {
		job.Failed = true // also at last itself: its token may be too long for any window there
	}
	return false
}

// advance goes on by a window of some size, or larger where a long token is at
// its end; false if it does not join.
func (l *Lanes) advance(t Text, job *Job, size int) (ok bool) {
	for ; ; size *= 2 {
		size = min(size, job.End-job.From)
		if !l.merge(t, job, size) {
			return false
		}
		if job.From+size == job.End && !job.Open {
			job.before = job.Joint
			job.Joint = Joint{N: job.N + l.tree.Count(size), From: job.End}
			return true
		}
		for back := Window / 8; back < size; back *= 2 {
			// at is the first token from there on.
			if at := l.tree.Next(size - back); 0 < at && at < size {
				length := min(l.tree.Next(at+1), size) - at
				job.before = job.Joint
				job.Joint = Joint{job.N + l.tree.Count(at), job.From + at, length}
				return true
			}
		}
		if job.From+size == job.End {
			return false
		}
	}
}

// endOf returns where the token at a place ends, of those of a window.
func endOf(begins uint32, place int) int {
	if rest := begins >> place >> 1; rest != 0 {
		return place + 1 + bits.TrailingZeros32(rest)
	}
	return pairmerge.Long
}

// commonToken returns the place, from or behind it, and the length of the first
// token that two windows have in common, of which a has overlap symbols; a
// length of 0 if there is none.
func commonToken(a, b uint32, from int) (place, length int) {
	a |= 1 << overlap
	differ := a ^ b
	both := a & b & (2<<overlap - 1<<from)
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
