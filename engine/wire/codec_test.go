package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/tallystick/tallystick/engine/doc"
)

// TestDecoderReads: however few bytes a file gives at a time and however few are
// read ahead, what was written is read, and a file cut anywhere ends
// in an error that says so.
func TestDecoderReads(t *testing.T) {
	const magic = "test 1\n"
	rng := rand.New(rand.NewPCG(1, 1))
	slow := []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
	}
	for round := range 600 {
		kind := rng.IntN(len(slow))
		var file bytes.Buffer
		e := NewEncoder(&file, magic)
		var read []func(*Decoder) bool
		for range rng.IntN(40) {
			n := rng.Uint64() >> rng.IntN(64)
			size := rng.IntN(60)
			if rng.IntN(8) == 0 && kind != 1 {
				size = rng.IntN(codecBuffer + codecBuffer/4)
			}
			text := string(bytes.Repeat([]byte{byte(n)}, size))
			switch rng.IntN(5) {
			case 0:
				e.Uint(n)
				read = append(read, func(d *Decoder) bool { return d.Uint() == n })
			case 1:
				e.Fixed64(n)
				read = append(read, func(d *Decoder) bool { return d.Fixed64() == n })
			case 2:
				e.Int(int64(n))
				read = append(read, func(d *Decoder) bool { return d.Int() == int64(n) })
			case 3:
				e.Str(text)
				read = append(read, func(d *Decoder) bool { return d.Str() == text })
			default:
				e.Str(text)
				read = append(read, func(d *Decoder) bool {
					b := make([]byte, d.Uint())
					d.Full(b)
					return string(b) == text
				})
			}
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{file.Len(), len(magic) + rng.IntN(file.Len()-len(magic)+1)} {
			d, err := NewDecoderSize(slow[kind](bytes.NewReader(file.Bytes()[:size])), magic, rng.IntN(5000))
			if err != nil {
				t.Fatal(err)
			}
			for i, same := range read {
				if !same(d) && d.Err == nil {
					t.Fatalf("round %d: value %d is another", round, i)
				}
			}
			switch whole := size == file.Len(); {
			case whole && (d.More() || d.Err != nil):
				t.Fatalf("round %d: at the end: %v", round, d.Err)
			case !whole && !errors.Is(d.Err, doc.ErrCorrupt):
				t.Fatalf("round %d: cut at %d of %d bytes: %v", round, size, file.Len(), d.Err)
			}
		}
	}
}

// An error of the file is kept, and is not one of what it holds.
func TestDecoderKeepsErrors(t *testing.T) {
	const magic = "test 1\n"
	broken := errors.New("broken disk")
	d, err := NewDecoder(io.MultiReader(bytes.NewReader([]byte(magic+"\x05abc")), iotest.ErrReader(broken)), magic)
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Str(); s != "" || !errors.Is(d.Err, broken) || d.Uint() != 0 || d.More() || !errors.Is(d.Err, broken) {
		t.Fatalf("%q, %v", s, d.Err)
	}
}
