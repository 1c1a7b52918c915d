package resolve_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/auditor"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/resolve"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
	"github.com/tallystick/tallystick/engine/wire"
)

// TestTasksDecideAsOne resolves random corpora under all policies by several tasks, with
// and without a bound, and by one: what resolve writes is the same to a byte, and
// so are the figures of its record.
func TestTasksDecideAsOne(t *testing.T) {
	eachCorpus(t, func(t *testing.T, p plan.Plan, room int64) {
		j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
		tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
		want := resolved(t, j, 0)
		figures := func() map[string]int64 {
			n := records(t, j, task.Resolve)[0].Numbers
			delete(n, "stored_shingles") // edits are of sets of the same task
			return n
		}
		numbers := figures()
		var passed map[string]string // of three tasks
		for _, c := range []struct {
			tasks int
			room  int64
		}{{2, 0}, {3, 0}, {7, 0}, {3, room}} {
			j.Plan.DecideTasks = c.tasks
			if diff := gocmp.Diff(want, resolved(t, j, c.room)); diff != "" {
				t.Fatalf("%d tasks, room %d (-want +got):\n%s", c.tasks, c.room, diff)
			}
			if rec := records(t, j, task.Resolve)[0]; rec.Bytes > 0 && (p.AuditPPM == 0 || auditor.AreShared(records(t, j, task.Decide))) {
				t.Fatalf("%d tasks: resolve read %d bytes of text", c.tasks, rec.Bytes)
			}
			if diff := gocmp.Diff(numbers, figures()); diff != "" && c.room == 0 { // blocks prove more
				t.Fatalf("%d tasks: numbers (-want +got):\n%s", c.tasks, diff)
			}
			if c.tasks != 3 {
				continue
			}
			if strings.Contains(t.Name(), "no_texts_of_one_hash") && !auditor.AreShared(records(t, j, task.Decide)) {
				t.Fatalf("room %d: the tasks left the audit to resolve", c.room)
			}
			all := tasktest.Contents(t, j)
			maps.DeleteFunc(all, func(name, _ string) bool {
				return !strings.HasPrefix(name, task.WorkDir+"/decide/0000") || name[len(task.WorkDir+"/decide/0000")] > '2'
			})
			if diff := gocmp.Diff(passed, all); passed != nil && diff != "" {
				t.Fatalf("room %d: what is passed to resolve (-want +got):\n%s", c.room, diff)
			}
			passed = all
		}
	})
}

// decideJob is one of a corpus of many families, and what tasks of decide pass on to
// resolve.
func decideJob(t *testing.T, tasks int, collides, keeps bool) *task.Job {
	t.Helper()
	all := lines(rand.New(rand.NewPCG(11, 12)), 400, 120, collides)
	p := planOf(t, [][]string{all[:150], all[150:]}, 0, func(p *plan.Plan) {
		if keeps {
			sweepableFrom(p, 1, 2)
		}
		p.Rules.Credit, p.AuditPPM, p.NearDup.Recall, p.DecideTasks = plan.RuleCredit, 300_000, "0.9", tasks
	})
	j := tasktest.Job(t, p, filepath.Join(t.TempDir(), "out"))
	tasktest.Run(t, stage.Do, j, task.Scan, task.Match)
	return j
}

// TestShares: every document that shares a key is of one task, groups are cut nowhere,
// and all tasks have something to do.
func TestShares(t *testing.T) {
	const tasks = 5
	j := decideJob(t, tasks, true, false)
	share := func(n task.Stage, number int) ([]doc.Place, [][]doc.Place) {
		t.Helper()
		own, groups, err := resolve.ShareOf(t.Context(), j.Begin(n, number), records(t, j, task.Scan), records(t, j, task.Match))
		if err != nil {
			t.Fatal(err)
		}
		return own, groups
	}
	var places []doc.Place
	var groups [][]doc.Place
	all, allGroups := share(task.Resolve, 0)
	for number := range tasks {
		own, of := share(task.Decide, number)
		if 2*len(own)*tasks < len(all) {
			t.Errorf("task %d has %d of %d documents", number, len(own), len(all))
		}
		for _, g := range of {
			for _, p := range g {
				if _, found := slices.BinarySearchFunc(own, p, doc.Place.Compare); !found {
					t.Fatalf("task %d reads a group with %v, which is another's", number, p)
				}
			}
		}
		places, groups = append(places, own...), append(groups, of...)
	}
	slices.SortFunc(places, doc.Place.Compare)
	if !slices.Equal(places, all) {
		t.Errorf("tasks have %d documents, of %d", len(places), len(all))
	}
	order := func(a, b []doc.Place) int { return slices.CompareFunc(a, b, doc.Place.Compare) }
	slices.SortFunc(groups, order)
	slices.SortFunc(allGroups, order)
	if !slices.EqualFunc(groups, allGroups, slices.Equal) {
		t.Errorf("tasks read %d groups, of %d", len(groups), len(allGroups))
	}
}

// merged does resolve of what tasks decided, and returns its error.
func merged(t *testing.T, j *task.Job) error {
	t.Helper()
	run := j.Begin(task.Resolve, 0)
	defer run.Abort()
	return resolve.Merge(t.Context(), run, records(t, j, task.Scan), records(t, j, task.Match), records(t, j, task.Decide))
}

