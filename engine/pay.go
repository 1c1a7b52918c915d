package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/pay"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
)

// readTally reads the tally of a finished run and checks that it still is the
// one that the manifest sealed.
func readTally(ctx context.Context, dir string) (runID string, rows []tally.Row, err error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return "", nil, err
	}
	const name = "tally.jsonl"
	path := filepath.Join(dir, name)
	sum, err := stage.Digest(ctx, store.NewLocal(dir), name)
	if err != nil {
		return "", nil, err
	}
	if !slices.Contains(m.Files, manifest.File(sum)) {
		return "", nil, fmt.Errorf("%w: %s is not the file that the manifest lists", doc.ErrCorrupt, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	rows, err = tally.ReadJSONL(f)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return m.RunID, rows, nil
}

// Pay divides a pool by the tokens kept of the run in dir. o.RunID is set to
// that of the run.
func Pay(ctx context.Context, dir string, o pay.Options) (pay.Statement, error) {
	runID, rows, err := readTally(ctx, dir)
	if err != nil {
		return pay.Statement{}, err
	}
	o.RunID = runID
	kept := make([]pay.Entitlement, len(rows))
	for i, r := range rows {
		kept[i] = pay.Entitlement{Contributor: r.Contributor, Tokens: r.Class[doc.Kept].Tokens}
	}
	return pay.Compute(kept, o)
}

// WriteFile writes a file of the user's choice, whole or not at all.
func WriteFile(ctx context.Context, path string, write func(w io.Writer) error) error {
	w, err := store.CreateHashed(ctx, store.NewLocal(filepath.Dir(path)), filepath.Base(path))
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
