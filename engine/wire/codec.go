// Package wire is the formats of the files that stages pass to each other, and
// of those that a later run reads of an earlier one: documents, keys, groups,
// decisions and outlines, in the numbers and strings that all of them are made
// of. It reads and writes; where the files are, who makes them and whether they
// are whole (their digests) is the business of package task and of the stages.
//
// The files are private to one run and one version: a magic line, then records
// of varints, little-endian hashes and length-prefixed strings. How many
// tokenizers counted, and whether documents have sources, is the plan's to say.
// Every read is bounded, so a damaged file is an error, not a panic.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
)

// maxString bounds the identifiers of a record; a line, and so every string
// in it, may be long, but never longer than this.
const maxString = 1 << 31

// maxRecord bounds a record of a document: three strings and some numbers.
const maxRecord = 4 * maxString

// codecBuffer is how much an encoder gathers and a decoder reads ahead, bytes.
const codecBuffer = 1 << 18

// released are buffers of codecBuffer bytes or more, touched already, that encoders
// and decoders left to later ones. What a long record made of one is left to nobody.
var released sync.Pool // of *[]byte

func release(buf []byte) {
	if cap(buf) >= codecBuffer && cap(buf) <= 4*codecBuffer {
		released.Put(&buf)
	}
}

// Encoder writes numbers and strings. It keeps the first error for Flush.
type Encoder struct {
	w   io.Writer
	buf []byte
	Err error // the first

	Sources bool // documents have sources
}

// NewEncoder begins a file with its magic line.
func NewEncoder(w io.Writer, magic string) *Encoder {
	e := &Encoder{w: w} // the buffer grows: most files of a small run are small
	if b, ok := released.Get().(*[]byte); ok {
		e.buf = (*b)[:0]
	}
	e.buf = append(e.buf, magic...)
	return e
}

// Uint writes a varint.
func (e *Encoder) Uint(v uint64) {
	if len(e.buf) > codecBuffer {
		e.flush()
	}
	e.buf = binary.AppendUvarint(e.buf, v)
}

// Int writes a number as zigzag.
func (e *Encoder) Int(v int64) { e.Uint(uint64(v)<<1 ^ uint64(v>>63)) }

// Byte writes a byte.
func (e *Encoder) Byte(b byte) { e.buf = append(e.buf, b) }

// Bytes writes a string after its length.
func (e *Encoder) Bytes(b []byte) { e.Uint(uint64(len(b))); e.buf = append(e.buf, b...) }

// Str is Bytes of a string.
func (e *Encoder) Str(s string) { e.Uint(uint64(len(s))); e.buf = append(e.buf, s...) }

// Place writes where a document is.
func (e *Encoder) Place(p doc.Place) { e.Uint(uint64(p.Shard)); e.Uint(uint64(p.Ordinal)) }

