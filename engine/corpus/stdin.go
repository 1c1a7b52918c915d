package corpus

import (
	"context"
	"io"
	"os"
)

// Stdin returns a reader of standard input whose Read ends with ctx, too.
func Stdin(ctx context.Context) io.Reader { return &interruptible{ctx: ctx, r: os.Stdin} }

// interruptible is a reader whose Read ends with ctx, even if the one below
// it waits for a terminal or a pipe; that one is then abandoned.
type interruptible struct {
	ctx context.Context
	r   io.Reader
	buf []byte // of the Read below, which may go on after ours
}

func (i *interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	if len(i.buf) < len(p) {
		i.buf = make([]byte, len(p))
	}
	own := i.buf[:len(p)]
	go func() {
		n, err := i.r.Read(own)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, own[:r.n]), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}
