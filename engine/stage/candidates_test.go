package stage

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
)

// What an engine reads and writes, by the names of docs/formats.md alone.
type keyTable struct {
	Run     int64 `parquet:"run"`
	Key     int64 `parquet:"key"`
	Length  int64 `parquet:"length,optional"`
	Shard   int32 `parquet:"shard"`
	Ordinal int64 `parquet:"ordinal"`
}

type candidateTable struct {
	Run     int64 `parquet:"run"`
	Kind    int32 `parquet:"kind"`
	Key     int64 `parquet:"key"`
	Length  int64 `parquet:"length"`
	Shard   int32 `parquet:"shard"`
	Ordinal int64 `parquet:"ordinal"`
}

// joinTables is the first query of docs/match.sql, spelt out.
func joinTables(t *testing.T, j *task.Job) (rows []candidateTable) {
	t.Helper()
	type group struct {
		kind        int32
		key, length int64
	}
	members := map[group][]candidateTable{}
	for kind, table := range []string{"documents", "bands"} {
		for shard := range j.Plan.Shards {
			keys, err := parquet.ReadFile[keyTable](filepath.Join(j.Dir, tablePath(table, shard)))
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				g := group{int32(kind), k.Key, k.Length}
				members[g] = append(members[g], candidateTable{k.Run, g.kind, g.key, g.length, k.Shard, k.Ordinal})
			}
		}
	}
	for _, m := range members {
		if len(m) > 1 {
			rows = append(rows, m...)
		}
	}
	slices.SortFunc(rows, func(a, b candidateTable) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Length, b.Length), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return rows
}

