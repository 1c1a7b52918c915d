package stage

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/bands"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// The join of match can be left to an engine that other people run: scan then
// writes keys as Parquet, and match takes the groups that the engine found.

// tablePath names a table of a shard that scan writes as Parquet, "documents"
// or "bands", below the output folder.
func tablePath(table string, shard int) string {
	return fmt.Sprintf("%s/%s/%s/%05d.parquet", task.WorkDir, task.Scan, table, shard)
}

// createKeys creates the files of the keys of a shard in the format of the job.
// tables is nil where they are not written as Parquet.
func (t *taskRun) createKeys(ctx context.Context) (keys *wire.Encoder, tables *bands.Writer, err error) {
	keys = wire.NewEncoder(io.Discard, wire.MagicKeys)
	if nativeKeys(t.Job) {
		if keys, err = t.Encode(ctx, task.WorkPath(task.Scan, t.Record.Task, "keys"), wire.MagicKeys); err != nil {
			return nil, nil, err
		}
	}
	if !t.ParquetKeys {
		return keys, nil, nil
	}
	documents, err := t.Create(ctx, tablePath("documents", t.Record.Task))
	if err != nil {
		return nil, nil, err
	}
	bandKeys, err := t.Create(ctx, tablePath("bands", t.Record.Task))
	if err != nil {
		return nil, nil, err
	}
	tables, err = bands.NewWriter(documents, bandKeys, t.Plan.RunID, t.Record.Task, t.Plan.IsStanding(t.Record.Task))
	return keys, tables, err
}

// nativeKeys reports whether scan writes keys for our own match. The index of a
// run is made from those.
func nativeKeys(j *task.Job) bool { return !j.ParquetKeys || j.Plan.Index }

// wroteKeys reports whether a finished task wrote the keys of its shard in the
// format that is asked for, or is no scan.
func wroteKeys(j *task.Job, rec *task.Record) bool {
	return rec.Stage != task.Scan ||
		(!nativeKeys(j) || rec.Wrote(task.WorkPath(task.Scan, rec.Task, "keys"))) &&
			(!j.ParquetKeys || rec.Wrote(tablePath("bands", rec.Task)))
}

// putTableRow adds a line to the table of documents, if there is one and it could
// be used.
func putTableRow(tables *bands.Writer, p *plan.Plan, r *wire.Document) {
	if tables == nil || r.Reason != doc.OK {
		return
	}
	key := r.Hash
	if p.Scope == plan.ScopeSource {
		key ^= Apart(p, xxhash.New(), r.Source)
	}
	tables.Document(&bands.Document{
		Ordinal: r.Ordinal, Key: key, Length: r.Bytes, Content: r.Hash,
		Created: r.Created, Contributor: r.Contributor, ID: r.ID, Source: r.Source,
	})
}

// matchCandidates does for a partition what match does, from groups that
// another engine found.
func matchCandidates(ctx context.Context, t *taskRun) error {
	var readers []*bands.Reader
	var inFiles int64
	for _, name := range t.Candidates {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("%w: candidates: %w", doc.ErrInput, err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("%w: candidates: %w", doc.ErrInput, err)
		}
		r, err := bands.NewReader(name, f, info.Size(), t.Plan.RunID, len(t.Plan.Shards), wire.KeysOf(t.Record.Task, t.Plan.Partitions))
		if err != nil {
			return fmt.Errorf("candidates: %w", err)
		}
		inFiles += r.Rows()
		if r.Empty() { // an engine may write thousands of files
			f.Close()
			continue
		}
		t.Read(info.Size())
		readers = append(readers, r)
	}
	exact, err := t.createGroups(ctx, "exact")
	if err != nil {
		return err
	}
	buckets, err := t.createGroups(ctx, "buckets")
	if err != nil {
		return err
	}
	var rows int64
	err = bands.Groups(readers, func(kind bands.Kind, members []doc.Place) error {
		if rows += int64(len(members)); rows%(1<<16) < int64(len(members)) && ctx.Err() != nil {
			return ctx.Err()
		}
		if kind == bands.Exact {
			exact.add(members)
		} else {
			buckets.add(members)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("candidates: %w", err)
	}
	t.Record.Numbers[candidateRows], t.Record.Numbers[candidateRowsInFiles] = rows, inFiles
	if err := exact.end(t); err != nil {
		return err
	}
	return buckets.end(t)
}

// Numbers in the record of a match task that had candidates.
const (
	candidateRows        = "candidate_rows" // of its partition
	candidateRowsInFiles = "candidate_rows_in_files"
)

// checkCandidates returns an error unless the tasks of match together have read
// every candidate: each read only what may concern it, and the files may not have
// been the same.
func checkCandidates(matched []task.Record) error {
	var rows int64
	for i := range matched {
		inFiles, had := matched[i].Numbers[candidateRowsInFiles]
		if !had { // the task did its own join
			return nil
		}
		if want := matched[0].Numbers[candidateRowsInFiles]; inFiles != want {
			return fmt.Errorf("%w: candidates: match task 0 was given %d rows, task %d was given %d; remove %s/%s and match again", doc.ErrInput, want, i, inFiles, task.WorkDir, task.Match)
		}
		rows += matched[i].Numbers[candidateRows]
	}
	if inFiles := matched[0].Numbers[candidateRowsInFiles]; rows != inFiles {
		return fmt.Errorf("%w: candidates: of %d rows the tasks of match read %d: files have the wrong least or greatest key in their footers", doc.ErrInput, inFiles, rows)
	}
	return nil
}

// groupFile is a file of groups in the making.
type groupFile struct {
	e    *wire.Encoder
	kind string
	n    int64
}

func (t *taskRun) createGroups(ctx context.Context, kind string) (*groupFile, error) {
	e, err := t.Encode(ctx, task.WorkPath(task.Match, t.Record.Task, kind), wire.MagicGroups)
	return &groupFile{e: e, kind: kind}, err
}

// begin begins a group of n documents, whose places follow.
func (g *groupFile) begin(n uint64) {
	g.e.Uint(n)
	g.n++
}

func (g *groupFile) add(members []doc.Place) {
	g.e.Group(members)
	g.n++
}

func (g *groupFile) end(t *taskRun) error {
	t.Record.Numbers[g.kind] = g.n
	return g.e.Flush()
}
