package resolve_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
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
		decidesAgain(t, p, max(3*p.NearDup.FloorDen, 5*p.NearDup.FloorNum), 5*p.NearDup.FloorDen, room)
	})
}

// TestAgainOfTextsOfOneHash: among groups of one size the order is that of digests, which
// are not kept.
func TestAgainOfTextsOfOneHash(t *testing.T) {
	texts := colliding(rand.New(rand.NewPCG(2, 2)))
	slices.SortFunc(texts[:], func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return bytes.Compare(y[:], x[:]) // not that of places
	})
	var lines []string
	for _, text := range texts {
		line := fmt.Sprintf(`{"text":%q,"contributor":"c"}`, text)
		lines = append(lines, line, line)
	}
	p := planOf(t, [][]string{lines}, 0, func(p *plan.Plan) { sweepableFrom(p, 1, 2) })
	decidesAgain(t, p, 19, 20, 1<<30)
}

// decidesAgain does a sweepable run, and decides what it kept at another threshold, at
// once and in parts: what a run at that threshold writes.
func decidesAgain(t *testing.T, p plan.Plan, num, den, room int64) {
	t.Helper()
	from := tasktest.Job(t, p, filepath.Join(t.TempDir(), "from"))
	tasktest.Run(t, stage.Do, from, task.Order...)
	p.NearDup.ThresholdNum, p.NearDup.ThresholdDen = num, den
	var err error
	if p.RunID, err = p.ComputeRunID(); err != nil {
		t.Fatal(err)
	}
	j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
	tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
	want := resolved(t, j, 0)
	for _, room := range []int64{0, room} {
		j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "again"))
		takeDocs(t, j, from)
		if err := againOf(t, j, from, room); err != nil {
			t.Fatalf("room %d: %v", room, err)
		}
		if diff := gocmp.Diff(want, written(t, j)); diff != "" {
			t.Fatalf("room %d (-run +again):\n%s", room, diff)
		}
	}
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
