package task_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// gathering is a job that gathers, and how to do a task of so many seconds in it.
func gathering(t *testing.T) (j *task.Job, do func(number int, seconds float64)) {
	dir := t.TempDir()
	j = &task.Job{Out: store.NewLocal(dir), Dir: dir, Gather: new(task.Gather)}
	return j, func(number int, seconds float64) {
		t.Helper()
		run := j.Begin(task.Scan, number)
		defer run.Abort()
		run.Record.Seconds = seconds
		for _, kind := range []string{"docs", "keys"} {
			w, err := run.Create(t.Context(), task.WorkPath(task.Scan, number, kind))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, kind); err != nil {
				t.Fatal(err)
			}
		}
		if err := run.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(run.Record.Work) != 2 {
			t.Errorf("the record of task %d has %v", number, run.Record.Work)
		}
	}
}

// isDone are the tasks of which anything is visible: all of it, and the record goes with it.
func isDone(t *testing.T, j *task.Job, tasks int) (out []int) {
	t.Helper()
	for number := range tasks {
		_, err := j.Checked(context.Background(), task.Scan, number)
		_, missing := os.Stat(filepath.Join(j.Dir, task.WorkPath(task.Scan, number, "docs")))
		if (err == nil) != (missing == nil) {
			t.Errorf("task %d: record %v, file %v", number, err, missing)
		}
		if err == nil {
			out = append(out, number)
		}
	}
	return out
}

// What is gathered is not visible before it is committed: at the end, or when a second's
// work or too many files are.
func TestGather(t *testing.T) {
	j, do := gathering(t)
	do(0, 0.4)
	do(1, 0.4)
	if got := isDone(t, j, 2); len(got) != 0 {
		t.Errorf("visible before they are committed: %v", got)
	}
	do(2, 0.4)
	if got := isDone(t, j, 3); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("after a second's work: %v", got)
	}
	do(3, 0)
	if got := isDone(t, j, 4); len(got) != 3 {
		t.Errorf("a second later: %v", got)
	}
	if err := j.Gather.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := isDone(t, j, 4); len(got) != 4 {
		t.Errorf("at the end: %v", got)
	}
	for number := range 200 {
		do(number, 0)
	}
	if open := len(isDone(t, j, 200)); open < 100 {
		t.Errorf("%d of 200 tasks are done", open)
	}
}

// A task that ends when the job is given up takes nothing with it that was done before.
func TestGatherOutlivesTheJob(t *testing.T) {
	j, do := gathering(t)
	do(0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	run := j.Begin(task.Scan, 1)
	defer run.Abort()
	run.Record.Seconds = 2
	cancel()
	if err := run.Commit(ctx); err != nil {
		t.Error(err)
	}
	if got := isDone(t, j, 1); len(got) != 1 {
		t.Error("the task that was done before is lost")
	}
}

// Of a group of which one file cannot be made visible no task is done, the error names the
// file, nothing unfinished is left, and they can be done again.
func TestGatherThatFails(t *testing.T) {
	for _, name := range []string{task.WorkPath(task.Scan, 1, "keys"), task.RecordPath(task.Scan, 1)} {
		j, do := gathering(t)
		inTheWay := filepath.Join(j.Dir, name)
		if err := os.MkdirAll(filepath.Join(inTheWay, "something"), 0o777); err != nil {
			t.Fatal(err)
		}
		do(0, 0)
		do(1, 0)
		do(2, 0)
		if err := j.Gather.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is in the way: %v", name, err)
		}
		if _, err := j.Checked(t.Context(), task.Scan, 1); err == nil {
			t.Errorf("%s is in the way, and the task is done", name)
		}
		all, err := filepath.Glob(filepath.Join(j.Dir, task.WorkDir, string(task.Scan), store.TempPrefix+"*"))
		if err != nil || len(all) != 0 {
			t.Errorf("left %v, %v", all, err)
		}
		if err := os.RemoveAll(inTheWay); err != nil {
			t.Fatal(err)
		}
		for number := range 3 {
			do(number, 0)
		}
		if err := j.Gather.Commit(t.Context()); err != nil {
			t.Error(err)
		}
		if got := isDone(t, j, 3); len(got) != 3 {
			t.Errorf("%s was in the way: %v are done", name, got)
		}
	}
}

// Where the folder has become that of another run nothing becomes visible, and nothing
// is left.
func TestGatherIsFenced(t *testing.T) {
	j, do := gathering(t)
	other := errors.New("another run's")
	j.Fence = func() error { return other }
	do(0, 0)
	do(1, 0)
	if err := j.Gather.Commit(t.Context()); !errors.Is(err, other) {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(j.Dir, task.WorkDir, "*", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left %q, %v", left, err)
	}
	all, err := os.ReadDir(filepath.Join(j.Dir, task.WorkDir, string(task.Scan)))
	if err != nil || len(all) != 0 {
		t.Errorf("left %v, %v", all, err)
	}
	if err := j.Gather.Commit(t.Context()); err != nil {
		t.Errorf("nothing is gathered any more: %v", err)
	}
}

// A record that tasks need is read once, where the job keeps what it knows.
func TestKnown(t *testing.T) {
	j, do := gathering(t)
	j.Gather = nil
	do(0, 0)
	for _, known := range []*sync.Map{nil, new(sync.Map)} {
		j.Known = known
		want, err := j.Needs(t.Context(), task.Scan, 0)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(j.Dir, task.RecordPath(task.Scan, 0))
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		got, err := j.Needs(t.Context(), task.Scan, 0)
		if known == nil && !errors.Is(err, fs.ErrNotExist) || known != nil && err != nil {
			t.Errorf("without the file: %v", err)
		}
		if diff := cmp.Diff(want, got); known != nil && diff != "" {
			t.Errorf("known (-read +known):\n%s", diff)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
}
