package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/doc"
)

// Spool copies r, standard input for example, to a file in the folder dir that
// only the user may read, so that it can be planned and read like any other.
// The name is made of the content's SHA-256: the same bytes give the same path
// in the same folder, and so the same plan. The caller removes the file.
func Spool(ctx context.Context, r io.Reader, dir string) (path string, err error) {
	// os.CreateTemp asks for mode 0600. The prefix is that of unfinished
	// files in package store, so that those of killed processes are swept.
	file, err := os.CreateTemp(dir, ".tmp-stdin-")
	if err != nil {
		return "", fmt.Errorf("spool standard input: %w", err)
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	digest := sha256.New()
	if err := copyAll(ctx, io.MultiWriter(file, digest), r); err != nil {
		return "", fmt.Errorf("spool standard input: %w", err)
	}
	if err := file.Close(); err != nil {
		return "", fmt.Errorf("spool standard input: %w", err)
	}
	path = filepath.Join(dir, "stdin-"+hex.EncodeToString(digest.Sum(nil)[:8]))
	if err := os.Rename(file.Name(), path); err != nil {
		return "", fmt.Errorf("spool standard input: %w", err)
	}
	return path, nil
}

// copyAll is io.Copy that ends when ctx does, and tells a failing source
// (doc.ErrInput) from a failing destination.
func copyAll(ctx context.Context, w io.Writer, r io.Reader) error {
	buf := make([]byte, blockSize)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", doc.ErrInput, err)
		}
	}
}
