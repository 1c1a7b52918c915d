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
func readTally(ctx context.Context, dir string, p plan.Plan) (rows []tally.Row, err error) {
	err = readSealed(ctx, dir, "tally.jsonl", p, func(f *os.File, _ int64) (err error) {
		rows, err = tally.ReadJSONL(f, p.Further...)
		if err == nil && len(rows) > 0 && (rows[0].Credit != nil) != p.SharesCredit() {
			err = fmt.Errorf("%w: credit that is not by the plan's rule", doc.ErrCorrupt)
		}
		return err
	})
	return rows, err
}

// readSummary sums up tally.parquet, which is checked likewise.
func readSummary(ctx context.Context, dir string, p plan.Plan) (*tally.Summary, error) {
	sum := tally.NewSummary(reportContributors)
	return sum, readSealed(ctx, dir, "tally.parquet", p, func(f *os.File, size int64) error {
		_, err := tally.EachParquet(f, size, func(r *tally.Row) error {
			if (r.Credit != nil) != p.SharesCredit() {
				return fmt.Errorf("%w: credit that is not by the plan's rule", doc.ErrCorrupt)
			}
			sum.Add(r)
			return nil
		}, p.Further...)
		return err
	})
}

func readSealed(ctx context.Context, dir, name string, p plan.Plan, read func(f *os.File, size int64) error) error {
	m, err := ReadManifest(dir)
	if err != nil {
		return err
	}
	if m.RunID != p.RunID {
		return fmt.Errorf("%w: %s and %s are of different runs", doc.ErrCorrupt, filepath.Join(dir, stage.PlanFile), manifest.Name)
	}
	path := filepath.Join(dir, name)
	sum, err := stage.Digest(ctx, store.NewLocal(dir), name)
	if err != nil {
		return err
	}
	if !slices.Contains(m.Files, manifest.File(sum)) {
		return fmt.Errorf("%w: %s is not the file that the manifest lists", doc.ErrCorrupt, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(f, sum.Size); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
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
