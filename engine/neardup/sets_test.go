package neardup

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"pgregory.net/rapid"
)

// storeSets writes sets to a file in a temporary folder.
func storeSets(t testing.TB, sets [][]uint64) *FileSets {
	t.Helper()
	w, err := NewSetWriter(t.TempDir(), len(sets))
	if err != nil {
		t.Fatal(err)
	}
	for d, set := range sets {
		if err := w.Append(uint32(d), set); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stored.Close(); err != nil {
			t.Error(err)
		}
	})
	return stored
}

func ascending(n int, step uint64) []uint64 {
	set := make([]uint64, n)
	for i := range set {
		set[i] = uint64(i)*step + 7
	}
	return set
}

func TestSetsComeBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		sets := make(memorySets, rapid.IntRange(1, 40).Draw(t, "documents"))
		for d := range sets {
			sets[d] = ascending(rapid.SampledFrom([]int{0, 1, 5, 1023, 1024, 1025, 5000, 40000}).Draw(t, "size"), 0x9e3779b97f4a7c1)
		}
		w, err := NewSetWriter(dir, len(sets))
		if err != nil {
			t.Fatal(err)
		}
		if room := rapid.SampledFrom([]int64{-1, 0, 50_000, 2_000_000, 1 << 30}).Draw(t, "room"); room >= 0 {
			w.KeepInMemory(room)
		}
		// Two writers at once, in no order.
		var both sync.WaitGroup
		for half := range 2 {
			both.Go(func() {
				for d := half; d < len(sets); d += 2 {
					if err := w.Append(uint32(d), sets[d]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		both.Wait()
		stored, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		var buffer []uint64
		for d := range sets {
			d := uint32(d)
			set, err := stored.Load(d, &buffer)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(set, sets[d]) || stored.Size(d) != len(sets[d]) {
				t.Fatalf("document %d: another set came back", d)
			}
			if !slices.Equal(stored.Parity(d), sets.Parity(d)) {
				t.Fatalf("document %d: another bitmap came back", d)
			}
		}
		if err := stored.Close(); err != nil {
			t.Fatal(err)
		}
	})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("files left behind: %v, %v", left, err)
	}
}

func TestSetWriterRefuses(t *testing.T) {
	w, err := NewSetWriter(t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(2, []uint64{1}); err == nil {
		t.Error("a document beyond the last was taken")
	}
	if err := w.Append(1, []uint64{1}); err != nil {
		t.Error(err)
	}
	if err := w.Append(1, []uint64{2}); err == nil {
		t.Error("a second set was taken")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if _, err := NewSetWriter(t.TempDir()+"/missing", 1); err == nil {
		t.Error("a folder that does not exist was taken")
	}
}

func TestFullDiskIsReported(t *testing.T) {
	w, err := NewSetWriter(t.TempDir(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	own := w.file
	w.file = full
	for d := uint32(0); d < 1000 && err == nil; d++ {
		err = w.Append(d, ascending(1000, 3))
	}
	if err == nil {
		t.Error("8 MB were stored on a full disk")
	}
	if err := w.Append(999, ascending(1, 3)); err == nil {
		t.Error("the writer forgot its error")
	}
	w.file = own
	if _, err := w.Finish(); err == nil {
		t.Error("sets of a full disk were handed out")
	}
}

func TestShortSetFileIsCorrupt(t *testing.T) {
	s := storeSets(t, [][]uint64{ascending(100, 3)})
	if err := s.file.Truncate(80); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(0, new([]uint64)); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("error %v, want %v", err, doc.ErrCorrupt)
	}
}
