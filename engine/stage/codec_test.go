package stage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/tallystick/tallystick/engine/doc"
)

// slowFile reads in another way than its file, from the same place.
type slowFile struct {
	io.Reader
	io.Seeker
}

// TestDecoderReads: however few bytes a file gives at a time and however few are
// read ahead, what was written is read or skipped, and a file cut anywhere ends
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
		e := newEncoder(&file, magic)
		var read []func(*decoder) bool
		for range rng.IntN(40) {
			n := rng.Uint64() >> rng.IntN(64)
			size := rng.IntN(60)
			if rng.IntN(8) == 0 && kind != 1 {
				size = rng.IntN(codecBuffer + codecBuffer/4)
			}
			text := string(bytes.Repeat([]byte{byte(n)}, size))
			switch rng.IntN(5) {
			case 0:
				e.uint(n)
				read = append(read, func(d *decoder) bool { return d.uint() == n })
			case 1:
				e.fixed64(n)
				read = append(read, func(d *decoder) bool { return d.fixed64() == n })
			case 2:
				e.int(int64(n))
				read = append(read, func(d *decoder) bool { return d.int() == int64(n) })
			case 3:
				e.string(text)
				read = append(read, func(d *decoder) bool { return d.string() == text })
			default:
				e.string(text)
				read = append(read, func(d *decoder) bool {
					size := d.uint()
					// This reader has read what it has not given yet: it cannot seek.
					if kind == 3 {
						d.full(make([]byte, size))
					} else {
						d.skip(size)
					}
					return size == uint64(len(text))
				})
			}
		}
		if err := e.flush(); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{file.Len(), len(magic) + rng.IntN(file.Len()-len(magic)+1)} {
			r := bytes.NewReader(file.Bytes()[:size])
			d, err := newDecoderSize(slowFile{slow[kind](r), r}, magic, rng.IntN(5000))
			if err != nil {
				t.Fatal(err)
			}
			for i, same := range read {
				if !same(d) && d.err == nil {
					t.Fatalf("round %d: value %d is another", round, i)
				}
			}
			switch whole := size == file.Len(); {
			case whole && (d.more() || d.err != nil):
				t.Fatalf("round %d: at the end: %v", round, d.err)
			case !whole && !errors.Is(d.err, doc.ErrCorrupt):
				t.Fatalf("round %d: cut at %d of %d bytes: %v", round, size, file.Len(), d.err)
			}
		}
	}
}

// An error of the file is kept, and is not one of what it holds.
func TestDecoderKeepsErrors(t *testing.T) {
	const magic = "test 1\n"
	broken := errors.New("broken disk")
	d, err := newDecoder(io.MultiReader(bytes.NewReader([]byte(magic+"\x05abc")), iotest.ErrReader(broken)), magic)
	if err != nil {
		t.Fatal(err)
	}
	if s := d.string(); s != "" || !errors.Is(d.err, broken) || d.uint() != 0 || d.more() || !errors.Is(d.err, broken) {
		t.Fatalf("%q, %v", s, d.err)
	}
}
