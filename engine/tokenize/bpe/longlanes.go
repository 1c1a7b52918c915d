package bpe

import (
	"bytes"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/internal/longrow"
	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// longLanes counts the keys of one batch that are too long to be merged in a
// lane each: in lanes, window by window. It is the longrow.Text of that.
type longLanes struct {
	model *model
	lanes *lanes
	rows  *longrow.Lanes
	text  []byte

	n    int
	jobs [countcache.Batch]longrow.Job
	to   [countcache.Batch]int // the counts that they are
}

func newLongLanes(m *model, l *lanes) *longLanes {
	return &longLanes{model: m, lanes: l, rows: longrow.New(l.tables)}
}

// add takes a key, whose tokens are counts[to]. There is room for a batch.
func (l *longLanes) add(span countcache.Span, to int) {
	l.jobs[l.n], l.to[l.n] = longrow.Job{Joint: longrow.Joint{From: span.Start}, End: span.End}, to
	l.n++
}

// count counts the keys of text that were added.
func (l *longLanes) count(text []byte, counts []int) {
	starts := [countcache.Batch]int{}
	for i := range l.jobs[:l.n] {
		starts[i] = l.jobs[i].From
	}
	l.text = text
	l.rows.Run(l, l.jobs[:l.n])
	l.text = nil // it is the caller's
	for i := range l.jobs[:l.n] {
		job := &l.jobs[i]
		counts[l.to[i]] = job.N
		if job.Failed {
			counts[l.to[i]] = l.model.countLong(text[starts[i]:job.End])
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

// Start, Merge and Same make it a longrow.Text.
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
	mergeWindow(l.model, t, l.text[from:to])
}

func (l *longLanes) Same(from, to, from2, to2 int) bool {
	return bytes.Equal(l.text[from:to], l.text[from2:to2])
}
