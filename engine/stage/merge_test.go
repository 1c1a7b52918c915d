package stage

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/wire"
)

// Further tokenizers add their figures to sums.
func TestFurtherSumsRoundTrip(t *testing.T) {
	var b bytes.Buffer
	e := wire.NewEncoder(&b, magicSums)
	row := tally.Row{Contributor: "Ann", Further: []doc.ClassTokens{{doc.Kept: 5, doc.NearDup: 1 << 50}, {doc.Excluded: 9}}}
	putSums(e, &row)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	d, err := wire.NewDecoder(&b, magicSums)
	if err != nil {
		t.Fatal(err)
	}
	f := summedFile{kind: summedKind{values: 5 * (3 + 2)}, d: d}
	if more, err := f.next(); !more || err != nil {
		t.Fatalf("sums: %v", err)
	}
	got := sealedRow{Row: tally.Row{Further: make([]doc.ClassTokens, 2)}, name: f.row.name, values: append(f.row.values, 0, 0, 0)}
	got.settle(false)
	if diff := gocmp.Diff(row, got.Row); diff != "" {
		t.Errorf("sums: %s", diff)
	}
	if more, err := f.next(); more || err != nil {
		t.Errorf("more sums, or %v", err)
	}
}

// FuzzSums: whatever the bytes, sums end, or with doc.ErrCorrupt.
func FuzzSums(f *testing.F) {
	f.Add([]byte(magicSums))
	f.Add(append([]byte(magicSums), bytes.Repeat([]byte{0xff}, 30)...))
	f.Add(append([]byte(magicSums), make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		d, err := wire.NewDecoder(bytes.NewReader(file), magicSums)
		f := summedFile{kind: summedKind{values: 15}, d: d}
		for more := true; more && err == nil; {
			more, err = f.next()
		}
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%v: does not wrap %v", err, doc.ErrCorrupt)
		}
	})
}

// Numbers of which most are 0 come back, whatever their number.
func TestFewNumbersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64())
		rows := rapid.SliceOfN(rapid.SliceOfN(number, 0, 3*fewAtOnce), 0, 4).Draw(t, "rows")
		var b bytes.Buffer
		e := wire.NewEncoder(&b, magicSums)
		for _, values := range rows {
			putFew(e, values)
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		d, err := wire.NewDecoder(&b, magicSums)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64 // what one leaves in it is not the next one's
		for _, values := range rows {
			if got = getFew(d, got, len(values)); !slices.Equal(got, values) {
				t.Fatalf("%d came back as %d", values, got)
			}
		}
		if d.More() || d.Err != nil {
			t.Fatalf("more numbers, or %v", d.Err)
		}
	})
}
