package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
)

// MagicOutlines begins what scan leaves for an audit of each document that it did not reject: enough to
// find the text again, and its outline. A record is 64-bit numbers, little-endian: a head of
// four numbers or, where they have no room for it, the mark and one of eight; then the bits of the outline.
const MagicOutlines = "tallystick outlines 2\n"

// Outline is that of one document, and where its text is.
type Outline struct {
	Ordinal uint32
	Offset  int64  // of the line in the (decompressed) file, bytes
	Hash    uint64 // of the text
	Length  uint64 // of the text, bytes
	Outline neardup.Outline
}

// outlineHead is the number of numbers of a long head before the bits of an outline; the last is
// how many words of bits follow.
const outlineHead = 8

// What the first two numbers of a short head are made of, from the lowest bits on: the
// ordinal, both bounds and the number of words; then the offset and the length of the text.
// The others are the hash of the text and that of the set.
const (
	ordinalBits = 32
	boundBits   = 14
	wordsBits   = 64 - ordinalBits - 2*boundBits // log2 of the words plus one; 0: there are none
	longOutline = 1<<wordsBits - 1               // begins a record with a long head
	offsetBits  = 40
)

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
	words := uint64(bits.Len(uint(len(o.Bits))))
	first := uint64(d.Ordinal) | o.AtMost<<ordinalBits | o.AtLeast<<(ordinalBits+boundBits) | words<<(64-wordsBits)
	long := o.AtMost >= 1<<boundBits || words >= longOutline || uint64(d.Offset) >= 1<<offsetBits || d.Bytes >= 1<<(64-offsetBits)
	if long {
		first = longOutline << (64 - wordsBits)
	}
	w.Fixed64(first) // which makes room
	b := w.buf
	if long {
		for _, v := range [outlineHead]uint64{uint64(d.Ordinal), uint64(d.Offset), d.Hash, d.Bytes, o.AtMost, o.AtLeast, o.Whole, uint64(len(o.Bits))} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	} else {
		b = binary.LittleEndian.AppendUint64(b, uint64(d.Offset)|d.Bytes<<offsetBits)
		b = binary.LittleEndian.AppendUint64(b, d.Hash)
		b = binary.LittleEndian.AppendUint64(b, o.Whole)
	}
	for _, v := range o.Bits {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	w.buf = b
}

// Outline reads a record into r, whose memory it reuses.
func (d *Decoder) Outline(r *Outline) {
	first := d.Fixed64()
	words := uint64(1) << (first >> (64 - wordsBits)) >> 1
	if first>>(64-wordsBits) == longOutline {
		words = d.longOutline(r)
	} else {
		r.Ordinal = uint32(first)
		r.Outline.AtMost, r.Outline.AtLeast = first>>ordinalBits&(1<<boundBits-1), first>>(ordinalBits+boundBits)&(1<<boundBits-1)
		second := d.Fixed64()
		r.Offset, r.Length = int64(second&(1<<offsetBits-1)), second>>offsetBits
		r.Hash, r.Outline.Whole = d.Fixed64(), d.Fixed64()
	}
	if d.Err == nil && (words > maxOutlineWords || bits.OnesCount64(words) > 1 || r.Outline.AtLeast > r.Outline.AtMost) {
		d.Fail(fmt.Errorf("%w: an outline of line %d with %d words for %d shingles", doc.ErrCorrupt, r.Ordinal, words, r.Outline.AtMost))
	}
	r.Outline.Bits = r.Outline.Bits[:0]
	for ; words > 0 && d.Err == nil; words-- { // grown as bytes arrive: a damaged length must not allocate by itself
		r.Outline.Bits = append(r.Outline.Bits, d.Fixed64())
	}
}

// longOutline reads a long head and returns how many words of bits follow.
func (d *Decoder) longOutline(r *Outline) (words uint64) {
	var head [outlineHead]uint64
	for i := range head {
		head[i] = d.Fixed64()
	}
	if d.Err == nil && head[0] > math.MaxUint32 {
		d.Fail(fmt.Errorf("%w: an outline of line %d", doc.ErrCorrupt, head[0]))
	}
	r.Ordinal, r.Offset, r.Hash, r.Length = uint32(head[0]), int64(head[1]), head[2], head[3]
	r.Outline.AtMost, r.Outline.AtLeast, r.Outline.Whole = head[4], head[5], head[6]
	return head[7]
}
