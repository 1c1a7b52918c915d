package folder

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/task"
)

// LeaveOutRuns takes out what folders and globs found inside the output folder
// of a run, which may well lie inside an input folder: its plan and its tally
// are no corpus. Files that are named themselves stay.
func LeaveOutRuns(ctx context.Context, paths, args []string, p progress.Listener) ([]string, error) {
	named := map[string]bool{}
	for _, a := range args {
		named[CleanInput(a)] = true
	}
	runs := map[string]bool{} // folder → whether it is one
	for _, path := range paths {
		// The plan of a run is found like any other file below a folder.
		if dir, name := filepath.Split(path); name == task.PlanFile && object.IsName(path) && !named[path] {
			b, err := corpus.ReadText(ctx, path, maxPlan)
			if err == nil {
				_, err = parsePlan(b, path)
			}
			runs[dir] = err == nil
		}
	}
	inRun := func(path string) (string, bool) {
		if object.IsName(path) {
			for dir := path; ; {
				dir = dir[:strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')+1]
				if is := runs[dir]; is || named[strings.TrimSuffix(dir, "/")] || strings.HasSuffix(dir, "://") {
					return dir, is
				}
			}
		}
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			is, known := runs[dir]
			if !known {
				_, err := LoadPlan(filepath.Join(dir, task.PlanFile))
				is = err == nil
				runs[dir] = is
			}
			if is || named[dir] || dir == filepath.Dir(dir) || filepath.Base(dir) == ".." {
				return dir, is
			}
		}
	}
	var kept []string
	left := map[string]int{}
	for _, path := range paths {
		if !named[CleanInput(path)] {
			if dir, is := inRun(path); is {
				left[dir]++
				continue
			}
		}
		kept = append(kept, path)
	}
	for _, dir := range slices.Sorted(maps.Keys(left)) {
		if len(kept) == 0 {
			return nil, fmt.Errorf("%w: %s holds the outputs of a run, not a corpus; name its files one by one to read them all the same", doc.ErrUsage, dir)
		}
		if p != nil {
			p.Notice(fmt.Sprintf("left out %d files in %s: they are the outputs of a run", left[dir], dir))
		}
	}
	return kept, nil
}

// RefuseInRun returns an error (doc.ErrUsage) if a local file is, or would be, in
// the output folder of a run, which holds what the run writes and nothing else.
func RefuseInRun(name string) error {
	name, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		name = filepath.Join(real, filepath.Base(name))
	}
	for dir := filepath.Dir(name); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := LoadPlan(filepath.Join(dir, task.PlanFile)); err == nil {
			return fmt.Errorf("%w: %s is in the output folder of a run, %s; choose another place", doc.ErrUsage, name, dir)
		}
	}
	return nil
}

// CleanInput is one way to write an input.
func CleanInput(path string) string {
	if object.IsName(path) {
		return strings.TrimSuffix(path, "/")
	}
	return filepath.Clean(path)
}
