package parquetguard

import (
	"encoding/binary"
	"slices"
)

// thrift walks over the compact protocol of Thrift
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
type thrift struct {
	b  []byte
	at int
}

// Types of fields and elements.
const (
	isTrue   = 1
	isFalse  = 2
	isByte   = 3
	isInt16  = 4
	isInt32  = 5
	isInt64  = 6
	isDouble = 7
	isBinary = 8
	isList   = 9
	isSet    = 10
	isStruct = 12
)

const deepest = 16

// structure walks over a structure and reports whether all that it claims to have
// is there. field, if there is one, is told of the numbers in it by the fields that
// lead there; not of those in lists.
func (t *thrift) structure(path []int16, field func(path []int16, v int64)) bool {
	if len(path) > deepest {
		return false
	}
	for id := int16(0); ; {
		head, ok := t.byte()
		if !ok {
			return false
		}
		if head == 0 {
			return true
		}
		if step := head >> 4; step != 0 {
			id += int16(step)
		} else {
			v, ok := t.uvarint()
			if !ok {
				return false
			}
			id = int16(v>>1) ^ -int16(v&1)
		}
		if !t.value(head&0xf, append(slices.Clip(path), id), field) {
			return false
		}
	}
}

// value walks over the value of a field.
func (t *thrift) value(kind byte, path []int16, field func(path []int16, v int64)) bool {
	tell := func(v int64) {
		if field != nil {
			field(path, v)
		}
	}
	switch kind {
	case isTrue, isFalse:
		tell(int64(isFalse - kind))
		return true
	case isInt16, isInt32, isInt64:
		v, ok := t.uvarint()
		tell(int64(v>>1) ^ -int64(v&1))
		return ok
	case isByte:
		_, ok := t.byte()
		return ok
	case isDouble:
		return t.skip(8)
	case isBinary:
		n, ok := t.uvarint()
		return ok && t.skip(n)
	case isList, isSet:
		return t.list(path)
	case isStruct:
		return t.structure(path, field)
	}
	return false // nor are there maps in Parquet
}

// list walks over a list. As a list is allocated by its length, that must be backed
// by bytes: a row group, and a column of one, have far more than 16 of them.
func (t *thrift) list(path []int16) bool {
	head, ok := t.byte()
	if !ok {
		return false
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, ok = t.uvarint(); !ok {
			return false
		}
	}
	least := uint64(1)
	const rowGroups, columns = 4, 1
	if len(path) == 1 && path[0] == rowGroups || len(path) == 2 && path[0] == rowGroups && path[1] == columns {
		least = 16
	}
	if n > uint64(len(t.b)-t.at)/least {
		return false
	}
	kind := head & 0xf
	if kind == isList || kind == isSet { // Parquet has none of these in a list: lists in lists only exhaust the stack
		return n == 0
	}
	for range n {
		if kind == isTrue || kind == isFalse { // of which an element is a byte
			ok = t.skip(1)
		} else {
			ok = t.value(kind, path, nil)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (t *thrift) byte() (byte, bool) {
	if t.at >= len(t.b) {
		return 0, false
	}
	t.at++
	return t.b[t.at-1], true
}

func (t *thrift) uvarint() (uint64, bool) {
	v, n := binary.Uvarint(t.b[t.at:])
	if n <= 0 {
		return 0, false
	}
	t.at += n
	return v, true
}

func (t *thrift) skip(n uint64) bool {
	if n > uint64(len(t.b)-t.at) {
		return false
	}
	t.at += int(n)
	return true
}
