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
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
)

// readTally reads the tally of the finished run of a plan and checks that it
// still is the one that the manifest sealed.
func readTally(ctx context.Context, dir string, p plan.Plan) ([]tally.Row, error) {
	return readSealed(ctx, dir, "tally.jsonl", p, func(f *os.File, _ int64) ([]tally.Row, error) {
		return tally.ReadJSONL(f, p.Further...)
	})
}

// readTallyQuickly is readTally from tally.parquet: several times as fast, and
// for those who only describe a run.
func readTallyQuickly(ctx context.Context, dir string, p plan.Plan) ([]tally.Row, error) {
	return readSealed(ctx, dir, "tally.parquet", p, func(f *os.File, size int64) ([]tally.Row, error) {
		rows, _, err := tally.ReadParquet(f, size, p.Further...)
		return rows, err
	})
}

func readSealed(ctx context.Context, dir, name string, p plan.Plan, read func(f *os.File, size int64) ([]tally.Row, error)) ([]tally.Row, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	if m.RunID != p.RunID {
		return nil, fmt.Errorf("%w: %s and %s are of different runs", doc.ErrCorrupt, filepath.Join(dir, stage.PlanFile), manifest.Name)
	}
	path := filepath.Join(dir, name)
	sum, err := stage.Digest(ctx, store.NewLocal(dir), name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(m.Files, manifest.File(sum)) {
		return nil, fmt.Errorf("%w: %s is not the file that the manifest lists", doc.ErrCorrupt, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := read(f, sum.Size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) > 0 && (rows[0].Credit != nil) != p.SharesCredit() {
		return nil, fmt.Errorf("%s: %w: credit that is not by the plan's rule", path, doc.ErrCorrupt)
	}
	return rows, nil
}

// Pay divides a pool by the tokens kept of the run in dir or, where it shares
// credit, by the credits, counted by the tokenizer that the user calls by that
// name; empty is the main one. o.RunID, o.Tokenizer and o.Credit are set to
// those of the run.
func Pay(ctx context.Context, dir, tokenizer string, o pay.Options) (pay.Statement, error) {
	if _, err := ReadManifest(dir); err != nil {
		return pay.Statement{}, err
	}
	p, err := LoadPlan(filepath.Join(dir, stage.PlanFile))
	if err != nil {
		return pay.Statement{}, err
	}
	which, err := p.FindTokenizer(tokenizer)
	if err != nil {
		return pay.Statement{}, fmt.Errorf("%w: %w", doc.ErrUsage, err)
	}
	rows, err := readTally(ctx, dir, p)
	if err != nil {
		return pay.Statement{}, err
	}
	o.RunID, o.Tokenizer = p.RunID, p.Tokenizers()[which].Label
	if p.SharesCredit() {
		o.Credit = pay.CreditShared
	}
	kept := make([]pay.Entitlement, len(rows))
	for i, r := range rows {
		kept[i] = pay.Entitlement{Contributor: r.Contributor, Tokens: r.Class[doc.Kept].Tokens}
		if which > 0 {
			kept[i].Tokens = r.Further[which-1][doc.Kept]
		}
		if p.SharesCredit() {
			kept[i].Tokens, kept[i].Fraction = splitCredit(r.Credit[which])
		}
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
