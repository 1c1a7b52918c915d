package spbpe

import (
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
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
// next window begins earlier, and at last the window is made larger. If then t is
// no longer its first token, nothing is known of what comes before it, and larger
// windows begin with the piece.
const window = 512 // symbols; an eighth of it is longer than nearly all tokens

// longMerge counts the tokens of a piece of any length.
type longMerge struct {
	source []symbol      // the characters of the window and beyond
	tree   pairtree.Tree // of the window
	merged []symbol      // the characters that tree is the result of
}

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
func (w *longMerge) windows(m *model, r *reader, size int) int {
	begin := *r
	for {
		n, ok := w.join(m, r, &size)
		if ok {
			return n
		}
		*r = begin
		size *= 2
	}
}

// join counts in windows of *size symbols, which it makes larger where they do
// not join. It is not ok where the larger one does not begin with the token that
// the windows before were joined at.
func (w *longMerge) join(m *model, r *reader, size *int) (n int, ok bool) {
	w.source, w.merged = w.source[:0], w.merged[:0]
	first := 0 // symbols of that token, 0 before any
	for {
		whole := w.fill(r, *size)
		w.run(m, w.source[:min(*size, len(w.source))])
		if first > 0 && !w.firstIs(first) {
			return 0, false
		}
		if whole {
			return n + w.tree.Count(len(w.source)), true
		}
		joined := false
		for back := *size / 8; back < *size/2; back *= 2 {
			// t is the first token from there on.
			t := w.tree.Next(*size - back)
			if t >= *size {
				break
			}
			length := min(w.tree.Next(t+1), *size) - t
			before := w.tree.Count(t)
			w.fill(r, t+*size)
			w.run(m, w.source[t:min(t+*size, len(w.source))])
			if joined = w.firstIs(length); joined {
				n += before
				first = length
				w.source = slices.Delete(w.source, 0, t)
				break
			}
			w.run(m, w.source[:*size])
		}
		if !joined {
			*size *= 2
		}
	}
}

// firstIs tells whether the window begins with a token of length symbols.
func (w *longMerge) firstIs(length int) bool {
	return min(w.tree.Next(1), w.tree.Len()) == length
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

// run merges one window. That of a text that repeats itself is often the one
// before again.
func (w *longMerge) run(m *model, source []symbol) {
	if slices.Equal(w.merged, source) {
		return
	}
	w.merged = append(w.merged[:0], source...)
	m.mergeWindow(&w.tree, source)
}

// mergeWindow merges symbols in a tree.
func (m *model) mergeWindow(t *pairtree.Tree, source []symbol) {
	copy(t.Reset(len(source)), source)
	for i := range len(source) - 1 {
		t.SetFirst(i, m.pairs.getFiltered(source[i], source[i+1]))
	}
	t.Build()
	for {
		id, at := t.Least()
		if id >= none {
			return
		}
		p := t.PairAt(at)
		withBefore, withAfter := none, none
		if p.After < t.Len() {
			withAfter = m.pairs.getFiltered(id, t.Symbol(p.After))
		}
		if p.Before >= 0 {
			withBefore = m.pairs.getFiltered(t.Symbol(p.Before), id)
		}
		t.Merge(p, id, withBefore, withAfter)
	}
}
