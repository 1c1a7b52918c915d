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

// mostBase bounds the sets that others are edits of, shingles: whoever reads many files at once
// holds one of each.
const mostBase = 1 << 13

// SetsEncoder writes shingle sets of which neighbours are alike: each as its edits of the one
// before, its base, where that is less. Edits are what the set has gained, and where in the base
// what it has lost is.
type SetsEncoder struct {
	*Encoder
	base, gained []uint64
	lost         []uint64 // how many of the base are kept before each that is not, after the one before
}

// Set writes the next one: 0 and the set, or one more than it has lost and its edits.
func (e *SetsEncoder) Set(set []uint64) {
	if len(set) > mostBase {
		e.base = e.base[:0]
	} else {
		e.edit(set)
		e.base = append(e.base[:0], set...)
	}
	if len(set) > mostBase || len(e.lost)+8*len(e.gained) >= 8*len(set) {
		e.Uint(0)
		e.Encoder.Set(set)
		return
	}
	e.Uint(uint64(len(e.lost)) + 1)
	e.Encoder.Set(e.gained)
	for _, between := range e.lost {
		e.Uint(between)
	}
}

// edit finds the edits that make set of the base.
func (e *SetsEncoder) edit(set []uint64) {
	e.gained, e.lost = e.gained[:0], e.lost[:0]
	between := uint64(0)
	for _, x := range e.base {
		for len(set) > 0 && set[0] < x {
			e.gained, set = append(e.gained, set[0]), set[1:]
		}
		if len(set) > 0 && set[0] == x {
			set = set[1:]
			between++
		} else {
			e.lost, between = append(e.lost, between), 0
		}
	}
	e.gained = append(e.gained, set...)
}

// SetsDecoder reads what SetsEncoder wrote.
type SetsDecoder struct {
	*Decoder
	base, gained []uint64
}

// Set appends the next set to dst[:0].
func (d *SetsDecoder) Set(dst []uint64) []uint64 {
	if lost := d.Below(mostBase + 2); lost == 0 {
		dst = d.Decoder.Set(dst)
	} else {
		dst = d.edited(dst[:0], lost-1)
	}
	d.base = d.base[:0]
	if len(dst) <= mostBase {
		d.base = append(d.base, dst...)
	}
	return dst
}

// edited appends what edits make of the base.
func (d *SetsDecoder) edited(dst []uint64, lost uint64) []uint64 {
	d.gained = d.Decoder.Set(d.gained)
	base, gained := d.base, d.gained
	for {
		kept := base
		if lost > 0 {
			between := d.Uint()
			if between >= uint64(len(base)) {
				d.Fail(fmt.Errorf("%w: a set that lacks shingle %d of %d", doc.ErrCorrupt, between, len(base)))
			}
			if d.Err != nil {
				return dst
			}
			kept, base = base[:between], base[between+1:]
		}
		for _, x := range kept {
			for len(gained) > 0 && gained[0] < x {
				dst, gained = append(dst, gained[0]), gained[1:]
			}
			if len(gained) > 0 && gained[0] == x {
				d.Fail(fmt.Errorf("%w: a set that has a shingle twice", doc.ErrCorrupt))
				return dst
			}
			dst = append(dst, x)
		}
		if lost == 0 {
			return append(dst, gained...)
		}
		lost--
	}
}