// spread writes rows to n files in dir, in their order.
func spread(t *testing.T, dir string, rows []candidateTable, n int) (files []string) {
	t.Helper()
	for i := range n {
		files = append(files, filepath.Join(dir, fmt.Sprintf("part-%d.parquet", i)))
		if err := parquet.WriteFile(files[i], rows[i*len(rows)/n:(i+1)*len(rows)/n], parquet.MaxRowsPerRowGroup(100)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// scanAll does the scan tasks alone.
func scanAll(t *testing.T, j *task.Job) (fresh int) {
	t.Helper()
	for i := range j.Plan.Shards {
		_, isFresh, err := Do(t.Context(), j, task.Scan, i)
		if err != nil {
			t.Fatal(err)
		}
		if isFresh {
			fresh++
		}
	}
	return fresh
}

// withoutKeys are the files of a job that do not depend on the format of keys.
func withoutKeys(files map[string]string) map[string]string {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name, _ string) bool {
		return strings.HasPrefix(name, task.WorkDir+"/scan/") && (strings.HasSuffix(name, ".keys") || strings.HasSuffix(name, ".parquet"))
	})
	return files
}

// A join by somebody else leads to the same bytes, whatever the plan keeps.
func TestCandidates(t *testing.T) {
	for _, index := range []bool{false, true} {
		t.Run(fmt.Sprintf("index %v", index), func(t *testing.T) {
			j := newJob(t, 1)
			p := j.Plan
			if p.Index = index; index {
				p.DecideTasks = 2
			}
			var err error
			if p.RunID, err = p.ComputeRunID(); err != nil {
				t.Fatal(err)
			}
			j = tasktest.Job(t, p, filepath.Join(t.TempDir(), "own"))
			runAll(t, j)
			want := withoutKeys(tasktest.Contents(t, j))

			other := tasktest.Job(t, p, filepath.Join(t.TempDir(), "other"))
			other.ParquetKeys = true
			scanAll(t, other)
			if _, err := os.Stat(filepath.Join(other.Dir, task.WorkPath(task.Scan, 0, "keys"))); (err == nil) != index {
				t.Errorf("keys for our own match: %v", err)
			}
			if scanAll(t, other) != 0 {
				t.Error("scan was done twice")
			}
			_, _, err = Do(t.Context(), other, task.Match, 0)
			if !index && (!errors.Is(err, doc.ErrUsage) || !strings.Contains(err.Error(), "--candidates")) {
				t.Errorf("match without keys or candidates: %v", err)
			}
			if index && err != nil {
				t.Errorf("match with keys: %v", err)
			}
			os.RemoveAll(filepath.Join(other.Dir, task.WorkDir, string(task.Match)))
			rows := joinTables(t, other)
			other.Candidates = spread(t, t.TempDir(), rows, 3)
			runAll(t, other)
			if diff := gocmp.Diff(want, withoutKeys(tasktest.Contents(t, other))); diff != "" {
				t.Errorf("-own +other:\n%s", diff)
			}
			if !strings.Contains(want[task.WorkPath(task.Match, 0, "exact")]+want[task.WorkPath(task.Match, 1, "exact")], "\x02") || len(rows) < 100 {
				t.Errorf("%d candidates show nothing", len(rows))
			}
		})
	}
}

// Scan does again what was written in another format, and nothing else.
func TestKeyFormatChanges(t *testing.T) {
	j := newJob(t, 1)
	p := j.Plan
	p.Index = false
	p.RunID, _ = p.ComputeRunID()
	j = tasktest.Job(t, p, filepath.Join(t.TempDir(), "own"))
	for _, parquetKeys := range []bool{true, false, true} {
		j.ParquetKeys = parquetKeys
		if n := scanAll(t, j); n != len(p.Shards) {
			t.Errorf("Parquet %v: %d shards were scanned, want %d", parquetKeys, n, len(p.Shards))
		}
	}
}

// Candidates of another plan, damaged ones and missing ones leave no task.
func TestBadCandidates(t *testing.T) {
	j, foreign := newJob(t, 1), newJob(t, 2)
	var rows [2][]candidateTable
	for i, job := range []*task.Job{j, foreign} {
		job.ParquetKeys = true
		scanAll(t, job)
		rows[i] = joinTables(t, job)
	}
	dir := t.TempDir()
	whole := spread(t, dir, rows[0], 1)[0]
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.parquet")
	if err := os.WriteFile(cut, content[:len(content)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files []string
		want  string
	}{
		{spread(t, t.TempDir(), rows[1], 1), "another plan"},
		{[]string{whole, whole}, "another file"},
		{[]string{cut}, "cut.parquet"},
		{[]string{filepath.Join(dir, "none.parquet")}, "none.parquet"},
	} {
		j.Candidates = c.files
		for number := range j.Plan.Partitions {
			_, _, err := Do(t.Context(), j, task.Match, number)
			if !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, task %d: %v", c.want, number, err)
			}
		}
	}
	// A line that has no document is found where its record is looked for.
	ghost := rows[0][0]
	ghost.Shard, ghost.Ordinal = 0, math.MaxUint32
	i := slices.IndexFunc(rows[0], func(r candidateTable) bool { return r.Key == ghost.Key && r.Shard > 0 })
	haunted := slices.Insert(slices.Clone(rows[0]), max(i, 0), ghost)
	j.Candidates = spread(t, t.TempDir(), haunted, 1)
	for number := range j.Plan.Partitions {
		if _, _, err := Do(t.Context(), j, task.Match, number); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Do(t.Context(), j, task.Resolve, 0); !errors.Is(err, doc.ErrCorrupt) || !strings.Contains(err.Error(), "4294967295") {
		t.Errorf("a document that is not there: %v", err)
	}
	// All tasks must have had the same files, and read them to the last row.
	if err := os.Remove(filepath.Join(j.Dir, task.RecordPath(task.Match, 2))); err != nil {
		t.Fatal(err)
	}
	j.Candidates = spread(t, t.TempDir(), rows[0], 1)
	if _, _, err := Do(t.Context(), j, task.Match, 2); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("task 0 was given %d rows, task 2 was given %d", len(haunted), len(rows[0]))
	if _, _, err := Do(t.Context(), j, task.Resolve, 0); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), want) {
		t.Errorf("other files: %v, want %q", err, want)
	}
	records := []task.Record{{Numbers: map[string]int64{candidateRows: 4, candidateRowsInFiles: 9}}, {Numbers: map[string]int64{candidateRows: 4, candidateRowsInFiles: 9}}}
	if err := checkCandidates(records); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "read 8") {
		t.Errorf("a row that no task read: %v", err)
	}
}
