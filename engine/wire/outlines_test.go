package wire

import (
	"bytes"
	"errors"
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

func TestOutlinesRoundTrip(t *testing.T) {
	long := make([]uint64, 200_000) // more bits than are read at once
	for i := range long {
		long[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
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

// Damage is an error and takes no memory.
func TestDamagedOutlines(t *testing.T) {
	whole := outlinesOf(t, []uint64{1, 2, 3})
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
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	head := len(MagicOutlines)
	for cut := head + 1; cut < len(whole); cut++ {
		if err := read(whole[:cut]); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	for _, at := range []int{head + 4, head + 40, head + 56, head + 59, head + 63} { // ordinal, bounds, words
		b := bytes.Clone(whole)
		b[at] ^= 0x3a
		if err := read(b); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("changed at %d: %v", at, err)
		}
	}
}
