package engine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/task"
)

// TestEarlyScan: what was scanned before the plan was made counts only where it is
// what the plan says, and nothing but time depends on it.
func TestEarlyScan(t *testing.T) {
	const files, all = 3, -1
	for name, c := range map[string]struct {
		draft   func(in string) // between scanning and reading for the plan
		planned func(e *early)  // before the plan is compared with its draft
		scanned int             // tasks that are done again
	}{
		"used":   {scanned: 0},
		"failed": {planned: func(e *early) { e.tasks[1].err = errors.New("failed") }, scanned: 1},
		"changed": {draft: func(in string) {
			paths, err := filepath.Glob(filepath.Join(in, "*"))
			if err != nil || len(paths) != files {
				t.Fatal(paths, err)
			}
			b, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(paths[0], bytes.Replace(b, []byte(`"text":"`), []byte(`"text":"y`), 1)[:len(b)], 0o666); err != nil {
				t.Fatal(err)
			}
		}, scanned: 1},
		"another plan": {planned: func(e *early) { e.draft.Plan.Seed++ }, scanned: all},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 6))
			dir := t.TempDir()
			in := writeDocs(t, filepath.Join(dir, "in"), policyCorpus(rng, 60, "d"), files, rng)
			rules, means := policyRules(request.Policy{}, 7, in), policyMeans(files+2)
			out := filepath.Join(dir, "out")
			e := early{means: means, dir: out}
			p, err := prepare(t.Context(), rules, means, RunOptions{Out: out}, func(draft request.Prepared) {
				e.begin(t.Context(), draft)
				e.group.Wait()
				if c.draft != nil {
					c.draft(in)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			shards := len(p.Plan.Shards)
			if len(e.tasks) != shards {
				t.Fatalf("%d of %d shards scanned early", len(e.tasks), shards)
			}
			if c.planned != nil {
				c.planned(&e)
			}
			e.planned(&p.Plan)
			job, err := newJob(p.Plan, p.Counters, means, out)
			if err != nil {
				t.Fatal(err)
			}
			var scanned atomic.Int64
			if _, err := runStages(t.Context(), job, p.Timing, request.Means{Workers: 1}, func(ctx context.Context, job *task.Job, name task.Stage, i int) (task.Record, bool, error) {
				rec, fresh, err := e.do(ctx, job, name, i)
				if name == task.Scan && fresh {
					scanned.Add(1)
				}
				return rec, fresh, err
			}); err != nil {
				t.Fatal(err)
			}
			want := c.scanned
			if want == all {
				want = shards
			}
			if n := int(scanned.Load()); n != want {
				t.Errorf("%d of %d shards scanned again, want %d", n, shards, want)
			}
			alone := runPolicy(t, rules, policyMeans(1), filepath.Join(dir, "alone")).Dir
			sameBytes(t, filepath.Join(alone, "manifest.json"), filepath.Join(out, "manifest.json"))
		})
	}
}

// Of the workers that making the plan leaves idle, no more scan than would later.
func TestEarlyScanIsBounded(t *testing.T) {
	job := task.Job{Plan: plan.Plan{Files: make([]plan.File, 3), Shards: make([]plan.Shard, 40), Partitions: 40}}
	for _, c := range []struct {
		workers int
		memory  int64
		want    int
	}{
		{workers: 3, want: 0}, {workers: 5, want: 2}, {workers: 100, want: 40},
		{workers: 100, memory: 64 << 20, want: 1}, {workers: 3, memory: 64 << 20, want: 0},
	} {
		job.Workers, job.Memory = c.workers, c.memory
		if got := max(0, idle(&job)); got != c.want {
			t.Errorf("%d workers, %d bytes: %d scan early, want %d", c.workers, c.memory, got, c.want)
		}
	}
}

// A plan that is not made leaves nothing of what was scanned for it.
func TestEarlyScanDiscarded(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 6))
	dir := t.TempDir()
	in := writeDocs(t, filepath.Join(dir, "in"), policyCorpus(rng, 60, "d"), 3, rng)
	rules, means := policyRules(request.Policy{}, 7, in), policyMeans(5)
	out := filepath.Join(dir, "out")
	e := early{means: means, dir: out}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := prepare(ctx, rules, means, RunOptions{Out: out}, func(draft request.Prepared) {
		e.begin(ctx, draft)
		e.group.Wait()
		cancel()
	})
	if err == nil || len(e.tasks) == 0 {
		t.Fatalf("%v, %d shards scanned, want an error and some", err, len(e.tasks))
	}
	work := filepath.Join(out, task.WorkDir, string(task.Scan))
	if _, err := os.Stat(work); err != nil {
		t.Fatal(err)
	}
	e.discard()
	if _, err := os.Stat(work); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want none", work, err)
	}
}
