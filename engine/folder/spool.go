package folder

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
)

func spoolPath(dir string) string { return filepath.Join(dir, task.WorkDir, task.StdinSpool) }

// Spool copies standard input into the work folder of dir, because a job reads
// its input more than once. A run that goes on finds its copy there.
func Spool(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("%w: standard input needs an output folder to be kept in", doc.ErrUsage)
	}
	final := spoolPath(dir)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	return SpoolFrom(ctx, corpus.Stdin(ctx), dir)
}

// SpoolFrom copies in, which is standard input, into the work folder of dir.
func SpoolFrom(ctx context.Context, in io.Reader, dir string) (string, error) {
	final := spoolPath(dir)
	work := filepath.Dir(final)
	if err := os.MkdirAll(work, 0o777); err != nil {
		return "", fmt.Errorf("work folder: %w", err)
	}
	path, err := corpus.Spool(ctx, in, work)
	if err != nil {
		return "", err
	}
	return final, os.Rename(path, final)
}