// Fixed64 writes 8 bytes, little-endian.
func (e *Encoder) Fixed64(v uint64) {
	if len(e.buf) > codecBuffer {
		e.flush()
	}
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

// Raw writes what another encoder made.
func (e *Encoder) Raw(b []byte) {
	if len(e.buf) > codecBuffer {
		e.flush()
	}
	e.buf = append(e.buf, b...)
}

// Flush ends a file: it writes what is gathered and returns the first error.
func (e *Encoder) Flush() error {
	e.flush()
	release(e.buf)
	e.buf = nil
	return e.Err
}

// flush writes what is gathered.
func (e *Encoder) flush() {
	if e.Err == nil && len(e.buf) > 0 {
		_, e.Err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// Decoder reads what an Encoder wrote. After an error, which it keeps, it
// reads zeros and empty strings.
type Decoder struct {
	src io.Reader
	buf []byte
	at  int   // buf[at:to] is read ahead
	to  int   // at after an error
	end error // of src
	Err error // the first

	gone int64 // bytes of src before those of buf

	Further int  // tokenizers of the plan beyond the main one
	Sources bool // documents have sources
}

// NewDecoder opens a file that begins with a magic line; another one is
// doc.ErrCorrupt.
func NewDecoder(r io.Reader, magic string) (*Decoder, error) {
	buffer := int64(codecBuffer)
	if f, ok := r.(interface{ Size() int64 }); ok {
		buffer = min(buffer, f.Size())
	}
	return NewDecoderSize(r, magic, int(buffer))
}

// NewDecoderSize is NewDecoder with a buffer of so many bytes.
func NewDecoderSize(r io.Reader, magic string, buffer int) (*Decoder, error) {
	d := &Decoder{src: r}
	if buffer == codecBuffer {
		if b, ok := released.Get().(*[]byte); ok {
			d.buf = (*b)[:buffer]
		}
	}
	if d.buf == nil {
		d.buf = make([]byte, max(buffer, binary.MaxVarintLen64))
	}
	head := make([]byte, len(magic))
	d.Full(head)
	if d.Err == nil && string(head) == magic {
		return d, nil
	}
	if d.Err == nil || errors.Is(d.end, io.EOF) { // else the file cannot be read, whatever it is
		d.Err = nil
		d.Fail(fmt.Errorf("%w: not %q", doc.ErrCorrupt, magic[:len(magic)-1]))
	}
	return nil, d.Err
}

// Release leaves the decoder's memory to a later one. Nothing may be read any more.
// Nobody has to release one.
func (d *Decoder) Release() {
	if d.src != nil { // else it is somebody else's: ValueOf
		release(d.buf)
	}
	d.buf, d.at, d.to, d.end = nil, 0, 0, io.EOF
}

// ahead reports whether n bytes, at most as many as the buffer has, are read
// ahead after trying to.
func (d *Decoder) ahead(n int) bool { return d.to-d.at >= n || d.fill(n) }

// fill is ahead where it takes reading. At the end of the source it leaves the
// buffer as it is, which may be somebody else's (ValueOf).
func (d *Decoder) fill(n int) bool {
	if d.Err != nil || d.end != nil {
		return false
	}
	d.gone += int64(d.at)
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

// More reports whether another record starts here; a clean end of file leaves
// Err nil.
func (d *Decoder) More() bool {
	if d.ahead(1) {
		return true
	}
	if d.Err == nil && !errors.Is(d.end, io.EOF) {
		d.Fail(d.end)
	}
	return false
}

// Fail ends reading with an error, unless one has ended it before. Where the source is not what
// was written it can say so, and who has to write it anew, only at its end.
func (d *Decoder) Fail(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: ends inside a record", doc.ErrCorrupt)
	}
	if d.skip(); errors.Is(d.end, doc.ErrCorrupt) {
		err = d.end
	}
	if d.Err == nil {
		d.Err = err
	}
}

// skip reads to the end what nobody wants.
func (d *Decoder) skip() {
	for d.at = d.to; d.ahead(1); d.at = d.to {
	}
}

// Uint reads a varint.
func (d *Decoder) Uint() uint64 {
	if i := d.at; i < d.to && d.buf[i] < 0x80 {
		d.at++
		return uint64(d.buf[i])
	}
	return d.longUint()
}

// longUint is Uint for numbers of several bytes.
func (d *Decoder) longUint() uint64 {
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
	case d.Err != nil:
	case d.to-d.at >= binary.MaxVarintLen64:
		d.Fail(fmt.Errorf("%w: a number of more than 64 bits", doc.ErrCorrupt))
	default:
		d.Fail(d.end)
	}
	return 0
}

// Int undoes the zigzag of Encoder.Int.
func (d *Decoder) Int() int64 {
	v := d.Uint()
	return int64(v>>1) ^ -int64(v&1)
}

// Uint32 is a number that must fit.
func (d *Decoder) Uint32() uint32 {
	v := d.Uint()
	if v > math.MaxUint32 {
		d.Fail(fmt.Errorf("%w: %d where 32 bits are enough", doc.ErrCorrupt, v))
		return 0
	}
	return uint32(v)
}

// Size is a number of bytes, lines or the like: one of 63 bits.
func (d *Decoder) Size() int64 {
	v := d.Uint()
	if v > math.MaxInt64 {
		d.Fail(fmt.Errorf("%w: a size of %d", doc.ErrCorrupt, v))
		return 0
	}
	return int64(v)
}

// Below is a number that must be less than limit.
func (d *Decoder) Below(limit uint64) uint64 {
	v := d.Uint()
	if v >= limit {
		d.Fail(fmt.Errorf("%w: %d where less than %d can be", doc.ErrCorrupt, v, limit))
		return 0
	}
	return v
}

// Byte reads a byte.
func (d *Decoder) Byte() byte {
	if !d.ahead(1) {
		d.Fail(d.end)
		return 0
	}
	d.at++
	return d.buf[d.at-1]
}

// Bytes appends the next string to dst[:0], which is reused.
func (d *Decoder) Bytes(dst []byte) []byte {
	n := d.Uint()
	if n <= uint64(d.to-d.at) {
		return append(dst[:0], d.next(int(n))...)
	}
	return d.longBytes(dst, n)
}

// next returns n bytes that are read ahead.
func (d *Decoder) next(n int) []byte {
	d.at += n
	return d.buf[d.at-n : d.at]
}

// longBytes is Bytes where the n of the string are not all read ahead.
func (d *Decoder) longBytes(dst []byte, n uint64) []byte {
	if n > maxString {
		d.Fail(fmt.Errorf("%w: a string of %d bytes", doc.ErrCorrupt, n))
		return dst[:0]
	}
	// Grown as bytes arrive: a damaged length must not allocate by itself.
	dst = dst[:0]
	for n > 0 && d.Err == nil {
		step := min(n, 1<<17)
		at := len(dst)
		dst = append(dst, make([]byte, step)...)
		d.Full(dst[at:])
		n -= step
	}
	if d.Err != nil {
		return dst[:0]
	}
	return dst
}

// place is how many bytes have been read.
func (d *Decoder) place() int64 { return d.gone + int64(d.at) }

// skipTo reads up to a place what nobody wants.
func (d *Decoder) skipTo(end int64) {
	for d.Err == nil && d.place() < end {
		if !d.ahead(1) {
			d.Fail(d.end)
			return
		}
		d.at += int(min(end-d.place(), int64(d.to-d.at)))
	}
	d.endsAt(end)
}

// endsAt fails unless a record ends where its size says.
func (d *Decoder) endsAt(end int64) {
	if at := d.place(); d.Err == nil && at != end {
		d.Fail(fmt.Errorf("%w: a record that ends at %d and not, as its size says, at %d", doc.ErrCorrupt, at, end))
	}
}

// Str is Bytes as a string of its own.
func (d *Decoder) Str() string {
	n := d.Uint()
	if n <= uint64(d.to-d.at) {
		return string(d.next(int(n)))
	}
	return string(d.longBytes(nil, n))
}

// Fixed64 reads 8 bytes, little-endian.
func (d *Decoder) Fixed64() uint64 {
	if !d.ahead(8) {
		d.Fail(d.end)
		return 0
	}
	return binary.LittleEndian.Uint64(d.next(8))
}

// Place reads where a document is.
func (d *Decoder) Place() doc.Place {
	return doc.Place{Shard: d.Uint32(), Ordinal: d.Uint32()}
}

// Full reads as many bytes as b has, or fails.
func (d *Decoder) Full(b []byte) {
	for len(b) > 0 {
		if d.at == d.to && len(b) >= len(d.buf) && d.Err == nil && d.end == nil {
			// As a bufio.Reader: what is long goes where it is wanted.
			n, err := io.ReadFull(d.src, b)
			d.gone += int64(n)
			if d.end = err; err == nil {
				return
			}
			b = b[n:]
			continue
		}
		if !d.ahead(1) {
			d.Fail(d.end)
			return
		}
		b = b[copy(b, d.next(min(len(b), d.to-d.at))):]
	}
}
