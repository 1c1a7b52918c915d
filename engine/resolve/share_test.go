package resolve_test

import (
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
)

// TestTasksDecideAsOne resolves random corpora under all policies by several tasks, with
// and without a bound, and by one: what resolve writes is the same to a byte, and
// so are the figures of its record.
func TestTasksDecideAsOne(t *testing.T) {
	eachCorpus(t, func(t *testing.T, p plan.Plan, room int64) {
		j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
		tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
		want := resolved(t, j, 0)
		numbers := records(t, j, task.Resolve)[0].Numbers
		for _, c := range []struct {
			tasks int
			room  int64
		}{{2, 0}, {3, 0}, {7, 0}, {3, room}} {
			j.Plan.DecideTasks = c.tasks
			if diff := gocmp.Diff(want, resolved(t, j, c.room)); diff != "" {
				t.Fatalf("%d tasks, room %d (-want +got):\n%s", c.tasks, c.room, diff)
			}
			if diff := gocmp.Diff(numbers, records(t, j, task.Resolve)[0].Numbers); diff != "" && c.room == 0 { // blocks prove more
				t.Fatalf("%d tasks: numbers (-want +got):\n%s", c.tasks, diff)
			}
		}
	})
}
