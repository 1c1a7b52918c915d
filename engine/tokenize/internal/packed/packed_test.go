package packed

import (
	"bytes"
	"slices"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	out := AppendBytes(nil, []byte("text"))
	out = AppendUint32s(out, []uint32{1, 1 << 31})
	out = AppendUint64s(out, []uint64{1 << 63, 2, 3})
	out = AppendBytes(out, nil)
	for n := range len(out) + 1 {
		r := NewReader(out[:n])
		text, small, large, none := r.Bytes(), r.Uint32s(), r.Uint64s(), r.Bytes()
		if r.Done() != (n == len(out)) {
			t.Fatalf("done after %d of %d bytes: %v", n, len(out), r.Done())
		}
		if r.Done() && (!bytes.Equal(text, []byte("text")) || !slices.Equal(small, []uint32{1, 1 << 31}) || !slices.Equal(large, []uint64{1 << 63, 2, 3}) || len(none) > 0) {
			t.Fatalf("%q %d %d %q", text, small, large, none)
		}
	}
	if r := NewReader(append(out, 0)); r.Bytes() == nil || r.Done() || len(r.Rest()) != len(out)+1-8 {
		t.Error("not the rest")
	}
	out = AppendUint64s(AppendUint64s(nil, []uint64{1, 2, 3, 1 << 63}), []uint64{1})
	r := NewReader(out)
	if got := r.Uint64Pairs(); !slices.Equal(got, [][2]uint64{{1, 2}, {3, 1 << 63}}) {
		t.Errorf("pairs %d", got)
	}
	if got := r.Uint64Pairs(); len(got) > 0 || r.Done() {
		t.Errorf("pairs %d of one", got)
	}
	if r := NewReader([]byte{0xFF, 0xFF, 0xFF, 0xFF}); len(r.Uint64s()) > 0 || r.Done() {
		t.Error("a list longer than the data")
	}
}
