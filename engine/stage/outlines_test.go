package stage

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
	e := newEncoder(&b, magicOutlines)
	w := outlineWriter{encoder: e, outliner: neardup.NewOutliner(4, 5)}
	for i, shingles := range documents {
		w.add(&docRecord{Ordinal: uint32(i), Offset: int64(100 * i), Hash: uint64(i) << 60, Bytes: 7}, shingles)
	}
	if err := w.flush(); err != nil {
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
	d, err := newDecoder(bytes.NewReader(outlinesOf(t, documents...)), magicOutlines)
	if err != nil {
		t.Fatal(err)
	}
	var rec outlineRecord
	for i, shingles := range documents {
		if !d.more() {
			t.Fatalf("%d records", i)
		}
		d.outline(&rec)
		want := neardup.NewOutliner(4, 5).Outline(shingles)
		if d.err != nil || rec.ordinal != uint32(i) || rec.offset != int64(100*i) || rec.hash != uint64(i)<<60 || rec.length != 7 ||
			rec.outline.AtMost != want.AtMost || rec.outline.AtLeast != want.AtLeast || rec.outline.Whole != want.Whole || !slices.Equal(rec.outline.Bits, want.Bits) {
			t.Fatalf("record %d: %+v, %v", i, rec, d.err)
		}
	}
	if d.more() || d.err != nil {
		t.Errorf("more, or %v", d.err)
	}
}

// Damage is an error and takes no memory.
func TestDamagedOutlines(t *testing.T) {
	whole := outlinesOf(t, []uint64{1, 2, 3})
	read := func(b []byte) error {
		d, err := newDecoder(bytes.NewReader(b), magicOutlines)
		if err != nil {
			return err
		}
		var rec outlineRecord
		for d.more() {
			d.outline(&rec)
		}
		return d.err
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	head := len(magicOutlines)
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
