package stage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// readIndexFile scans an earlier shard whose index is data, as planned.
func readIndexFile(t testing.TB, data []byte, planned string) (task.Record, store.Store, error) {
	j := &task.Job{Out: store.NewMem(), Plan: plan.Plan{
		Partitions: 3,
		Files:      []plan.File{{Run: "earlier"}},
		Shards:     []plan.Shard{{Index: planned}},
		Earlier:    []plan.Earlier{{Folder: "earlier", Shards: 3}},
	}}
	run := &taskRun{Task: j.Begin(task.Scan, 0)}
	defer run.Abort()
	if err := run.readIndex(t.Context(), &j.Plan.Earlier[0], bytes.NewReader(data)); err != nil {
		return run.Record, nil, err
	}
	return run.Record, j.Out, run.Commit(t.Context())
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// recordsIn are all records of a file.
func recordsIn[T any](file []byte, magic string, read func(*wire.Decoder, *T)) (all []T, err error) {
	d, err := wire.NewDecoder(bytes.NewReader(file), magic)
	if err != nil {
		return nil, err
	}
	for d.More() {
		var r T
		if read(d, &r); d.Err == nil {
			all = append(all, r)
		}
	}
	return all, d.Err
}

// indexOf is the index of the first shard of a small job.
func indexOf(t testing.TB, j *task.Job) []byte {
	b, err := os.ReadFile(filepath.Join(j.Dir, IndexPath(0)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestIndexHoldsWhatWasKept compares the index with what scan and resolve
// wrote: kept documents with all keys, near_dups with their exact key.
func TestIndexHoldsWhatWasKept(t *testing.T) {
	j := newJob(t, 1)
	runAll(t, j)
	index := indexOf(t, j)
	rec, out, err := readIndexFile(t, index, digestOf(index))
	if err != nil {
		t.Fatal(err)
	}
	read := func(s store.Store, path string) []byte {
		b, err := task.ReadAll(t.Context(), s, path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	decided, err := recordsIn(read(j.Out, task.WorkPath(task.Resolve, 0, "decisions")), wire.MagicDecisions, (*wire.Decoder).Decision)
	if err != nil {
		t.Fatal(err)
	}
	dropped := map[uint32]doc.Class{}
	var near []string
	for _, d := range decided {
		if dropped[d.Ordinal] = d.Class; d.Class == doc.NearDup {
			near = append(near, fmt.Sprint(d))
		}
	}
	scanned, err := recordsIn(read(j.Out, task.WorkPath(task.Scan, 0, "docs")), wire.MagicDocs, (*wire.Decoder).SizedDocument)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	kept := 0
	for _, d := range scanned {
		class, isDropped := dropped[d.Ordinal]
		if d.Reason != doc.OK || class == doc.ExactDup {
			continue
		}
		if !isDropped {
			kept++
		}
		d.Tokens = 0
		want = append(want, fmt.Sprint(d))
	}
	docs, err := recordsIn(read(out, task.WorkPath(task.Scan, 0, "docs")), wire.MagicDocs, (*wire.Decoder).SizedDocument)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, fmt.Sprint(d))
	}
	if !slices.Equal(got, want) || kept == 0 || len(near) == 0 {
		t.Errorf("documents in the index:\n%v\nwant:\n%v", got, want)
	}
	if rec.Numbers["documents"] != int64(kept) {
		t.Errorf("%d documents, %d were kept", rec.Numbers["documents"], kept)
	}
	again, err := recordsIn(read(out, task.WorkPath(task.Scan, 0, "decisions")), wire.MagicDecisions, (*wire.Decoder).Decision)
	if err != nil {
		t.Fatal(err)
	}
	var carried []string
	for _, d := range again {
		carried = append(carried, fmt.Sprint(d))
	}
	if !slices.Equal(carried, near) {
		t.Errorf("decisions in the index:\n%v\nwant:\n%v", carried, near)
	}

	keysIn := func(s store.Store, partitions int) (keys []string) {
		file := read(s, task.WorkPath(task.Scan, 0, "keys"))
		for p := range partitions {
			blocks, err := wire.ReadPacked(bytes.NewReader(file), 0, p, math.MaxInt64, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range blocks {
				err := b.Each(func(key uint64, ordinal uint32, length uint64) {
					class, isDropped := dropped[ordinal]
					if s == out && isDropped && (b.Kind == wire.BandKey || class == doc.ExactDup) {
						t.Errorf("a %c key of line %d, which was dropped", b.Kind, ordinal)
					}
					if !isDropped || b.Kind == wire.ExactKey && class != doc.ExactDup {
						keys = append(keys, fmt.Sprint(b.Kind, key, ordinal, length))
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		slices.Sort(keys)
		return keys
	}
	if got, want := keysIn(out, 3), keysIn(j.Out, j.Plan.Partitions); !slices.Equal(got, want) || len(got) == 0 {
		t.Errorf("%d keys in the index, want %d", len(got), len(want))
	}
}

// TestDamagedIndex cuts and flips an index at many places: it is never taken
// for the one that was planned with.
func TestDamagedIndex(t *testing.T) {
	j := newJob(t, 1)
	runAll(t, j)
	index := indexOf(t, j)
	planned := digestOf(index)
	for i := 0; i < len(index); i += 1 + i/256 {
		flipped := bytes.Clone(index)
		flipped[i] ^= 0x11
		for what, data := range map[string][]byte{"cut": index[:i], "flipped": flipped} {
			if _, _, err := readIndexFile(t, data, planned); !errors.Is(err, doc.ErrCorrupt) && !errors.Is(err, doc.ErrInputChanged) {
				t.Fatalf("%s at %d of %d: %v", what, i, len(index), err)
			}
		}
	}
}

// FuzzReadIndex: whatever a file holds, also one that was planned with, is read
// or refused, without a panic and without more memory than it has bytes.
func FuzzReadIndex(f *testing.F) {
	f.Add([]byte(magicIndex))
	f.Add([]byte(magicIndex + "d\x01\x02\x00\x03Ann\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02id"))
	f.Add([]byte(magicIndex + "b\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte(magicIndex + "v\x01\x02\x00\x01\x01\x01a\x01b\x04\x05\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, err := readIndexFile(t, data, digestOf(data))
		if err != nil && !errors.Is(err, doc.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
