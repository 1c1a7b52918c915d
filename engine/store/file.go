package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/object"
)

// WriteFile writes a file of the user's choice, whole or not at all. A pipe or a
// device, such as /dev/stdout, is written to, never replaced.
func WriteFile(ctx context.Context, path string, write func(w io.Writer) error) error {
	if object.IsName(path) {
		return fmt.Errorf("%w: %s: a local file is written, no object; copy it there", doc.ErrUsage, path)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeThrough(path, write)
	}
	w, err := CreateHashed(ctx, NewLocal(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := write(w); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := w.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeThrough(path string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
