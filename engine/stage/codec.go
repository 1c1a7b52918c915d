package stage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/tallystick/tallystick/engine/doc"
)

// maxString bounds the identifiers of a record; a line, and so every string
// in it, may be long, but never longer than this.
const maxString = 1 << 31

// codecBuffer is how much an encoder gathers and a decoder reads ahead, bytes.
const codecBuffer = 1 << 18

// encoder writes numbers and strings. It keeps the first error for flush.
type encoder struct {
	w   io.Writer
	buf []byte
	err error

	sources bool // documents have sources
}

func newEncoder(w io.Writer, magic string) *encoder {
	e := &encoder{w: w} // the buffer grows: most files of a small run are small
	e.buf = append(e.buf, magic...)
	return e
}

func (e *encoder) uint(v uint64) {
	if len(e.buf) > codecBuffer {
		e.flush()
	}
	e.buf = binary.AppendUvarint(e.buf, v)
}

// int writes a number as zigzag.
func (e *encoder) int(v int64)       { e.uint(uint64(v)<<1 ^ uint64(v>>63)) }
func (e *encoder) byte(b byte)       { e.buf = append(e.buf, b) }
func (e *encoder) bytes(b []byte)    { e.uint(uint64(len(b))); e.buf = append(e.buf, b...) }
func (e *encoder) string(s string)   { e.uint(uint64(len(s))); e.buf = append(e.buf, s...) }
func (e *encoder) place(p doc.Place) { e.uint(uint64(p.Shard)); e.uint(uint64(p.Ordinal)) }
func (e *encoder) fixed64(v uint64) {
	if len(e.buf) > codecBuffer {
		e.flush()
	}
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

// raw writes what another encoder made.
func (e *encoder) raw(b []byte) {
	if len(e.buf) > codecBuffer {
		e.flush()
	}
	e.buf = append(e.buf, b...)
}

func (e *encoder) flush() error {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
	return e.err
}

// decoder reads what an encoder wrote. After an error, which it keeps, it
// reads zeros and empty strings.
type decoder struct {
	src io.Reader
	buf []byte
	at  int   // buf[at:to] is read ahead
	to  int   // at after an error
	end error // of src
	err error

	further int  // tokenizers of the plan beyond the main one
	sources bool // documents have sources
}

func newDecoder(r io.Reader, magic string) (*decoder, error) {
	buffer := int64(codecBuffer)
	if f, ok := r.(interface{ Size() int64 }); ok {
		buffer = min(buffer, f.Size())
	}
	return newDecoderSize(r, magic, int(buffer))
}

func newDecoderSize(r io.Reader, magic string, buffer int) (*decoder, error) {
	d := &decoder{src: r, buf: make([]byte, max(buffer, binary.MaxVarintLen64))}
	head := make([]byte, len(magic))
	d.full(head)
	if d.err != nil && !errors.Is(d.err, doc.ErrCorrupt) {
		return nil, d.err // the file cannot be read, whatever it is
	}
	if d.err != nil || string(head) != magic {
		return nil, fmt.Errorf("%w: not %q", doc.ErrCorrupt, magic[:len(magic)-1])
	}
	return d, nil
}

// ahead reports whether n bytes, at most as many as the buffer has, are read
// ahead after trying to.
func (d *decoder) ahead(n int) bool { return d.to-d.at >= n || d.fill(n) }

// fill is ahead where it takes reading. At the end of the source it leaves the
// buffer as it is, which may be somebody else's (valueOf).
func (d *decoder) fill(n int) bool {
	if d.err != nil || d.end != nil {
		return false
	}
	d.at, d.to = 0, copy(d.buf, d.buf[d.at:d.to])
	for tries := 0; d.to < n && d.end == nil; tries++ {
		var m int
		m, d.end = d.src.Read(d.buf[d.to:])
		d.to += m
		if m > 0 {
			tries = 0
		} else if tries == 100 && d.end == nil {
			d.end = io.ErrNoProgress
		}
	}
	return d.to >= n
}

// more reports whether another record starts here; a clean end of file leaves
// err nil.
func (d *decoder) more() bool {
	if d.ahead(1) {
		return true
	}
	if d.err == nil && !errors.Is(d.end, io.EOF) {
		d.fail(d.end)
	}
	return false
}

func (d *decoder) fail(err error) {
	d.at = d.to
	if d.err == nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: ends inside a record", doc.ErrCorrupt)
		}
		d.err = err
	}
}

func (d *decoder) uint() uint64 {
	if i := d.at; i < d.to && d.buf[i] < 0x80 {
		d.at++
		return uint64(d.buf[i])
	}
	return d.longUint()
}