// eachOther says of a document that stands for another one that this stands for it as well.
func eachOther(copies []byte) []byte {
	d, err := wire.NewDecoder(bytes.NewReader(copies), wire.MagicCopies)
	if err != nil {
		return nil // of nobody that is asked
	}
	copied, first := d.Place(), d.Place()
	for copied == first { // with a digest
		d.Full(make([]byte, sha256.Size))
		copied, first = d.Place(), d.Place()
	}
	var out bytes.Buffer
	e := wire.NewEncoder(&out, wire.MagicCopies)
	for _, p := range []doc.Place{copied, first, first, copied} {
		e.Place(p)
	}
	e.Flush()
	return out.Bytes()
}

// TestMergeRefuses: files of other tasks, of others' groups, and any bytes at all in
// the place of what tasks decided are errors that name the file, or change
// nothing but what they say.
func TestMergeRefuses(t *testing.T) {
	t.Run("an audit of the tasks", func(t *testing.T) { testMergeRefuses(t, false, false, "findings") })
	t.Run("an audit of resolve, as texts collide", func(t *testing.T) { testMergeRefuses(t, true, false, "copies") })
	t.Run("a sweepable run", func(t *testing.T) { testMergeRefuses(t, true, true, "copies", "sets") })
}

func testMergeRefuses(t *testing.T, collides, keeps bool, more ...string) {
	const tasks = 2
	j := decideJob(t, tasks, collides, keeps)
	tasktest.Run(t, stage.Do, j, task.Decide)
	if err := merged(t, j); err != nil {
		t.Fatal(err)
	}
	kinds := append([]string{"decisions", "owners", "evidence"}, more...)
	if auditor.AreShared(records(t, j, task.Decide)) == collides {
		t.Fatal("not the audit that was to be tested")
	}
	files := map[string][]byte{}
	path := func(number int, kind string) string { return task.WorkPath(task.Decide, number, kind) }
	for number := range tasks {
		for _, kind := range kinds {
			b, err := os.ReadFile(filepath.Join(j.Dir, path(number, kind)))
			if err != nil {
				t.Fatal(err)
			}
			files[path(number, kind)] = b
		}
	}
	// put writes a file of task 1 and a record that goes with it.
	put := func(kind string, b []byte) {
		t.Helper()
		rec := records(t, j, task.Decide)[1]
		for i := range rec.Work {
			if rec.Work[i].Path == path(1, kind) {
				rec.Work[i].Size, rec.Work[i].XXH64 = int64(len(b)), fmt.Sprintf("%016x", xxhash.Sum64(b))
			}
		}
		if err := task.WriteBytes(t.Context(), j.Out, path(1, kind), b); err != nil {
			t.Fatal(err)
		}
		if err := task.WriteJSON(t.Context(), j.Out, task.RecordPath(task.Decide, 1), rec); err != nil {
			t.Fatal(err)
		}
	}
	restore := func(kind string) { put(kind, files[path(1, kind)]) }
	for _, c := range []struct {
		name, kind string
		data       []byte
		want       string
	}{
		{"decisions of task 0", "decisions", files[path(0, "decisions")], "out of order, or another task's"},
		{"owners of task 0", "owners", files[path(0, "owners")], "out of order, or another task's"},
		{"decisions in place of owners", "owners", files[path(1, "decisions")], "not \"tallystick owners"},
		{"a copy that is none", "copies", []byte(wire.MagicCopies + "\x01\xff\xff\x03\x01\xff\xff\x03"), "shares no key"},
		{"copies of each other", "copies", eachOther(files[path(1, "copies")]), "which is a copy"},
		{"sets of task 0", "sets", files[path(0, "sets")], "out of order, or another task's"},
		{"no sets", "sets", []byte(wire.MagicSets), "shingle sets of"},
		{"a set of nobody", "sets", []byte(wire.MagicSets + "\x01\xff\xff\x03\x00"), "shares no bucket"},
		{"a shard that is none", "decisions", binary.AppendUvarint([]byte(wire.MagicDecided), uint64(len(j.Plan.Shards))), "where less than"},
		{"findings of task 0", "findings", files[path(0, "findings")], "is another task's"},
		{"findings in place of nothing", "findings", []byte(wire.MagicFindings + "\x01\x01"), "did not sample the same texts"},
		{"more evidence", "evidence", append(slices.Clone(files[path(1, "evidence")]), 0), "too long"},
	} {
		if !slices.Contains(kinds, c.kind) {
			continue
		}
		put(c.kind, c.data)
		if err := merged(t, j); !errors.Is(err, doc.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		restore(c.kind)
	}
	other := slices.Clone(files[path(1, "evidence")])
	other[len(wire.MagicEvidence)+4] ^= 1 // of the digest of who has which
	put("evidence", other)
	if err := merged(t, j); !errors.Is(err, doc.ErrCorrupt) || !strings.Contains(err.Error(), "did not see the same groups") {
		t.Errorf("another digest: %v", err)
	}
	restore("evidence")
	rnd := rand.New(rand.NewPCG(13, 14))
	refused := 0
	for _, kind := range kinds {
		for range 60 {
			bad := slices.Clone(files[path(1, kind)])
			for range 1 + rnd.IntN(3) {
				bad[rnd.IntN(len(bad))] ^= 1 << rnd.IntN(8)
			}
			if rnd.IntN(3) == 0 {
				bad = bad[:rnd.IntN(len(bad))]
			}
			put(kind, bad)
			if err := merged(t, j); errors.Is(err, doc.ErrCorrupt) {
				refused++
			} else if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		restore(kind)
	}
	if refused < 60 {
		t.Errorf("%d damaged files were refused", refused)
	}
	if err := merged(t, j); err != nil {
		t.Error(err)
	}
}
