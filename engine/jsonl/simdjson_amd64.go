//go:build !purego && !noasm && !appengine && gc

package jsonl

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/minio/simdjson-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

func simdjsonSupported() bool { return simdjson.SupportedCPU() }

// viaSimdjson reads a line with minio/simdjson-go v0.4.5 where that decides by
// our rule, and with the native parser where it does not, or not provably:
//
//   - it checks no UTF-8 and trims Unicode's white space around the line;
//   - it lets pass \u escapes whose digits are none, and joins halves of
//     surrogate pairs without a look at the second one;
//   - it lets pass a float with a superfluous zero (-01.5);
//   - it knows no limit of depth;
//   - it says neither where nor why a line is invalid.
//
// So it only ever decides that a line is good.
type viaSimdjson struct {
	native  *native
	options []simdjson.ParserOption
	parsed  *simdjson.ParsedJson
	line    []byte
	digits  []byte // of wanted integers
	found   found
}

func newSimdjson(n *native) Parser {
	return &viaSimdjson{
		native:  n,
		options: []simdjson.ParserOption{simdjson.WithCopyStrings(false)},
	}
}

func (p *viaSimdjson) Parse(line []byte, rec *Record) doc.Reason {
	// A copy, because the library reads lines of more than 8 KB on another
	// goroutine, where nobody would catch the fault of a mapped file that
	// shrank.
	p.line = append(p.line[:0], line...)
	if safe(p.line) && p.parse() && p.found.record(rec, p.native.requireContributor) == doc.OK {
		return doc.OK
	}
	return p.native.Parse(line, rec)
}

// Release implements Parser.
func (p *viaSimdjson) Release() { p.native.Release() }

// safe reports whether the line has nothing in it that the library is known to
// judge in another way before there is a tape to look at.
func safe(line []byte) bool {
	n := len(line)
	return n >= 2 && line[0] == '{' && line[n-1] == '}' &&
		!hasControl(line) && utf8valid.Valid(line) && !bytes.Contains(line, []byte(`\u`))
}

// hasControl reports whether a byte is below 0x20, eight of them at a time: a
// byte's top bit is set in (x - 0x20) & ^x iff x < 0x20, as long as no borrow
// comes from a byte below, and a borrow comes only from a byte for which it is.
func hasControl(s []byte) bool {
	const tops, spaces = 0x8080808080808080, 0x2020202020202020
	for ; len(s) >= 8; s = s[8:] {
		if x := binary.LittleEndian.Uint64(s); (x-spaces)&^x&tops != 0 {
			return true
		}
	}
	for _, c := range s {
		if c < 0x20 {
			return true
		}
	}
	return false
}

// parse collects the wanted values, or reports false where only the native
// parser may decide.
func (p *viaSimdjson) parse() bool {
	parsed, err := simdjson.Parse(p.line, p.parsed, p.options...)
	p.parsed = parsed
	if err != nil {
		return false
	}
	// Every open container is two words of the tape.
	if len(parsed.Tape) > 2*MaxDepth || hasFloat(parsed.Tape) {
		return false
	}
	iter := parsed.Iter()
	var (
		root   simdjson.Iter
		object simdjson.Object
	)
	iter.Advance()
	kind, _, err := iter.Root(&root)
	if err != nil || kind != simdjson.TypeObject {
		return false
	}
	if _, err := root.Object(&object); err != nil {
		return false
	}
	p.digits = p.digits[:0]
	p.native.lines++
	p.found = found{object: true, duplicate: -1}
	return p.object(&object, p.native.root)
}

// hasFloat walks the tape, whose strings and numbers are two words each.
func hasFloat(tape []uint64) bool {
	for i := 0; i < len(tape); i++ {
		switch simdjson.Tag(tape[i] >> simdjson.JSONTAGOFFSET) {
		case simdjson.TagFloat:
			return true
		case simdjson.TagString, simdjson.TagInteger, simdjson.TagUint:
			i++
		}
	}
	return false
}

func (p *viaSimdjson) object(o *simdjson.Object, n *node) bool {
	var iter simdjson.Iter
	for {
		key, kind, err := o.NextElementBytes(&iter)
		if err != nil {
			return false
		}
		if kind == simdjson.TypeNone {
			return true
		}
		child := n.child(key)
		if child == nil {
			continue
		}
		if child.seen == p.native.lines {
			return false
		}
		child.seen = p.native.lines
		if child.fields != 0 {
			v, ok := p.value(&iter, kind)
			if !ok {
				return false
			}
			p.found.set(child.fields, v)
		}
		if kind == simdjson.TypeObject && len(child.children) > 0 {
			var inner simdjson.Object
			if _, err := iter.Object(&inner); err != nil || !p.object(&inner, child) {
				return false
			}
		}
	}
}

func (p *viaSimdjson) value(iter *simdjson.Iter, t simdjson.Type) (value, bool) {
	switch t {
	case simdjson.TypeString:
		s, err := iter.StringBytes()
		return value{kind: str, data: s}, err == nil
	case simdjson.TypeNull:
		return value{kind: null}, true
	case simdjson.TypeInt:
		n, err := iter.Int()
		return p.integer(strconv.AppendInt(p.digits, n, 10)), err == nil && n != 0
	case simdjson.TypeUint:
		n, err := iter.Uint()
		return p.integer(strconv.AppendUint(p.digits, n, 10)), err == nil
	}
	return value{kind: other}, true
}

// integer takes the number behind p.digits. It is written as in the line: the
// library lets no + and no superfluous zero pass. Only 0 can be -0.
func (p *viaSimdjson) integer(digits []byte) value {
	v := value{kind: number, data: digits[len(p.digits):]}
	p.digits = digits
	return v
}
