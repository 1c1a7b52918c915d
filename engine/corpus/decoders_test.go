package corpus

import (
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/plan"
)

// Files are read by the decoder of those before them, also where these were broken or
// not read to the end, and two at once by two.
func TestDecodersAreUsedAgain(t *testing.T) {
	const window = 8 << 20
	rnd := rand.New(rand.NewPCG(1, 1))
	text := append(randomText(rnd, 1<<20), '\n')
	other := append(randomText(rnd, 1<<20), '\n')
	whole := zstded(t, text, 2, zstd.WithWindowSize(window), zstd.WithSingleSegment(false))
	broken := slices.Clone(whole)
	broken[len(broken)/2] ^= 1
	stream := func(content []byte) *decompressor {
		path := writeFile(t, "f.zst", content)
		in, err := openPath(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		f := plan.File{Path: path, Size: int64(len(content)), Compression: compressionZstd}
		return newDecompressor(in, f, plan.Shard{Length: f.Size})
	}
	read := func(d *decompressor, want []byte) {
		t.Helper()
		got, err := io.ReadAll(d)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("read %d of %d bytes: %v", len(got), len(want), err)
		}
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		for _, content := range [][]byte{whole, broken, whole[:len(whole)/3]} {
			d := stream(content)
			if _, err := io.ReadAll(d); (err == nil) != (len(content) == len(whole) && content[len(content)/2] == whole[len(whole)/2]) {
				t.Fatalf("%d bytes: %v", len(content), err)
			}
			d.Close()
			d.Close()
		}
		d := stream(whole)
		if _, err := io.ReadFull(d, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if _, err := d.Read(make([]byte, 1)); err == nil {
			t.Fatal("read from a closed stream")
		}
		d = stream(whole)
		read(d, text)
		d.Close()
	}
	runtime.ReadMemStats(&after)
	if windows := float64(after.TotalAlloc-before.TotalAlloc) / window; windows > 8 {
		t.Errorf("allocated %.1f windows", windows)
	}

	a, b := stream(whole), stream(zstded(t, other, 1))
	defer a.Close()
	defer b.Close()
	first := make([]byte, 1000)
	if _, err := io.ReadFull(a, first); err != nil {
		t.Fatal(err)
	}
	read(b, other)
	read(a, text[len(first):])
	a.Close()
	b.Close()
	if len(decoders.idle) < 2 {
		t.Errorf("%d decoders lie idle after two were used at once", len(decoders.idle))
	}
	if DropDecoders(); len(decoders.idle) != 0 {
		t.Error("decoders are still there")
	}
}
