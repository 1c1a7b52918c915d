package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/task"
)

// local refuses the folder of a run that is in a store to commands that read
// and write local files only.
func local(folders ...string) error {
	for _, f := range folders {
		if object.IsName(f) {
			return fmt.Errorf("%s is not a local folder; copy the run from its store first (aws s3 cp --recursive)", f)
		}
	}
	return nil
}

// Validate is called when the arguments are parsed.
func (c *sweepCmd) Validate() error { return local(c.Out) }

// Validate is called when the arguments are parsed.
func (c *rethresholdCmd) Validate() error { return local(c.Dir, c.Out) }

// wholeRun are all files of a run, payFiles those that say what is owed.
func wholeRun(string) bool      { return true }
func payFiles(name string) bool { return name == task.PlanFile || name == "tally.jsonl" }

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
