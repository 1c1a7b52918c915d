package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
)

// Set writes a shingle set: its size, then the shingles, ascending.
func (e *Encoder) Set(set []uint64) {
	e.Uint(uint64(len(set)))
	for _, x := range set {
		e.Fixed64(x)
	}
}

// Set appends the next shingle set to dst[:0]. What it takes is bounded by what is there.
func (d *Decoder) Set(dst []uint64) []uint64 {
	dst = dst[:0]
	for left := d.Uint(); left > 0 && d.Err == nil; {
		if !d.ahead(8) {
			d.Fail(d.end)
			break
		}
		n := min(left, uint64(d.to-d.at)/8)
		left -= n
		for b := d.next(8 * int(n)); len(b) > 0; b = b[8:] {
			x := binary.LittleEndian.Uint64(b)
			if n := len(dst); n > 0 && x <= dst[n-1] {
				d.Fail(fmt.Errorf("%w: a set of shingles that does not ascend", doc.ErrCorrupt))
				break
			}
			dst = append(dst, x)
		}
	}
	return dst
}

// SkipSet passes over the next shingle set.
func (d *Decoder) SkipSet() {
	size := int64(d.Below(maxRecord)) * 8
	d.skipTo(d.place() + size)
}
