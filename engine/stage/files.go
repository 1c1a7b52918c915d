package stage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/tallystick/tallystick/engine/store"
)

// scratch is the folder for files of this process alone.
func (j *Job) scratch() string {
	if j.Scratch != "" {
		return j.Scratch
	}
	return filepath.Join(j.Dir, WorkDir)
}

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

// marshal returns v as indented JSON that ends in a newline, with < and > as
// they are: the files are for people too.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// WriteJSON writes v as one finished file.
func WriteJSON(ctx context.Context, s store.Store, path string, v any) error {
	return writeJSON(ctx, s.Create, path, v)
}

// WriteNewJSON is WriteJSON for a file that must not replace another: the error
// then wraps fs.ErrExist.
func WriteNewJSON(ctx context.Context, s store.Store, path string, v any) error {
	return writeJSON(ctx, s.CreateNew, path, v)
}

func writeJSON(ctx context.Context, create func(context.Context, string) (store.Writer, error), path string, v any) error {
	b, err := marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	w, err := create(ctx, path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
