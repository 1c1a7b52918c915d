package object

import (
	"context"
	"io"
	"sync"
)

// Window is how many bytes a Reader asks for at once; Ahead is how many
// windows it fetches beside the one being read. A store answers one request
// at tens of megabytes a second after tens of milliseconds, so that several
// must be under way to keep one core busy.
const (
	Window = 4 << 20
	Ahead  = 3
)

// Reader reads a range of an object front to back, fetching ahead. At most
// Ahead+1 windows are in memory. It is for one goroutine.
type Reader struct {
	ctx    context.Context
	cancel context.CancelFunc
	source Source
	info   Info
	next   int64 // offset of the next window to ask for
	end    int64
	queue  []chan fetched // windows asked for, in order
	window []byte         // being read
	rest   []byte         // of window
	free   [][]byte
	err    error
	work   sync.WaitGroup
}

type fetched struct {
	data []byte
	err  error
}

// NewReader returns a reader of length bytes of o from offset on. Nothing is
// asked of the store before the first Read.
func NewReader(ctx context.Context, s Source, o Info, offset, length int64) *Reader {
	ctx, cancel := context.WithCancel(ctx)
	return &Reader{ctx: ctx, cancel: cancel, source: s, info: o, next: offset, end: offset + length}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.advance()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo, without a buffer between.
func (r *Reader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if len(r.rest) > 0 {
			n, err := w.Write(r.rest)
			written += int64(n)
			r.rest = r.rest[n:]
			if err != nil {
				return written, err
			}
		}
		if r.err == nil {
			r.err = r.advance()
		}
		if r.err == io.EOF {
			return written, nil
		}
		if r.err != nil {
			return written, r.err
		}
	}
}

// advance makes the next window the one being read, and asks for more.
func (r *Reader) advance() error {
	if r.window != nil {
		r.free = append(r.free, r.window)
		r.window = nil
	}
	for len(r.queue) <= Ahead && r.next < r.end {
		r.ask()
	}
	if len(r.queue) == 0 {
		return io.EOF
	}
	first := <-r.queue[0]
	r.queue = r.queue[1:]
	if first.err != nil {
		r.cancel()
		return first.err
	}
	r.window, r.rest = first.data, first.data
	return nil
}

func (r *Reader) ask() {
	offset := r.next
	size := min(Window, r.end-offset)
	r.next += size
	var buf []byte
	if n := len(r.free); n > 0 {
		buf, r.free = r.free[n-1], r.free[:n-1]
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	answer := make(chan fetched, 1)
	r.queue = append(r.queue, answer)
	r.work.Go(func() {
		buf := buf[:size]
		answer <- fetched{buf, r.source.ReadAt(r.ctx, r.info, buf, offset)}
	})
}

// Close ends what is under way. The Reader is not to be used afterwards.
func (r *Reader) Close() error {
	r.cancel()
	r.work.Wait()
	return nil
}
