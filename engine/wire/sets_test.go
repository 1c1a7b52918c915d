package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// Sets of any size are read as they were written, or passed over, whatever the buffer is.
func TestSetsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var sets [][]uint64
	for _, n := range []int{0, 1, 2, 7, 100, 5000, 0, 40_000, 3} {
		var set []uint64
		for range n {
			set = append(set, rng.Uint64())
		}
		slices.Sort(set)
		sets = append(sets, slices.Compact(set))
	}
	const magic = "sets\n"
	var file bytes.Buffer
	e := NewEncoder(&file, magic)
	for _, set := range sets {
		e.Set(set)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, buffer := range []int{10, 64, codecBuffer} {
		for skipped := range len(sets) + 1 {
			d, err := NewDecoderSize(bytes.NewReader(file.Bytes()), magic, buffer)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for i, set := range sets {
				if i == skipped {
					d.SkipSet()
				} else if got = d.Set(got); !slices.Equal(got, set) {
					t.Fatalf("buffer of %d, set %d of %d shingles: got %d", buffer, i, len(set), len(got))
				}
			}
			if d.More() || d.Err != nil {
				t.Fatalf("buffer of %d: more, %v", buffer, d.Err)
			}
		}
	}
}

// What is no set is an error that takes no more memory than there are bytes.
func TestDamagedSets(t *testing.T) {
	number := func(n uint64, shingles ...uint64) []byte {
		b := binary.AppendUvarint(nil, n)
		for _, x := range shingles {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
		return b
	}
	for name, c := range map[string]struct {
		file  []byte
		skips bool // SkipSet finds it, too
	}{
		"a size of 2⁶⁰": {number(1<<60, 1, 2), true},
		"cut":           {number(3, 1, 2), true},
		"cut inside":    {number(2, 1, 2)[:12], true},
		"descends":      {number(3, 1, 3, 2), false},
		"twice":         {number(2, 7, 7), false},
	} {
		for _, buffer := range []int{10, 1024} {
			for _, skip := range []bool{false, true} {
				d, err := NewDecoderSize(bytes.NewReader(c.file), "", buffer)
				if err != nil {
					t.Fatal(err)
				}
				if skip {
					d.SkipSet()
				} else if got := d.Set(nil); cap(got) > 1024 {
					t.Errorf("%s: %d shingles", name, cap(got))
				}
				if want := !skip || c.skips; errors.Is(d.Err, doc.ErrCorrupt) != want {
					t.Errorf("%s, skipped %v: %v", name, skip, d.Err)
				}
			}
		}
	}
}
