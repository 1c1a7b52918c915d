package task

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/wire"
)

// ScratchDir is the folder for files of this process alone.
func (j *Job) ScratchDir() string {
	if j.Scratch != "" {
		return j.Scratch
	}
	return filepath.Join(j.Dir, WorkDir)
}

// inWork reports whether a path is private to the run.
func inWork(path string) bool { return strings.HasPrefix(path, WorkDir+"/") }

// ReadAll returns the content of a finished file.
func ReadAll(ctx context.Context, s store.Store, path string) ([]byte, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return readAll(r, path)
}

func readAll(r store.File, path string) ([]byte, error) {
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// Digest measures a finished file.
func Digest(ctx context.Context, s store.Store, path string) (FileSum, error) {
	n, sum, err := measure(ctx, s, path, sha256.New())
	return FileSum{path, n, sum}, err
}

// digestWork measures a finished file that stages pass on.
func digestWork(ctx context.Context, s store.Store, path string) (WorkSum, error) {
	n, sum, err := measure(ctx, s, path, xxhash.New())
	return WorkSum{path, n, sum}, err
}

func measure(ctx context.Context, s store.Store, path string, by hash.Hash) (size int64, sum string, err error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	n, err := io.Copy(by, r)
	if err != nil {
		return 0, "", fmt.Errorf("read %s: %w", path, err)
	}
	return n, hex.EncodeToString(by.Sum(nil)), nil
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
	b, err := jsonfile.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return writeBytes(ctx, create, path, b)
}

// WriteBytes writes one finished file.
func WriteBytes(ctx context.Context, s store.Store, path string, b []byte) error {
	return writeBytes(ctx, s.Create, path, b)
}

func writeBytes(ctx context.Context, create func(context.Context, string) (store.Writer, error), path string, b []byte) error {
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

// ReadFile returns the content of a work file that the task of rec wrote.
func (j *Job) ReadFile(ctx context.Context, rec *Record, path string) ([]byte, error) {
	r, err := j.OpenFile(ctx, rec, path)
	if err != nil {
		return nil, err
	}
	return readAll(r, path)
}

// Decode opens a work file that the task of rec wrote.
func (j *Job) Decode(ctx context.Context, rec *Record, path, magic string) (*wire.Decoder, func(), error) {
	r, err := j.OpenFile(ctx, rec, path)
	if err != nil {
		return nil, nil, err
	}
	d, err := wire.NewDecoder(r, magic)
	if err != nil {
		r.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	d.Further, d.Sources = len(j.Plan.Further), j.Plan.UsesSource()
	return d, func() {
		d.Release()
		r.Close()
	}, nil
}
