package folder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
)

// ReadTally reads the tally of the finished run of a plan and checks that it
// still is the one that the manifest sealed.
func ReadTally(ctx context.Context, dir string, p plan.Plan) (rows []tally.Row, err error) {
	err = readSealed(ctx, dir, "tally.jsonl", p, func(f *os.File, _ int64) (err error) {
		rows, err = tally.ReadJSONL(f, p.Further...)
		if err == nil && len(rows) > 0 && (rows[0].Credit != nil) != p.SharesCredit() {
			err = fmt.Errorf("%w: credit that is not by the plan's rule", doc.ErrCorrupt)
		}
		return err
	})
	return rows, err
}

// ReadSummary sums up tally.parquet, which is checked likewise, with the given
// number of largest rows.
func ReadSummary(ctx context.Context, dir string, p plan.Plan, largest int) (*tally.Summary, error) {
	sum := tally.NewSummary(largest)
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
		return fmt.Errorf("%w: %s and %s are of different runs", doc.ErrCorrupt, filepath.Join(dir, task.PlanFile), manifest.Name)
	}
	path := filepath.Join(dir, name)
	sum, err := task.Digest(ctx, store.NewLocal(dir), name)
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
