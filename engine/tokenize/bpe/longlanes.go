package bpe

import (
	"bytes"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
	"github.com/tallystick/tallystick/engine/tokenize/longrow"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// longLanes counts the keys of one batch that are too long to be merged in a
// lane each: in lanes, window by window. It is the longrow.Text of that.
type longLanes struct {
	windowMerge
	model *model
	lanes *lanes
	rows  *longrow.Lanes
	text  []byte

	n    int
	jobs [countcache.Batch]longrow.Job
	keys [countcache.Batch]longKey
}

type longKey struct {
	span countcache.Span
	to   int  // the count that it adds to
	part bool // of a key, which the cache does not hold by itself
}

func newLongLanes(m *model, l *lanes) *longLanes {
	return &longLanes{model: m, lanes: l, rows: longrow.New(l.tables)}
}

// add takes a key, for which there is room.
func (l *longLanes) add(key longKey) {
	l.jobs[l.n] = longrow.Job{Joint: longrow.Joint{From: key.span.Start}, End: key.span.End}
	l.keys[l.n] = key
	l.n++
}

// count counts the keys of text that were added.
func (l *longLanes) count(g *merger, text []byte, counts []int) {
	l.text = text
	l.rows.Run(l, l.jobs[:l.n])
	l.text = nil // it is the caller's
	for i, key := range l.keys[:l.n] {
		n := l.jobs[i].N
		if l.jobs[i].Failed {
			n = l.model.countLong(text[key.span.Start:key.span.End])
		}
		counts[key.to] += n
		if key.part {
			g.cache.Insert(text[key.span.Start:key.span.End], n)
		}
	}
	l.n = 0
}

// countOne counts one text.
func (l *longLanes) countOne(text []byte) int {
	job := []longrow.Job{{End: len(text)}}
	l.text = text
	l.rows.Run(l, job)
	l.text = nil
	if job[0].Failed {
		return l.model.countLong(text)
	}
	return job[0].N
}

// rowWindow is the bytes of a window whose tokens are found without merging: it need
// not be in the first cache, and the less of it is that of another one as well the
// better.
const rowWindow = 2048

// Start, Merge, Same and Window make it a longrow.Text.
func (l *longLanes) Start(g *pairmerge.Group, at *[pairmerge.Lanes]int, size *[pairmerge.Lanes]uint32) {
	for lane, from := range at {
		row := &l.lanes.text[lane]
		if size[lane] == 0 {
			continue
		}
		if from := l.text[from:]; len(from) >= len(row) {
			*row = [pairmerge.Long]byte(from) // what is behind the window is not looked at
		} else {
			copy(row[:], from)
		}
	}
	g.StartBytes(l.lanes.tables, &l.lanes.text, size, pairmerge.Long)
}

func (l *longLanes) Merge(t *pairtree.Tree, from, to int) {
	l.mergeWindow(l.model, t, l.text[from:to])
}

func (l *longLanes) Same(from, to, from2, to2 int) bool {
	return bytes.Equal(l.text[from:to], l.text[from2:to2])
}

func (l *longLanes) Window() int {
	if l.finder != nil {
		return rowWindow
	}
	return longrow.Window
}
