package bpe

import (
	"bytes"

	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
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
	if w.tree.Cap() <= 128*window {
		m.windows.Put(w)
	}
	return n
}

// longMerge is shortMerge for more bytes, with a tree of least pairs.
type longMerge struct {
	tree pairtree.Tree
	done []byte // what has been merged
}

// count counts in windows of size bytes or more.
func (w *longMerge) count(m *model, text []byte, size int) (n int) {
	w.done = nil
	defer func() { w.done = nil }() // text is the caller's
	w.run(m, text[:min(size, len(text))])
	for from := 0; ; {
		end := min(from+size, len(text))
		if end == len(text) {
			return n + w.tree.Count(end-from)
		}
		joined := false
		for back := size / 8; back < size/2 && !joined; back *= 2 {
			// t is the first token from there on.
			t := w.tree.Next(size - back)
			if t >= size {
				break
			}
			length := min(w.tree.Next(t+1), size) - t
			before := w.tree.Count(t)
			w.run(m, text[from+t:min(from+t+size, len(text))])
			if joined = w.tree.Next(1) == length; joined {
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

// run merges one window; one like the last, as in a text that repeats itself,
// has been merged already.
func (w *longMerge) run(m *model, text []byte) {
	if bytes.Equal(text, w.done) {
		return
	}
	w.done = text
	w.start(m, text)
	none := m.pairs.none()
	for {
		id, at := w.tree.Least()
		if id >= none {
			return
		}
		w.merge(m, id, at)
	}
}

func (w *longMerge) start(m *model, text []byte) {
	symbols := w.tree.Reset(len(text))
	left := symbol(text[0])
	symbols[0] = left
	for i, b := range text[1:] {
		right := symbol(b)
		symbols[i+1] = right
		w.tree.SetFirst(i, m.bytes[right<<8|left])
		left = right
	}
	w.tree.Build()
}

// merge makes the merge that Least found.
func (w *longMerge) merge(m *model, id symbol, at int) {
	t := &w.tree
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
