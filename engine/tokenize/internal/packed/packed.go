// Package packed writes and reads the lists of numbers that a tokenizer becomes
// on disk: each begins with its length, a uint32, and all is little-endian.
package packed

import "encoding/binary"

// AppendBytes appends a list of bytes.
func AppendBytes(out, list []byte) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(list)))
	return append(out, list...)
}

// AppendUint32s appends a list of numbers.
func AppendUint32s(out []byte, list []uint32) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(list)))
	for _, n := range list {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return out
}

// AppendUint64s appends a list of numbers.
func AppendUint64s(out []byte, list []uint64) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(list)))
	for _, n := range list {
		out = binary.LittleEndian.AppendUint64(out, n)
	}
	return out
}

// Reader reads lists in the order in which they were written. One that is not
// there in full is empty, and so are all after it.
type Reader struct {
	rest   []byte
	failed bool
}

// NewReader reads packed, which the results of Bytes are parts of.
func NewReader(packed []byte) *Reader { return &Reader{rest: packed} }

// Done tells whether all has been read, and nothing was missing.
func (r *Reader) Done() bool { return !r.failed && len(r.rest) == 0 }

// Rest returns what has not been read, if nothing was missing.
func (r *Reader) Rest() []byte { return r.rest }

// Bytes returns the next list, one of bytes.
func (r *Reader) Bytes() []byte { return r.list(1) }

// Uint32s returns the next list, one of uint32.
func (r *Reader) Uint32s() []uint32 {
	raw := r.list(4)
	list := make([]uint32, len(raw)/4)
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return list
}

// Uint64s returns the next list, one of uint64.
func (r *Reader) Uint64s() []uint64 {
	raw := r.list(8)
	list := make([]uint64, len(raw)/8)
	for i := range list {
		list[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return list
}

// Uint64Pairs returns the next list, one of uint64, two by two; one that is left
// over is missing.
func (r *Reader) Uint64Pairs() [][2]uint64 {
	raw := r.list(8)
	if len(raw)%16 != 0 {
		r.failed, r.rest, raw = true, nil, nil
	}
	list := make([][2]uint64, len(raw)/16)
	for i := range list {
		list[i] = [2]uint64{binary.LittleEndian.Uint64(raw[16*i:]), binary.LittleEndian.Uint64(raw[16*i+8:])}
	}
	return list
}

// list returns the bytes of a list of elements of some size.
func (r *Reader) list(size uint64) []byte {
	if len(r.rest) >= 4 {
		length := size * uint64(binary.LittleEndian.Uint32(r.rest))
		if body := r.rest[4:]; length <= uint64(len(body)) {
			r.rest = body[length:]
			return body[:length]
		}
	}
	r.failed, r.rest = true, nil
	return nil
}
