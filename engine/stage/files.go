package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/store"
)

// inWork reports whether a path is private to the run.
func inWork(path string) bool { return strings.HasPrefix(path, WorkDir+"/") }

// readAll returns the content of a finished file.
func readAll(ctx context.Context, s store.Store, path string) ([]byte, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// Digest measures a finished file.
func Digest(ctx context.Context, s store.Store, path string) (FileSum, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return FileSum{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return FileSum{}, fmt.Errorf("read %s: %w", path, err)
	}
	return FileSum{path, n, hex.EncodeToString(h.Sum(nil))}, nil
}

// WriteJSON writes v as one finished file.
func WriteJSON(ctx context.Context, s store.Store, path string, v any) error {
	b, err := jsonfile.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	w, err := store.CreateHashed(ctx, s, path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := w.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
