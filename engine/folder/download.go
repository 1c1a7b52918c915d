package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// Download copies the files of the finished run in a store, those whose names
// want holds for, to a local folder, for commands that read such. When all are
// there it compares each with its size and digest in the manifest: the error for
// what differs wraps doc.ErrCorrupt.
func Download(ctx context.Context, url, dir string, want func(name string) bool) error {
	from, err := store.At(url)
	if err != nil {
		return fmt.Errorf("%w: %w", doc.ErrUsage, err)
	}
	entries, err := from.List(ctx, "")
	if err != nil {
		return err
	}
	to := store.NewLocal(dir)
	// First of all: without it, there is nothing to copy.
	if err := copyFile(ctx, to, from, manifest.Name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s holds no finished run (no %s)", doc.ErrInput, url, manifest.Name)
		}
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, e := range entries {
		if isOfRun(e.Name) && !isWork(e.Name) && e.Name != manifest.Name && want(e.Name) {
			group.Go(func() error { return copyFile(groupCtx, to, from, e.Name) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	m, err := ReadManifest(dir)
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		if !want(f.Path) {
			continue
		}
		sum, err := task.Digest(ctx, to, f.Path)
		if ctx.Err() != nil {
			return ctx.Err() // the file need not be wrong
		}
		if err != nil || manifest.File(sum) != f {
			return fmt.Errorf("%w: %s/%s is not the file that the manifest lists", doc.ErrCorrupt, strings.TrimSuffix(url, "/"), f.Path)
		}
	}
	return nil
}
