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

// revisions are sets of which some are much like the one before, whatever their sizes.
func revisions(rng *rand.Rand, n, most int) [][]uint64 {
	var sets [][]uint64
	var set []uint64
	for range n {
		switch rng.IntN(8) {
		case 0:
			set = nil
		case 1, 2:
			set = make([]uint64, rng.IntN(most))
			for i := range set {
				set[i] = rng.Uint64()
			}
		default:
			set = slices.Clone(set)
			set = slices.DeleteFunc(set, func(uint64) bool { return rng.IntN(50) == 0 })
			for range rng.IntN(1 + len(set)/50 + 2) {
				set = append(set, rng.Uint64())
			}
		}
		slices.Sort(set)
		set = slices.Compact(set)
		sets = append(sets, set)
	}
	return sets
}

// encodedSets is what a SetsEncoder makes of sets.
func encodedSets(t *testing.T, sets [][]uint64) []byte {
	t.Helper()
	var file bytes.Buffer
	e := SetsEncoder{Encoder: NewEncoder(&file, "")}
	for _, set := range sets {
		e.Set(set)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// Sets that are edits of each other are read as they were written, and take less.
func TestEditedSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, most := range []int{4, 200, 3 * mostBase} {
		sets := revisions(rng, 200, most)
		whole := 0
		for _, set := range sets {
			whole += 8 * len(set)
		}
		file := encodedSets(t, sets)
		if most == 200 && len(file) > whole/2 || len(file) > whole+4*len(sets) {
			t.Errorf("%d bytes of shingles take %d", whole, len(file))
		}
		for _, buffer := range []int{10, codecBuffer} {
			d, err := NewDecoderSize(bytes.NewReader(file), "", buffer)
			if err != nil {
				t.Fatal(err)
			}
			read := SetsDecoder{Decoder: d}
			var got []uint64
			for i, set := range sets {
				if got = read.Set(got); !slices.Equal(got, set) {
					t.Fatalf("buffer of %d, set %d of %d shingles: got %d, %v", buffer, i, len(set), len(got), d.Err)
				}
			}
			if d.More() || d.Err != nil {
				t.Fatalf("buffer of %d: more, %v", buffer, d.Err)
			}
		}
	}
}

// What are no edits of the set before is an error; and whatever bytes are read, a set ascends.
func TestDamagedEdits(t *testing.T) {
	base := []uint64{10, 20, 30}
	for name, edits := range map[string]func(e *Encoder){
		"lacks more than there are":    func(e *Encoder) { e.Uint(5); e.Set(nil); e.Raw(make([]byte, 4)) },
		"lacks what is not there":      func(e *Encoder) { e.Uint(2); e.Set(nil); e.Uint(3) },
		"lacks another that is not":    func(e *Encoder) { e.Uint(3); e.Set(nil); e.Uint(1); e.Uint(1) },
		"has a shingle twice":          func(e *Encoder) { e.Uint(1); e.Set([]uint64{20}) },
		"has the last one twice":       func(e *Encoder) { e.Uint(1); e.Set([]uint64{15, 30}) },
		"gains what does not ascend":   func(e *Encoder) { e.Uint(1); e.Set([]uint64{5, 4}) },
		"lacks more than a base holds": func(e *Encoder) { e.Uint(mostBase + 2) },
		"ends":                         func(e *Encoder) { e.Uint(3); e.Set(nil); e.Uint(0) },
	} {
		var file bytes.Buffer
		e := SetsEncoder{Encoder: NewEncoder(&file, "")}
		e.Set(base)
		edits(e.Encoder)
		e.Flush()
		d, _ := NewDecoder(bytes.NewReader(file.Bytes()), "")
		read := SetsDecoder{Decoder: d}
		if got := read.Set(nil); !slices.Equal(got, base) {
			t.Fatal(got)
		}
		if got := read.Set(nil); !errors.Is(d.Err, doc.ErrCorrupt) {
			t.Errorf("%s: %d, %v", name, got, d.Err)
		}
	}
	rng := rand.New(rand.NewPCG(3, 3))
	file := encodedSets(t, revisions(rng, 30, 40))
	for range 2000 {
		bad := slices.Clone(file)
		for range 1 + rng.IntN(3) {
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
		d, _ := NewDecoder(bytes.NewReader(bad), "")
		read := SetsDecoder{Decoder: d}
		for d.More() {
			got := read.Set(nil)
			if d.Err == nil && len(slices.Compact(slices.Clone(got))) != len(got) || !slices.IsSorted(got) {
				t.Fatalf("%d does not ascend", got)
			}
		}
		if d.Err != nil && !errors.Is(d.Err, doc.ErrCorrupt) {
			t.Fatal(d.Err)
		}
	}
}
