// Package folder is the output folder of a run, on a disk or in an object store:
// who works in it, what of a run it holds and how far that is, how it is made and
// cleared, and the readers of its plan, manifest, tally, alarms and decisions.
package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// maxPlan is the size of a plan beyond which a file is not looked at, in bytes.
const maxPlan = 1 << 30

// LoadPlan reads plan.json and checks that nobody edited it.
func LoadPlan(path string) (plan.Plan, error) {
	var p plan.Plan
	b, err := ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w (make one with \"tallystick plan\")", err)
			if !errors.Is(err, doc.ErrInput) { // as it does of an object
				err = fmt.Errorf("%w: %w", doc.ErrInput, err)
			}
		}
		return p, err
	}
	return parsePlan(b, path)
}

// ReadFile is os.ReadFile that takes names of objects, too, and does not read
// what is larger than a plan or manifest can be.
func ReadFile(path string) ([]byte, error) {
	if object.IsName(path) {
		return corpus.ReadText(context.Background(), path, maxPlan)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPlan+1))
	if err == nil && len(b) > maxPlan {
		err = fmt.Errorf("%w: %s has more than %d bytes", doc.ErrCorrupt, path, maxPlan)
	}
	return b, err
}

// DamagedPlanError is of a plan that is not what was written: nothing in its folder can be
// gone on with.
type DamagedPlanError struct{ err error }

func (e DamagedPlanError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong with it, doc.ErrCorrupt.
func (e DamagedPlanError) Unwrap() error { return e.err }

// parsePlan is LoadPlan for the content of a file, which path names.
func parsePlan(b []byte, path string) (plan.Plan, error) {
	p, err := checkPlan(b, path)
	if err != nil {
		err = DamagedPlanError{err}
	}
	return p, err
}

func checkPlan(b []byte, path string) (plan.Plan, error) {
	var p plan.Plan
	if err := jsonfile.Parse(b, path, plan.Version, &p); err != nil {
		return p, err
	}
	id, err := p.ComputeRunID()
	if err != nil {
		return p, err
	}
	if id != p.RunID {
		return p, fmt.Errorf("%w: %s: its content does not have its run id", doc.ErrCorrupt, path)
	}
	// What is spelt in another way would be sealed with another digest.
	if again, err := jsonfile.Marshal(p); err != nil || !bytes.Equal(again, b) {
		return p, fmt.Errorf("%w: %s: not in the form it is written in", doc.ErrCorrupt, path)
	}
	if err := p.Check(); err != nil {
		return p, fmt.Errorf("%w: %s: %w", doc.ErrCorrupt, path, err)
	}
	return p, nil
}

// Sealed reports whether dir holds the finished run of a plan: its manifest
// and every file that it lists.
func Sealed(ctx context.Context, p plan.Plan, dir string) bool {
	m, err := ReadManifest(dir)
	if err != nil || m.RunID != p.RunID {
		return false
	}
	out := store.NewLocal(dir)
	for _, f := range m.Files {
		if sum, err := task.Digest(ctx, out, f.Path); err != nil || manifest.File(sum) != f {
			return false
		}
	}
	return true
}

// Settled reports whether the run in dir is finished and its work folder gone,
// or made anew by a task that was late. Reading what a finished run wrote takes
// a while; of an unfinished one there is no manifest to begin with.
func Settled(ctx context.Context, p plan.Plan, dir string) bool {
	record := filepath.Join(dir, task.WorkDir, string(task.Seal))
	if _, err := os.Stat(record); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return Sealed(ctx, p, dir)
}

// ReadManifest reads the manifest of a finished run.
func ReadManifest(dir string) (manifest.Manifest, error) {
	b, err := ReadFile(object.Join(dir, manifest.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return manifest.Manifest{}, fmt.Errorf("%w: %s holds no finished run (no %s)", doc.ErrInput, dir, manifest.Name)
	}
	if err != nil {
		return manifest.Manifest{}, err
	}
	return manifest.Parse(b)
}

// IsRun reports whether path is the folder of a finished run.
func IsRun(ctx context.Context, path string) bool {
	name := object.Join(path, manifest.Name)
	var err error
	if object.IsName(name) {
		_, err = object.Stat(ctx, name)
	} else {
		_, err = os.Stat(name)
	}
	return err == nil
}
