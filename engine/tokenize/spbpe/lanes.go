package spbpe

import (
	"math"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/internal/pairtree"
	"github.com/tallystick/tallystick/engine/tokenize/longrow"
	"github.com/tallystick/tallystick/kernels/pairmerge"
)

// longLanes counts long pieces window by window, many windows at a time. It is
// the longrow.Text of that.
type longLanes struct {
	model   *model
	inert   symbol // in lanes
	tables  *pairmerge.Tables
	rows    *longrow.Lanes
	symbols []symbol
	jobs    []longrow.Job
	to      []int    // by job, the number of a piece
	own     []symbol // of stream
}

const (
	// manyAsked is how many bytes of pieces of more than manySymbols pay for making
	// tables. Words of real texts are shorter, and gain less by lanes than the tables
	// of a large vocabulary cost.
	manyAsked   = 1 << 18
	manySymbols = 16
	// fewestSymbols is how many symbols of a piece are merged as fast by themselves.
	fewestSymbols = 5
	// maxTogether is how many bytes of a piece are counted together with others,
	// and streamed how many symbols are held of a longer one beyond those counted.
	maxTogether = 1 << 10
	streamed    = 1 << 13
)

// laneTables returns what lanes need, and the symbol there of what is inert;
// nil if there is nothing to merge, or too much. Symbols are numbered from
// pairmerge.FirstMade on.
func (m *model) laneTables() (tables *pairmerge.Tables, inert symbol) {
	m.makeLanes.Do(func() {
		halves, first := m.pairs.list()
		m.laneInert = pairmerge.FirstMade + symbol(len(halves))
		idBits := uint8(bits.Len32(m.laneInert))
		if len(halves) == 0 || idBits > pairmerge.MaxBits {
			return
		}
		checks := make([]pairmerge.Check, len(halves))
		for i, h := range halves {
			checks[i] = pairmerge.CheckOf(h.Left, h.Right)
		}
		buckets := pairmerge.Buckets(halves[first:], pairmerge.FirstMade+first, idBits)
		m.lanes = pairmerge.NewTables(buckets, idBits, checks, &noBytes)
	})
	return m.lanes, m.laneInert
}

// list returns what symbols are made of, by their numbers from 0 on, and the
// first that is made of others; nothing if there is none, or if there is one
// without a pair, or with more, as a table that was damaged may have.
func (t *pairTable) list() (halves []pairmerge.Halves, first symbol) {
	first = none
	n := 0
	for _, b := range t.buckets {
		for _, e := range b {
			if e == math.MaxUint64 {
				continue // free
			}
			left, right, made := symbol(e>>(2*symbolBits)), symbol(e>>symbolBits)&none, symbol(e)&none
			if t.get(left, right) != made {
				return nil, 0
			}
			for int(made) >= len(halves) {
				halves = append(halves, pairmerge.Halves{})
			}
			halves[made] = pairmerge.Halves{Left: pairmerge.FirstMade + left, Right: pairmerge.FirstMade + right}
			first = min(first, made)
			n++
		}
	}
	if n != len(halves)-int(first) {
		return nil, 0
	}
	return halves, first
}

// noBytes is for tables with which no group starts with bytes.
var noBytes [1 << 16]uint32

// newLongLanes returns nil if there is nothing to merge.
func newLongLanes(m *model) *longLanes {
	tables, inert := m.laneTables()
	if tables == nil {
		return nil
	}
	return &longLanes{model: m, inert: inert, tables: tables, rows: longrow.New(tables)}
}

// add takes the piece with a number, to be counted together with others.
func (l *longLanes) add(r *reader, to int) {
	from := len(l.symbols)
	for more := true; more; {
		l.symbols, more = r.next(l.symbols)
	}
	l.addFrom(from, to)
}

// addSymbols is add of a piece that has been read.
func (l *longLanes) addSymbols(symbols []symbol, to int) {
	from := len(l.symbols)
	l.symbols = append(l.symbols, symbols...)
	l.addFrom(from, to)
}

func (l *longLanes) addFrom(from, to int) {
	l.jobs = append(l.jobs, longrow.Job{Joint: longrow.Joint{From: from}, End: len(l.symbols)})
	l.to = append(l.to, to)
}

// count counts the pieces that were added, spans of text.
func (l *longLanes) count(text []byte, spans []countcache.Span, counts []int, windows *longMerge) {
	l.rows.Run(l, l.jobs)
	for k, i := range l.to {
		counts[i] = l.jobs[k].N
		if l.jobs[k].Failed {
			counts[i] = windows.count(l.model, false, text[spans[i].Start:spans[i].End])
		}
	}
	l.symbols, l.jobs, l.to = l.symbols[:0], l.jobs[:0], l.to[:0]
}

// stream counts a piece of any length by itself; it is not ok where windows do
// not join.
func (l *longLanes) stream(r reader) (n int, ok bool) {
	symbols, job := l.own, [1]longrow.Job{}
	defer func() { l.symbols, l.own = symbols, l.symbols }()
	l.symbols, symbols = symbols[:0], l.symbols // the pieces that wait
	for more := true; more; {
		for len(l.symbols)-job[0].From < streamed && more {
			l.symbols, more = r.next(l.symbols)
		}
		job[0].End, job[0].Open = len(l.symbols), more
		l.rows.Run(l, job[:])
		if job[0].Failed {
			return 0, false
		}
		l.symbols = slices.Delete(l.symbols, 0, job[0].Drop())
	}
	return job[0].N, true
}

// Start, Merge, Same and Window make it a longrow.Text.
func (l *longLanes) Start(g *pairmerge.Group, at *[pairmerge.Lanes]int, size *[pairmerge.Lanes]uint32) {
	for lane, from := range at {
		if size[lane] == 0 {
			continue
		}
		for i, s := range l.symbols[from:][:size[lane]] {
			g.Symbols[i%pairmerge.Long][lane] = min(pairmerge.FirstMade+s, l.inert)
		}
	}
	g.StartSymbols(l.tables, size, pairmerge.Long)
}

func (l *longLanes) Merge(t *pairtree.Tree, from, to int) {
	l.model.mergeWindow(t, l.symbols[from:to])
}

func (l *longLanes) Same(from, to, from2, to2 int) bool {
	return slices.Equal(l.symbols[from:to], l.symbols[from2:to2])
}

func (l *longLanes) Window() int { return longrow.Window }
