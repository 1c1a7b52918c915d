package stage

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
)

// What scan leaves for an audit of each document that it did not reject: enough to
// find the text again, and its outline. All numbers are of 64 bits, little-endian.
const magicOutlines = "tallystick outlines 1\n"

type outlineRecord struct {
	ordinal uint32
	offset  int64  // of the line in the (decompressed) file, bytes
	hash    uint64 // of the text
	length  uint64 // of the text, bytes
	outline neardup.Outline
}

// outlineHead is the number of numbers before the bits of an outline; the last is
// how many words of bits follow.
const outlineHead = 8

// maxOutlineWords bounds an outline: 8 bits for each of 2³² shingles.
const maxOutlineWords = 1 << 29

type outlineWriter struct {
	*encoder
	outliner *neardup.Outliner
	buf      []byte
}

// add writes the record of a document with the given shingles.
func (w *outlineWriter) add(d *docRecord, shingles []uint64) {
	o := w.outliner.Outline(shingles)
	b := w.buf[:0]
	for _, v := range [outlineHead]uint64{uint64(d.Ordinal), uint64(d.Offset), d.Hash, d.Bytes, o.AtMost, o.AtLeast, o.Whole, uint64(len(o.Bits))} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, v := range o.Bits {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	w.w.Write(b) // the bufio.Writer keeps the first error
	w.buf = b
}

// outline reads a record into r, whose memory it reuses.
func (d *decoder) outline(r *outlineRecord) {
	var head [outlineHead * 8]byte
	if _, err := io.ReadFull(d.r, head[:]); err != nil {
		d.fail(err)
		return
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(head[8*i:]) }
	words := at(7)
	if words > maxOutlineWords || bits.OnesCount64(words) > 1 || at(0) > 1<<32-1 || at(5) > at(4) {
		d.fail(fmt.Errorf("%w: an outline of line %d with %d words for %d shingles", doc.ErrCorrupt, at(0), words, at(4)))
		return
	}
	r.ordinal, r.offset, r.hash, r.length = uint32(at(0)), int64(at(1)), at(2), at(3)
	r.outline.AtMost, r.outline.AtLeast, r.outline.Whole = at(4), at(5), at(6)
	r.outline.Bits = r.outline.Bits[:0]
	for words > 0 { // grown as bytes arrive: a damaged length must not allocate by itself
		some := min(words, 1<<10)
		b, err := d.r.Peek(int(8 * some))
		if err != nil {
			d.fail(err)
			return
		}
		for i := range int(some) {
			r.outline.Bits = append(r.outline.Bits, binary.LittleEndian.Uint64(b[8*i:]))
		}
		d.r.Discard(len(b))
		words -= some
	}
}
