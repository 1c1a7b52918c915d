package resolve_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/resolve"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
)

// TestAgainInParts decides what sweepable runs kept of random corpora at another
// threshold, at once and in parts: the same bytes, and the decisions of a run at that
// threshold.
func TestAgainInParts(t *testing.T) {
	eachCorpus(t, func(t *testing.T, p plan.Plan, room int64) {
		if !p.NearDup.Sweepable() || p.AuditPPM > 0 {
			t.Skip("kept nothing to decide again")
		}
		from := tasktest.Job(t, p, filepath.Join(t.TempDir(), "from"))
		tasktest.Run(t, stage.Do, from, task.Order...)
		p.NearDup.ThresholdNum, p.NearDup.ThresholdDen = max(3*p.NearDup.FloorDen, 5*p.NearDup.FloorNum), 5*p.NearDup.FloorDen
		var err error
		if p.RunID, err = p.ComputeRunID(); err != nil {
			t.Fatal(err)
		}
		j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
		tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
		want := resolved(t, j, 0)
		again := func(room int64) map[string]string {
			j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "again"))
			takeDocs(t, j, from)
			if err := againOf(t, j, from, room); err != nil {
				t.Fatalf("room %d: %v", room, err)
			}
			return written(t, j)
		}
		if diff := gocmp.Diff(want, again(0)); diff != "" {
			t.Fatalf("at once (-run +again):\n%s", diff)
		}
		if diff := gocmp.Diff(want, again(room)); diff != "" {
			t.Fatalf("room %d (-run +again):\n%s", room, diff)
		}
	})
}

// takeDocs does scan with what the run of from kept.
func takeDocs(t *testing.T, j, from *task.Job) {
	t.Helper()
	for shard := range j.Plan.Shards {
		scan := j.Begin(task.Scan, shard)
		if err := errors.Join(sweepable.TakeDocs(t.Context(), scan, from), scan.Commit(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// againOf does resolve with what the run of from kept.
func againOf(t *testing.T, j, from *task.Job, room int64) error {
	run := j.Begin(task.Resolve, 0)
	defer run.Abort()
	if err := resolve.AgainIn(t.Context(), run, from, room); err != nil {
		return err
	}
	return run.Commit(t.Context())
}

// TestAgainRefuses: whatever a sweepable run is said to have kept is refused, or is decided,
// at once and in parts.
func TestAgainRefuses(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	p := planOf(t, [][]string{lines(rnd, 120, 4, true)}, 0, func(p *plan.Plan) { sweepableFrom(p, 1, 2) })
	from := tasktest.Job(t, p, filepath.Join(t.TempDir(), "from"))
	tasktest.Run(t, stage.Do, from, task.Order...)
	j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
	takeDocs(t, j, from)
	refused := 0
	for _, name := range []string{"graph.zst", "sets.zst"} {
		path := sweepable.Dir + "/" + name
		packed, err := os.ReadFile(filepath.Join(from.Dir, path))
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		whole, err := z.DecodeAll(packed, nil)
		if err != nil {
			t.Fatal(err)
		}
		pack, err := zstd.NewWriter(nil, zstd.WithWindowSize(1<<20))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			bad := slices.Clone(whole)
			for range 1 + rnd.IntN(3) {
				bad[rnd.IntN(len(bad))] = byte(rnd.IntN(256))
			}
			if err := task.WriteBytes(t.Context(), from.Out, path, pack.EncodeAll(bad, nil)); err != nil {
				t.Fatal(err)
			}
			for _, room := range []int64{0, 1 << 15} {
				if err := againOf(t, j, from, room); errors.Is(err, doc.ErrCorrupt) {
					refused++
				} else if err != nil {
					t.Errorf("%s, room %d: %v", name, room, err)
				}
			}
		}
		if err := task.WriteBytes(t.Context(), from.Out, path, packed); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 60 {
		t.Errorf("%d damaged files were refused", refused)
	}
}
