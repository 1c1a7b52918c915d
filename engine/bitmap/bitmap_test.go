package bitmap

import (
	"bytes"
	"errors"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
)

const unknown = 1 << 32

func encode(t interface{ Fatal(...any) }, b *roaring.Bitmap) []byte {
	var out bytes.Buffer
	if err := Write(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPath(t *testing.T) {
	if got, want := Path(7, doc.NearDup), "bitmaps/00007.near_dup.roaring"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The bytes depend on the set alone: built one by one, by ranges, by removal,
// or already compressed.
func TestBytesDependOnTheSetAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var one, removed, ranged roaring.Bitmap
		compressed := roaring.New()
		removed.AddRange(0, 200_000)
		removed.RunOptimize()
		for range rapid.IntRange(1, 6).Draw(t, "pieces") {
			start := rapid.Uint64Range(0, 150_000).Draw(t, "start")
			end := start + rapid.Uint64Range(1, 40_000).Draw(t, "length")
			step := rapid.SampledFrom([]uint64{1, 2, 17, 5000}).Draw(t, "step")
			if step == 1 {
				ranged.AddRange(start, end)
			}
			for i := start; i < end; i += step {
				one.Add(uint32(i))
				ranged.Add(uint32(i))
				compressed.Add(uint32(i))
			}
			compressed.RunOptimize()
		}
		removed.And(&one)
		want := encode(t, &one)
		for name, b := range map[string]*roaring.Bitmap{"removed": &removed, "ranged": &ranged, "compressed": compressed} {
			if !bytes.Equal(encode(t, b), want) {
				t.Fatalf("%s: other bytes for the same set", name)
			}
		}
		got, err := Read(want, unknown)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equals(&one) {
			t.Fatal("read another set than was written")
		}
	})
}

func TestReadRefuses(t *testing.T) {
	b := roaring.BitmapOf(0, 1, 2, 3, 70_000)
	good := encode(t, b)
	if _, err := Read(good, 70_001); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data  []byte
		lines uint64
	}{
		"out of bounds":    {good, 70_000},
		"trailing byte":    {append(bytes.Clone(good), 0), unknown},
		"truncated":        {good[:len(good)-1], unknown},
		"nothing":          {nil, unknown},
		"empty bitmap":     {encode(t, roaring.New()), unknown},
		"not roaring":      {[]byte("decidedly not a bitmap"), unknown},
		"overlapping runs": {overlappingRuns, unknown},
	} {
		if _, err := Read(c.data, c.lines); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

// overlappingRuns is a bitmap of one run container with runs [0,9] and [5,14],
// which decodes but counts ordinals twice.
var overlappingRuns = []byte{
	0x3b, 0x30, 0x00, 0x00, // cookie with runs, one container
	0x01,                   // it is a run container
	0x00, 0x00, 0x13, 0x00, // key 0, cardinality-1
	0x02, 0x00, // two runs
	0x00, 0x00, 0x09, 0x00,
	0x05, 0x00, 0x09, 0x00,
}

func FuzzRead(f *testing.F) {
	f.Add(encode(f, roaring.BitmapOf(1, 2, 3)))
	f.Add(overlappingRuns)
	dense := roaring.New()
	for i := uint32(0); i < 60_000; i += 3 {
		dense.Add(i)
	}
	f.Add(encode(f, dense))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Read(data, unknown)
		if err != nil {
			if !errors.Is(err, doc.ErrCorrupt) {
				t.Fatalf("%v does not wrap ErrCorrupt", err)
			}
			return
		}
		if uint64(len(b.ToArray())) != b.GetCardinality() {
			t.Fatal("cardinality is not the number of ordinals")
		}
		for i, last := b.Iterator(), -1; i.HasNext(); {
			next := int(i.Next())
			if next <= last {
				t.Fatal("ordinals do not ascend")
			}
			last = next
		}
	})
}
