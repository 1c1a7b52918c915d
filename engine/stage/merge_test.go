package stage

import (
	"bytes"
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

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
	var got tally.Row
	got.Further = make([]doc.ClassTokens, 2)
	f := summedFile{kind: summedKind{values: 5 * (3 + 2)}, d: d}
	if more, err := f.next(); !more || err != nil {
		t.Fatalf("sums: %v", err)
	}
	f.row.tallyRow(&got)
	if diff := gocmp.Diff(row, got); diff != "" {
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
