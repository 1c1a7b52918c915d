package wire

import (
	"bytes"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
)

// Recorder makes the values of records, one after the other.
type Recorder struct {
	e    Encoder
	long bytes.Buffer // of a record that is longer than an encoder gathers
}

// Value returns what fn encodes, valid until the next call.
func (r *Recorder) Value(fn func(e *Encoder)) []byte {
	r.long.Reset()
	r.e.w, r.e.buf = &r.long, r.e.buf[:0]
	fn(&r.e)
	if r.long.Len() == 0 {
		return r.e.buf
	}
	r.e.flush() // to memory: it cannot fail
	return r.long.Bytes()
}

// ValueOf returns a decoder of a value, which it reads in place.
func ValueOf(value []byte) *Decoder {
	return &Decoder{buf: value, to: len(value), end: io.EOF}
}

// SkipRest reads to the end what nobody wants: only there a file is compared with its sum, and
// with it what was read of it before.
func (d *Decoder) SkipRest() {
	d.skip()
	d.More()
}

// Ended returns the error of a decoder, or that there is more than there should be.
func (d *Decoder) Ended() error {
	if d.Err == nil && d.More() {
		d.Fail(fmt.Errorf("%w: a record is too long", doc.ErrCorrupt))
	}
	return d.Err
}
