package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// Claimed is a folder in which a run may begin, or go on.
type Claimed struct {
	dir     string
	resumed *plan.Plan // of the run that goes on
	replace bool       // there is a run that begin is to remove
	copied  bool       // the run to go on has its copy of standard input
}

// Claim looks at what is in the folder dir, which its caller occupies, and
// refuses it (doc.ErrUsage) if it is in use: by a run, unless that is to be
// resumed or may be replaced, or by anything else.
func Claim(ctx context.Context, dir string, resume, force bool) (*Claimed, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: the output folder needs a name", doc.ErrUsage)
	}
	c := &Claimed{dir: dir}
	planPath := filepath.Join(dir, task.PlanFile)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: output folder: %v", doc.ErrUsage, err)
	}
	switch {
	case !inUse(entries):
		if err := emptyWork(dir); err != nil {
			return nil, err
		}
	case resume:
		p, err := LoadPlan(planPath)
		if err != nil {
			return nil, fmt.Errorf("resume: %w", err)
		}
		c.resumed = &p
	case force:
		if _, err := os.Stat(planPath); err != nil {
			return nil, fmt.Errorf("%w: %s is not empty and holds no run; --force replaces a run, never other files", doc.ErrUsage, dir)
		}
		c.replace = true
		// The copy of another standard input is not to be taken for ours.
		if err := os.Remove(spoolPath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("work folder: %w", err)
		}
	default:
		return nil, errNotEmpty(dir)
	}
	// Nobody else writes here now, so unfinished files have been left behind.
	if _, err := store.NewLocal(dir).Sweep(ctx, 0); err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	_, err = os.Stat(spoolPath(dir))
	c.copied = err == nil
	return c, nil
}

// IsNew reports whether no run is in the folder, to go on or to be replaced.
func (c *Claimed) IsNew() bool { return c.resumed == nil && !c.replace }

// Begin writes the plan p of the run, or checks that it is that of the run to
// resume.
func (c *Claimed) Begin(ctx context.Context, p plan.Plan) error {
	if c.resumed != nil {
		if c.resumed.RunID != p.RunID {
			if !c.copied { // what was just read from standard input is not the run's
				os.Remove(spoolPath(c.dir))
			}
			return fmt.Errorf("resume: %w: %s was made from other inputs or rules (--force replaces the run)", doc.ErrInputChanged, filepath.Join(c.dir, task.PlanFile))
		}
		return nil
	}
	// Not before the new run has a plan: a misspelt input must not cost the
	// old one.
	if c.replace {
		if err := clearRun(c.dir); err != nil {
			return fmt.Errorf("replace the run in %s: %w", c.dir, err)
		}
	}
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return writePlan(ctx, c.dir, p)
}

// inUse reports whether a folder holds more than a run leaves that is killed
// before it has a plan.
func inUse(entries []fs.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() != task.WorkDir && !strings.HasPrefix(e.Name(), store.TempPrefix)
	})
}

func writePlan(ctx context.Context, dir string, p plan.Plan) error {
	return task.WriteJSON(ctx, store.NewLocal(dir), task.PlanFile, p)
}

// What a run writes beside its plan, its work files and what manifest.Unlisted names.
var (
	runFiles   = []string{alarm.Name, audit.Name, "tally.jsonl", "tally.parquet", "rejects.jsonl"}
	runFolders = []string{"decisions", "bitmaps", "index", sweepable.Dir}
)

// clearRun removes what a run writes, and nothing else, from dir, but for the
// copy of standard input. The manifest goes first: without it the folder is no
// finished run. The plan goes last: without it the folder is no run that could
// be replaced.
func clearRun(dir string) error {
	names := append([]string{}, manifest.Unlisted...)
	names = append(append(names, runFiles...), runFolders...)
	for _, stageName := range task.Order {
		names = append(names, filepath.Join(task.WorkDir, string(stageName)))
	}
	for _, n := range append(names, task.PlanFile) {
		if err := os.RemoveAll(filepath.Join(dir, n)); err != nil {
			return err
		}
	}
	return nil
}

// Unseal makes of a run in dir that is finished but not whole one that is not
// finished: its manifest must not list files that are done again before they are on
// disk.
func Unseal(ctx context.Context, dir string) error {
	err := os.Remove(filepath.Join(dir, manifest.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = store.NewLocal(dir).Sync(ctx, nil)
	}
	if err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// Make makes the folder dir, which its caller occupies, one that holds
// nothing but the plan p. A run in it is in the way unless force is set, and
// anything else always (doc.ErrUsage).
func Make(ctx context.Context, dir string, force bool, p plan.Plan) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: output folder: %v", doc.ErrUsage, err)
	}
	if inUse(entries) {
		_, noPlan := os.Stat(filepath.Join(dir, task.PlanFile))
		switch {
		case !force:
			return fmt.Errorf("%w: output folder %s is not empty (--force replaces the run in it)", doc.ErrUsage, dir)
		case noPlan != nil:
			return fmt.Errorf("%w: %s is not empty and holds no run; --force replaces a run, never other files", doc.ErrUsage, dir)
		}
		if err := clearRun(dir); err != nil {
			return fmt.Errorf("replace the run in %s: %w", dir, err)
		}
	}
	if err := emptyWork(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	if _, err := store.NewLocal(dir).Sweep(ctx, 0); err != nil {
		return err
	}
	return writePlan(ctx, dir, p)
}

// Tidy removes from the folder of a finished run what tasks left unfinished and,
// unless keepWork is set, the work folder.
func Tidy(ctx context.Context, dir string, keepWork bool) error {
	// Of tasks that were killed, and of those that are late: these find their files
	// gone and the run sealed.
	if _, err := store.NewLocal(dir).Sweep(ctx, 0); err != nil || keepWork {
		return err
	}
	err := emptyWork(dir)
	os.Remove(filepath.Join(dir, task.WorkDir)) // unless this process holds the lock in it, until it leaves
	return err
}

// ClearDebris removes what late tasks left after the run was sealed, unfinished
// files and a work folder that they made anew, unless others work in the folder.
func ClearDebris(ctx context.Context, dir string) {
	if release, err := Occupy(dir, "stage"); err == nil {
		// Nothing depends on either.
		_, _ = store.NewLocal(dir).Sweep(ctx, 0)
		_ = emptyWork(dir)
		release()
	}
}

func errNotEmpty(name string) error {
	return fmt.Errorf("%w: output folder %s is not empty (run --resume goes on with it, --force replaces the run in it)", doc.ErrUsage, name)
}
