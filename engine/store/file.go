package store

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
)

// WriteFile writes a file of the user's choice, whole or not at all.
func WriteFile(ctx context.Context, path string, write func(w io.Writer) error) error {
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
