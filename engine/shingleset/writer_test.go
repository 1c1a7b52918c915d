package shingleset

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"pgregory.net/rapid"
)

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
		sets := make([][]uint64, rapid.IntRange(1, 40).Draw(t, "documents"))
		for d := range sets {
			sets[d] = ascending(rapid.SampledFrom([]int{0, 1, 5, 1023, 1024, 1025, 5000, 40000}).Draw(t, "size"), 0x9e3779b97f4b)
			if d > 0 && rapid.Bool().Draw(t, "revision") {
				sets[d] = revision(t, sets[rapid.IntRange(0, d-1).Draw(t, "of")])
			}
		}
		w, err := NewWriter(dir, len(sets))
		if err != nil {
			t.Fatal(err)
		}
		if room := rapid.SampledFrom([]int64{-1, 0, 50_000, 2_000_000, 1 << 30}).Draw(t, "room"); room >= 0 {
			w.KeepInMemory(room)
		}
		if rapid.Bool().Draw(t, "expect") {
			w.Expect(drawBuckets(t, len(sets)))
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
			if !slices.Equal(stored.Parity(d), parityOf(sets[d])) {
				t.Fatalf("document %d: another bitmap came back", d)
			}
			for other := range uint32(len(sets)) {
				o, ok := stored.Overlap(d, other)
				if want, _ := OverlapAtLeast(sets[d], sets[other], 0); ok && o != want {
					t.Fatalf("documents %d and %d: overlap %d, want %d", d, other, o, want)
				}
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

// revision changes up to a few parts of a set.
func revision(t *rapid.T, set []uint64) []uint64 {
	set = slices.Clone(set)
	for range rapid.IntRange(0, 4).Draw(t, "parts") {
		at := rapid.IntRange(0, len(set)).Draw(t, "at")
		end := min(len(set), at+rapid.IntRange(0, 300).Draw(t, "lost"))
		gained := make([]uint64, rapid.IntRange(0, 300).Draw(t, "gained"))
		for i := range gained {
			gained[i] = rapid.Uint64().Draw(t, "shingle")
		}
		set = slices.Concat(set[:at], gained, set[end:])
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// drawBuckets puts documents into a few buckets each: what Expect takes.
func drawBuckets(t *rapid.T, docs int) (buckets int, of func(d uint32) []uint32) {
	lists := make([][]uint32, docs)
	buckets = rapid.IntRange(1, 5).Draw(t, "buckets")
	for b := range uint32(buckets) {
		for d := range lists {
			if rapid.IntRange(0, 3).Draw(t, "in") > 0 {
				lists[d] = append(lists[d], b)
			}
		}
	}
	return buckets, func(d uint32) []uint32 { return lists[d] }
}

func TestRevisionsAreKeptAsEdits(t *testing.T) {
	const docs, size = 100, 10_000
	sets := make([][]uint64, docs)
	for d := range sets { // in each one more of the base is changed
		sets[d] = ascending(size, 1<<40)
		for i := range d {
			sets[d][i*17%size]++
		}
	}
	w, err := NewWriter(t.TempDir(), docs)
	if err != nil {
		t.Fatal(err)
	}
	w.KeepInMemory(3 * size * 8)
	w.Expect(1, func(uint32) []uint32 { return []uint32{0} }) // all share one
	for d, set := range sets[:docs-1] {
		if err := w.Append(uint32(d), set); err != nil {
			t.Fatal(err)
		}
	}
	if w.written > 0 {
		t.Error("99 revisions do not fit where three of them do")
	}
	inMemory := Stored{index: w.index, chunks: w.chunks}
	for d := range uint32(docs - 2) {
		if _, ok := inMemory.Overlap(d, d+1); !ok {
			t.Fatalf("what documents %d and %d have in common is not known from their edits", d, d+1)
		}
	}
	sets[docs-1] = ascending(4*size, 1<<41)
	if err := w.Append(docs-1, sets[docs-1]); err != nil {
		t.Fatal(err)
	}
	stored, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	if w.written != 4*size {
		t.Errorf("%d elements are in the file, want only those of the set that did not fit", w.written)
	}
	var buffer []uint64
	for d, want := range sets {
		if set, err := stored.Load(uint32(d), &buffer); err != nil || !slices.Equal(set, want) {
			t.Fatalf("document %d: another set came back from the file (%v)", d, err)
		}
	}
}

// Sets that fill little more than half of a chunk leave the rest of it to nobody.
func TestSetsKeepToTheirRoom(t *testing.T) {
	const docs, size, room = 20, setChunk/2 + 1, 9 << 20
	w, err := NewWriter(t.TempDir(), docs)
	if err != nil {
		t.Fatal(err)
	}
	w.KeepInMemory(room)
	for d := range uint32(docs) {
		if err := w.Append(d, ascending(size, 3)); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, c := range w.chunks {
		held += 8 * cap(c)
	}
	if held < room/2 || held > room {
		t.Errorf("%d bytes are held in a room of %d", held, room)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := NewWriter(t.TempDir(), 2)
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
	if _, err := NewWriter(t.TempDir()+"/missing", 1); err == nil {
		t.Error("a folder that does not exist was taken")
	}
}

func TestFullDiskIsReported(t *testing.T) {
	w, err := NewWriter(t.TempDir(), 1000)
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

func TestShortFileIsCorrupt(t *testing.T) {
	w, err := NewWriter(t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(0, ascending(100, 3)); err != nil {
		t.Fatal(err)
	}
	s, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.file.Truncate(80); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(0, new([]uint64)); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("error %v, want %v", err, doc.ErrCorrupt)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
