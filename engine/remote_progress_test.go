package engine

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// diary writes down what is reported, without times.
type diary struct {
	noticed
	done  atomic.Int64
	lines []string
}

func (d *diary) Start(stage string, total int64, unit string) {
	d.done.Store(0)
	d.lines = append(d.lines, fmt.Sprintf("%s of %d %s", stage, total, unit))
}

func (d *diary) Add(n int64) { d.done.Add(n) }

func (d *diary) End(t progress.Timing) {
	d.lines = append(d.lines, fmt.Sprintf("%s did %d, %d tasks, %d bytes", t.Stage, d.done.Load(), t.Tasks, t.Bytes))
}

// TestRemoteTasksReport: tasks in a store report what they report in a folder, and in both no
// input that was read before them.
func TestRemoteTasksReport(t *testing.T) {
	registerMem(store.NewMem())
	r := sweepRules("", "0.8", "../testdata/corpus/tldr.jsonl")
	r.ShardSize, r.DecideTasks = 1<<17, 2
	reported := func(out string) []string {
		p, err := Prepare(t.Context(), r, sweepMeans, RunOptions{Out: out})
		if err != nil {
			t.Fatal(err)
		}
		var d diary
		m := sweepMeans
		m.Progress = &d
		for _, name := range append([]task.Stage{task.Scan}, task.Order...) {
			if _, err := RunTasks(t.Context(), p.Plan, p.Counters, m, RunOptions{Out: out}, name, 0, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		return d.lines
	}
	local := reported(filepath.Join(t.TempDir(), "out"))
	if len(local) != 2+2*len(task.Order) || strings.HasSuffix(local[1], " 0 bytes") || !strings.HasSuffix(local[3], " 0 bytes") {
		t.Errorf("in a folder: %q", local)
	}
	if diff := gocmp.Diff(local, reported(memURL)); diff != "" {
		t.Errorf("(-local +remote):\n%s", diff)
	}
}
