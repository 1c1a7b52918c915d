package main

import (
	"context"
	"strings"

	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// wholeRun are all files of a run, payFiles those that say what is owed, and
// sweepFiles those that answer for other thresholds (timings.json names the engine).
func wholeRun(string) bool      { return true }
func payFiles(name string) bool { return name == task.PlanFile || name == "tally.jsonl" }
func sweepFiles(name string) bool {
	return name == task.PlanFile || name == "timings.json" || strings.HasPrefix(name, sweepable.Dir+"/")
}

// localRun is the folder of a finished run: dir itself, or, of one that is in a
// store, a copy of those of its files that want holds for, until cleanup,
// which is to be called whatever the error. Where the copy is not what the
// manifest lists, that wraps doc.ErrCorrupt, and the copy is there all the same.
func localRun(ctx context.Context, dir string, want func(name string) bool) (copied string, cleanup func(), err error) {
	if !object.IsName(dir) {
		return dir, func() {}, nil
	}
	if copied, cleanup, err = scratch(); err == nil {
		err = folder.Download(ctx, dir, copied, want)
	}
	return copied, cleanup, err
}

// named is what is said about the copy of a run, said about the run.
func named(said, copied, dir string) string {
	if copied == dir {
		return said
	}
	return strings.ReplaceAll(said, copied, strings.TrimSuffix(dir, "/"))
}

// errOfCopy is an error about the copy of a run that speaks of the run.
type errOfCopy struct {
	error
	copied, dir string
}

func (e errOfCopy) Error() string { return named(e.error.Error(), e.copied, e.dir) }
func (e errOfCopy) Unwrap() error { return e.error }
