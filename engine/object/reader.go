package object

import (
	"context"
	"io"
	"sync"
)

// window is how many bytes a Reader asks for at once; windowsAhead is how many
// windows it fetches beside the one being read. A store answers one request
// at tens of megabytes a second after tens of milliseconds, so that several
// must be under way to keep one core busy.
const (
	window       = 4 << 20
	windowsAhead = 3
)

// Range is a part of an object, in bytes.
type Range struct{ Offset, Length int64 }

// Ahead fetches ranges of an object in order, some before they are wanted. It
// is for one goroutine.
type Ahead struct {
	ctx    context.Context
	cancel context.CancelFunc
	source Source
	info   Info
	ahead  int
	next   func() (Range, bool) // the next range to ask for

	queue   []asked // in order
	current []byte  // what Next returned last
	free    [][]byte
	work    sync.WaitGroup
}

type asked struct {
	Range
	answer <-chan answer
}

type answer struct {
	data []byte
	err  error
}

// NewAhead returns a fetcher of the ranges that next yields, of which up to
// ahead are under way or wait beside the one that Next returned. Nothing is
// asked of the store before the first Next.
func NewAhead(ctx context.Context, s Source, o Info, ahead int, next func() (Range, bool)) *Ahead {
	ctx, cancel := context.WithCancel(ctx)
	return &Ahead{ctx: ctx, cancel: cancel, source: s, info: o, ahead: ahead, next: next}
}

// Next returns the next range and its bytes, which are valid until the next
// call; io.EOF follows the last one.
func (a *Ahead) Next() (Range, []byte, error) {
	if a.current != nil {
		a.free = append(a.free, a.current)
		a.current = nil
	}
	for len(a.queue) <= a.ahead {
		r, more := a.next()
		if !more {
			break
		}
		a.ask(r)
	}
	if len(a.queue) == 0 {
		return Range{}, nil, io.EOF
	}
	first := a.queue[0]
	a.queue = a.queue[1:]
	got := <-first.answer
	if got.err != nil {
		a.cancel()
		return first.Range, nil, got.err
	}
	a.current = got.data
	return first.Range, got.data, nil
}

func (a *Ahead) ask(r Range) {
	var buf []byte
	if n := len(a.free); n > 0 {
		buf, a.free = a.free[n-1], a.free[:n-1]
	}
	if int64(cap(buf)) < r.Length {
		buf = make([]byte, r.Length)
	}
	to := make(chan answer, 1)
	a.queue = append(a.queue, asked{r, to})
	a.work.Go(func() {
		buf := buf[:r.Length]
		err := a.source.ReadAt(a.ctx, a.info, buf, r.Offset)
		to <- answer{buf, err}
	})
}

// Close ends what is under way.
func (a *Ahead) Close() {
	a.cancel()
	a.work.Wait()
}

// Reader reads a range of an object front to back, fetching ahead; a few
// windows are in memory at a time. It is for one goroutine.
type Reader struct {
	*Ahead
	rest []byte // of the window being read
	err  error
}

// NewReader returns a reader of a range of o.
func NewReader(ctx context.Context, s Source, o Info, r Range) *Reader {
	next, end := r.Offset, r.Offset+r.Length
	return &Reader{Ahead: NewAhead(ctx, s, o, windowsAhead, func() (Range, bool) {
		w := Range{next, min(window, end-next)}
		next += w.Length
		return w, w.Length > 0
	})}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		_, r.rest, r.err = r.Next()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
