package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
)

// LargestRows is how many rows Job.Sealed has.
const LargestRows = 25

// seal merges what the shards added up to and writes the manifest, which is
// what makes a folder a finished run.
func seal(ctx context.Context, t *taskRun) error {
	tallied, err := t.Records(ctx, task.Tally)
	if err != nil {
		return err
	}
	scanned, err := t.Records(ctx, task.Scan)
	if err != nil {
		return err
	}
	resolved, err := t.Needs(ctx, task.Resolve, 0)
	if err != nil {
		return err
	}
	rows, err := t.checkedRows(ctx, tallied)
	if err != nil {
		return err
	}
	defer rows.close()
	totals := t.Sealed.Total
	if err := t.raise(ctx, &resolved, rows, totals.Class[doc.Kept].Documents); err != nil {
		return err
	}
	if err := rows.write(ctx); err != nil {
		return err
	}
	if t.Flows, err = t.flows(ctx, tallied); err != nil {
		return err
	}
	w, err := t.Create(ctx, "rejects.jsonl")
	if err != nil {
		return err
	}
	if err := t.concatenate(ctx, w, tallied, "rejects"); err != nil {
		return err
	}
	if err := t.Publish(); err != nil {
		return err
	}

	m := manifest.Manifest{
		Version: manifest.Version, RunID: t.Plan.RunID, Tool: manifest.Tool,
		Totals: manifest.TotalsOf(totals.Class, tally.FurtherJSON(totals.Further, t.Plan.Further)),
	}
	planSum, err := task.Digest(ctx, t.Out, task.PlanFile)
	if err != nil {
		return err
	}
	m.Files = append(m.Files, manifest.File(planSum))
	for _, f := range t.Record.Files {
		m.Files = append(m.Files, manifest.File(f))
	}
	for _, r := range append(slices.Clone(tallied), resolved) {
		for _, f := range r.Files {
			m.Files = append(m.Files, manifest.File(f))
		}
	}
	var documents int64
	for shard, r := range scanned {
		if t.Plan.IsStanding(shard) {
			m.AddStanding(r.Numbers["documents"], r.Numbers["rejected"])
			continue
		}
		documents += r.Numbers["documents"]
		m.CreatedUnreadable += uint64(r.Numbers["created_unreadable"])
	}
	m.UnseenSources = unseenSources(&t.Plan, scanned)
	if in := m.Totals.In.Documents; in != uint64(documents) {
		return fmt.Errorf("%w: %d lines scanned, %d tallied", doc.ErrCorrupt, documents, in)
	}
	if err := t.sync(ctx, append(slices.Clone(tallied), resolved, t.Record)); err != nil {
		return err
	}
	if w, err = t.Create(ctx, manifest.Name); err != nil {
		return err
	}
	return m.Write(w)
}

// sync makes the files of tasks durable, as far as they are not, before the manifest
// lists them.
func (t *taskRun) sync(ctx context.Context, tasks []task.Record) error {
	var names []string
	for _, r := range tasks {
		if !r.Unsynced {
			continue
		}
		for _, f := range r.Files {
			names = append(names, f.Path)
		}
	}
	return store.Sync(ctx, t.Out, names)
}

// checkedRows checks all rows and sums them up, before any is written.
func (t *taskRun) checkedRows(ctx context.Context, tallied []task.Record) (*sealedRows, error) {
	t.Sealed = tally.NewSummary(LargestRows)
	var check tally.Checker
	rows, err := t.sealedRows(ctx, tallied, func(row *sealedRow) error {
		t.Sealed.Add(&row.Row)
		if err := check.Row(&row.Row); err != nil {
			return fmt.Errorf("tally is not conserved: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := check.End(); err != nil {
		rows.close()
		return nil, fmt.Errorf("tally is not conserved: %w", err)
	}
	return rows, nil
}

// write writes tally.parquet and tally.jsonl.
func (r *sealedRows) write(ctx context.Context) error {
	w, err := r.Create(ctx, "tally.parquet")
	if err != nil {
		return err
	}
	shared := r.Plan.SharesCredit() && r.Sealed.Rows > 0
	table := tally.NewParquetWriter(w, r.Plan.Tokenizer.SHA256, shared, r.Plan.Further...)
	if w, err = r.Create(ctx, "tally.jsonl"); err != nil {
		return err
	}
	lines := tally.NewJSONLWriter(w, r.Plan.Further...)
	toTable := func(row *sealedRow) error { return table.Write(&row.Row) }
	toLines := func(row *sealedRow) error { return lines.Write(&row.Row) }
	if r.Workers > 1 { // rows are read once more, but one thread does each file
		var group errgroup.Group
		group.Go(func() error { return errors.Join(r.each(ctx, toTable), table.Close()) })
		group.Go(func() error { return errors.Join(r.each(ctx, toLines), lines.Close()) })
		return group.Wait()
	}
	err = r.each(ctx, func(row *sealedRow) error { return cmp.Or(toTable(row), toLines(row)) })
	return errors.Join(err, table.Close(), lines.Close())
}

// concatenate copies one kind of per-shard file of the tally stage to w.
func (t *taskRun) concatenate(ctx context.Context, w io.Writer, tallied []task.Record, kind string) error {
	for shard := range t.Plan.Delivery() {
		f, err := t.OpenFile(ctx, &tallied[shard], task.WorkPath(task.Tally, shard, kind))
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
