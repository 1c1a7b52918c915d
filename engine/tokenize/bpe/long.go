package bpe

import (
	"bytes"

	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
	"github.com/tallystick/tallystick/engine/tokenize/tokenrow"
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
// next window begins earlier, and at last the window is made larger. If then t is
// no longer its first token, nothing is known of what comes before it, and larger
// windows begin with the text.
const window = 512 // bytes; an eighth of it is longer than nearly all tokens

// countLong is merge for a text of any length.
func (m *model) countLong(text []byte) int {
	w, _ := m.windows.Get().(*longMerge)
	if w == nil {
		w = new(longMerge)
	}
	n := w.count(m, text, window)
	if w.tree.Cap() <= 128*window {
		m.windows.Put(w)
	}
	return n
}

// longMerge is shortMerge for more bytes, with a tree of least pairs.
type longMerge struct {
	windowMerge
	tree pairtree.Tree
	done []byte // what has been merged
}

// count counts in windows of size bytes or more.
func (w *longMerge) count(m *model, text []byte, size int) int {
	w.done = nil
	defer func() { w.done = nil }() // text is the caller's
	for {
		n, ok := w.join(m, text, &size)
		if ok {
			return n
		}
		size *= 2
	}
}

// join counts in windows of *size bytes, which it makes larger where they do not
// join. It is not ok where the larger one does not begin with the token that the
// windows before were joined at.
func (w *longMerge) join(m *model, text []byte, size *int) (n int, ok bool) {
	w.run(m, text[:min(*size, len(text))])
	from, first := 0, 0 // where the window begins, and the bytes of that token
	for {
		end := min(from+*size, len(text))
		if end == len(text) {
			return n + w.tree.Count(end-from), true
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
			w.run(m, text[from+t:min(from+t+*size, len(text))])
			if joined = w.firstIs(length); joined {
				n += before
				from, first = from+t, length
				break
			}
			w.run(m, text[from:end])
		}
		if !joined {
			*size *= 2
			w.run(m, text[from:min(from+*size, len(text))])
			if from > 0 && !w.firstIs(first) {
				return 0, false
			}
		}
	}
}

// firstIs tells whether the window begins with a token of length bytes.
func (w *longMerge) firstIs(length int) bool {
	return min(w.tree.Next(1), len(w.done)) == length
}

// run merges one window; one like the last, as in a text that repeats itself,
// has been merged already.
func (w *longMerge) run(m *model, text []byte) {
	if bytes.Equal(text, w.done) {
		return
	}
	w.done = text
	w.mergeWindow(m, &w.tree, text)
}

// windowMerge merges windows.
type windowMerge struct {
	finder *tokenrow.Finder // nil until many have been merged
}

// mergeWindow sets t to the tokens of a text.
func (w *windowMerge) mergeWindow(m *model, t *pairtree.Tree, text []byte) {
	if w.finder == nil {
		if rows := m.rowsFor(len(text)); rows != nil {
			w.finder = tokenrow.NewFinder(rows)
		}
	}
	if w.finder != nil && w.finder.Find(t, text) {
		return
	}
	startWindow(m, t, text)
	none := m.pairs.none()
	for {
		id, at := t.Least()
		if id >= none {
			return
		}
		mergeLeast(m, t, id, at)
	}
}

func startWindow(m *model, t *pairtree.Tree, text []byte) {
	symbols := t.Reset(len(text))
	left := symbol(text[0])
	symbols[0] = left
	for i, b := range text[1:] {
		right := symbol(b)
		symbols[i+1] = right
		t.SetFirst(i, m.bytes[right<<8|left])
		left = right
	}
	t.Build()
}

// mergeLeast makes the merge that Least found.
func mergeLeast(m *model, t *pairtree.Tree, id symbol, at int) {
	p := t.PairAt(at)
	if left, right := t.Symbol(at), t.Symbol(p.Next); !m.pairs.makes(id, left, right) {
		t.Set(at, m.pairs.exact(left, right))
		return
	}
	withBefore, withAfter := dead, dead
	if p.After < t.Len() {
		withAfter = m.pairs.find(id, t.Symbol(p.After))
	}
	if p.Before >= 0 {
		withBefore = m.pairs.find(t.Symbol(p.Before), id)
	}
	t.Merge(p, id, withBefore, withAfter)
}
