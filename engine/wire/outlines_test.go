package wire

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/neardup"
)

func outlinesOf(t *testing.T, documents ...[]uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	e := NewEncoder(&b, MagicOutlines)
	w := NewOutlineWriter(e, 4, 5)
	for i, shingles := range documents {
		w.Add(&Document{Ordinal: uint32(i), Offset: int64(100 * i), Hash: uint64(i) << 60, Bytes: 7}, shingles)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// longDocument has more bits than are read at once.
func longDocument() []uint64 {
	long := make([]uint64, 200_000)
	for i := range long {
		long[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	return long
}

func TestOutlinesRoundTrip(t *testing.T) {
	long := longDocument()
	documents := [][]uint64{{1, 2, 3}, nil, long, {1 << 63}}
	d, err := NewDecoder(bytes.NewReader(outlinesOf(t, documents...)), MagicOutlines)
	if err != nil {
		t.Fatal(err)
	}
	var rec Outline
	for i, shingles := range documents {
		if !d.More() {
			t.Fatalf("%d records", i)
		}
		d.Outline(&rec)
		want := neardup.NewOutliner(4, 5).Outline(shingles)
		if d.Err != nil || rec.Ordinal != uint32(i) || rec.Offset != int64(100*i) || rec.Hash != uint64(i)<<60 || rec.Length != 7 ||
			rec.Outline.AtMost != want.AtMost || rec.Outline.AtLeast != want.AtLeast || rec.Outline.Whole != want.Whole || !slices.Equal(rec.Outline.Bits, want.Bits) {
			t.Fatalf("record %d: %+v, %v", i, rec, d.Err)
		}
	}
	if d.More() || d.Err != nil {
		t.Errorf("more, or %v", d.Err)
	}
}

// What has no room in a short head has a long one.
func TestOutlineHeads(t *testing.T) {
	for _, want := range []Document{
		{}, {Ordinal: math.MaxUint32, Offset: 1<<offsetBits - 1, Hash: math.MaxUint64, Bytes: 1<<(64-offsetBits) - 1},
		{Ordinal: 1, Offset: 1 << offsetBits, Bytes: 3}, {Ordinal: math.MaxUint32, Offset: math.MaxInt64, Bytes: 1 << (64 - offsetBits)},
	} {
		for _, n := range []int{0, 1, 1<<boundBits - 1, 1 << boundBits} {
			shingles := longDocument()[:n]
			var b bytes.Buffer
			w := NewOutlineWriter(NewEncoder(&b, MagicOutlines), 4, 5)
			w.Add(&want, shingles)
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			d, err := NewDecoder(&b, MagicOutlines)
			if err != nil {
				t.Fatal(err)
			}
			var got Outline
			d.Outline(&got)
			o := neardup.NewOutliner(4, 5).Outline(shingles)
			if d.Err != nil || got.Ordinal != want.Ordinal || got.Offset != want.Offset || got.Hash != want.Hash || got.Length != want.Bytes ||
				got.Outline.AtMost != o.AtMost || got.Outline.AtLeast != o.AtLeast || got.Outline.Whole != o.Whole || !slices.Equal(got.Outline.Bits, o.Bits) {
				t.Errorf("%+v with %d shingles: %v, %+v", want, n, d.Err, got)
			}
		}
	}
}

// Damage is an error and takes no memory.
func TestDamagedOutlines(t *testing.T) {
	read := func(b []byte) error {
		d, err := NewDecoder(bytes.NewReader(b), MagicOutlines)
		if err != nil {
			return err
		}
		var rec Outline
		for d.More() {
			d.Outline(&rec)
		}
		return d.Err
	}
	head := len(MagicOutlines)
	for _, c := range []struct {
		shingles []uint64
		changed  []int // a bound and the words; ordinal, bound, words
	}{{[]uint64{1, 2, 3}, []int{6, 7}}, {longDocument(), []int{12, 48, 64, 67, 71}}} {
		whole := outlinesOf(t, c.shingles)
		if err := read(whole); err != nil {
			t.Fatal(err)
		}
		for cut := head + 1; cut < min(len(whole), head+100); cut++ {
			if err := read(whole[:cut]); !errors.Is(err, doc.ErrCorrupt) {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
		for _, at := range c.changed {
			b := bytes.Clone(whole)
			b[head+at] ^= 0x3a
			if err := read(b); !errors.Is(err, doc.ErrCorrupt) {
				t.Errorf("changed at %d: %v", at, err)
			}
		}
	}
}