// longUint is uint for numbers of several bytes.
func (d *decoder) longUint() uint64 {
	if d.ahead(binary.MaxVarintLen64) {
		w := binary.LittleEndian.Uint64(d.buf[d.at:])
		if last := bits.TrailingZeros64(^w & 0x8080808080808080); last < 64 { // its highest bit
			d.at += last/8 + 1
			w &= 2<<last - 1
			w = w&0x007f007f007f007f | w&0x7f007f007f007f00>>1
			w = w&0x00003fff00003fff | w&0x3fff00003fff0000>>2
			return w&0x0fffffff | w>>4&0x00fffffff0000000
		}
	}
	v, n := binary.Uvarint(d.buf[d.at:d.to])
	switch {
	case n > 0:
		d.at += n
		return v
	case d.err != nil:
	case d.to-d.at >= binary.MaxVarintLen64:
		d.fail(fmt.Errorf("%w: a number of more than 64 bits", doc.ErrCorrupt))
	default:
		d.fail(d.end)
	}
	return 0
}

// int undoes the zigzag of encoder.int.
func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// uint32 is a number that must fit.
func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > math.MaxUint32 {
		d.fail(fmt.Errorf("%w: %d where 32 bits are enough", doc.ErrCorrupt, v))
		return 0
	}
	return uint32(v)
}

// size is a number of bytes, lines or the like: one of 63 bits.
func (d *decoder) size() int64 {
	v := d.uint()
	if v > math.MaxInt64 {
		d.fail(fmt.Errorf("%w: a size of %d", doc.ErrCorrupt, v))
		return 0
	}
	return int64(v)
}

// below is a number that must be less than limit.
func (d *decoder) below(limit uint64) uint64 {
	v := d.uint()
	if v >= limit {
		d.fail(fmt.Errorf("%w: %d where less than %d can be", doc.ErrCorrupt, v, limit))
		return 0
	}
	return v
}

func (d *decoder) byte() byte {
	if !d.ahead(1) {
		d.fail(d.end)
		return 0
	}
	d.at++
	return d.buf[d.at-1]
}

// bytes appends the next string to dst[:0], which is reused.
func (d *decoder) bytes(dst []byte) []byte {
	n := d.uint()
	if n <= uint64(d.to-d.at) {
		return append(dst[:0], d.next(int(n))...)
	}
	return d.longBytes(dst, n)
}

// next returns n bytes that are read ahead.
func (d *decoder) next(n int) []byte {
	d.at += n
	return d.buf[d.at-n : d.at]
}

// longBytes is bytes where the n of the string are not all read ahead.
func (d *decoder) longBytes(dst []byte, n uint64) []byte {
	if n > maxString {
		d.fail(fmt.Errorf("%w: a string of %d bytes", doc.ErrCorrupt, n))
		return dst[:0]
	}
	// Grown as bytes arrive: a damaged length must not allocate by itself.
	dst = dst[:0]
	for n > 0 && d.err == nil {
		step := min(n, 1<<17)
		at := len(dst)
		dst = append(dst, make([]byte, step)...)
		d.full(dst[at:])
		n -= step
	}
	if d.err != nil {
		return dst[:0]
	}
	return dst
}

func (d *decoder) string() string {
	n := d.uint()
	if n <= uint64(d.to-d.at) {
		return string(d.next(int(n)))
	}
	return string(d.longBytes(nil, n))
}

func (d *decoder) fixed64() uint64 {
	if !d.ahead(8) {
		d.fail(d.end)
		return 0
	}
	return binary.LittleEndian.Uint64(d.next(8))
}

func (d *decoder) place() doc.Place {
	return doc.Place{Shard: d.uint32(), Ordinal: d.uint32()}
}

// full reads as many bytes as b has, or fails.
func (d *decoder) full(b []byte) {
	for len(b) > 0 {
		if d.at == d.to && len(b) >= len(d.buf) && d.err == nil && d.end == nil {
			// As a bufio.Reader: what is long goes where it is wanted.
			n, err := io.ReadFull(d.src, b)
			if d.end = err; err == nil {
				return
			}
			b = b[n:]
			continue
		}
		if !d.ahead(1) {
			d.fail(d.end)
			return
		}
		b = b[copy(b, d.next(min(len(b), d.to-d.at))):]
	}
}

// skip passes over n bytes, which must be there: it reads the last of them.
func (d *decoder) skip(n uint64) {
	if d.err != nil || n == 0 {
		return
	}
	if n > maxString {
		d.fail(fmt.Errorf("%w: a block of %d bytes", doc.ErrCorrupt, n))
		return
	}
	n--
	here := min(n, uint64(d.to-d.at))
	d.at += int(here)
	if n -= here; n > 0 {
		if _, err := d.src.(io.Seeker).Seek(int64(n), io.SeekCurrent); err != nil {
			d.fail(err)
			return
		}
	}
	d.byte()
}
