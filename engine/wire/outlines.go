package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
)

// MagicOutlines begins what scan leaves for an audit of each document that it did not reject: enough to
// find the text again, and its outline. All numbers are of 64 bits, little-endian.
const MagicOutlines = "tallystick outlines 1\n"

// Outline is that of one document, and where its text is.
type Outline struct {
	Ordinal uint32
	Offset  int64  // of the line in the (decompressed) file, bytes
	Hash    uint64 // of the text
	Length  uint64 // of the text, bytes
	Outline neardup.Outline
}

// outlineHead is the number of numbers before the bits of an outline; the last is
// how many words of bits follow.
const outlineHead = 8

// maxOutlineWords bounds an outline: 8 bits for each of 2³² shingles.
const maxOutlineWords = 1 << 29

// OutlineWriter writes a file of outlines.
type OutlineWriter struct {
	*Encoder
	outliner *neardup.Outliner
}

// NewOutlineWriter makes outlines for the threshold num/den.
func NewOutlineWriter(e *Encoder, num, den int64) *OutlineWriter {
	return &OutlineWriter{Encoder: e, outliner: neardup.NewOutliner(num, den)}
}

// Add writes the record of a document with the given shingles.
func (w *OutlineWriter) Add(d *Document, shingles []uint64) {
	o := w.outliner.Outline(shingles)
	w.Fixed64(uint64(d.Ordinal)) // which makes room
	b := w.buf
	for _, v := range [outlineHead - 1]uint64{uint64(d.Offset), d.Hash, d.Bytes, o.AtMost, o.AtLeast, o.Whole, uint64(len(o.Bits))} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, v := range o.Bits {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	w.buf = b
}

// Outline reads a record into r, whose memory it reuses.
func (d *Decoder) Outline(r *Outline) {
	var head [outlineHead]uint64
	if d.ahead(8 * outlineHead) {
		b := d.next(8 * outlineHead)
		for i := range head {
			head[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	} else {
		for i := range head {
			head[i] = d.Fixed64()
		}
	}
	words := head[7]
	if d.Err == nil && (words > maxOutlineWords || bits.OnesCount64(words) > 1 || head[0] > 1<<32-1 || head[5] > head[4]) {
		d.Fail(fmt.Errorf("%w: an outline of line %d with %d words for %d shingles", doc.ErrCorrupt, head[0], words, head[4]))
	}
	r.Ordinal, r.Offset, r.Hash, r.Length = uint32(head[0]), int64(head[1]), head[2], head[3]
	r.Outline.AtMost, r.Outline.AtLeast, r.Outline.Whole = head[4], head[5], head[6]
	r.Outline.Bits = r.Outline.Bits[:0]
	for ; words > 0 && d.Err == nil; words-- { // grown as bytes arrive: a damaged length must not allocate by itself
		r.Outline.Bits = append(r.Outline.Bits, d.Fixed64())
	}
}
