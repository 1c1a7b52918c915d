package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
	"github.com/tallystick/tallystick/engine/wire"
)

// newJob plans a corpus of three files with duplicates across them and rejects.
func newJob(t *testing.T, seed uint64) *task.Job {
	t.Helper()
	return newJobOf(t, func(p *plan.Plan) { p.Seed, p.Index = seed, true })
}

// newDecideJob is newJob with all that tasks of decide pass on to resolve.
func newDecideJob(t *testing.T, seed uint64) *task.Job {
	t.Helper()
	return newJobOf(t, func(p *plan.Plan) {
		p.Seed, p.DecideTasks, p.Rules.Credit, p.AuditPPM, p.NearDup.Recall = seed, 2, plan.RuleCredit, 300_000, "0.9"
	})
}

func newJobOf(t *testing.T, change func(p *plan.Plan)) *task.Job {
	t.Helper()
	dir := t.TempDir()
	var contents []string
	for i := range 3 {
		var b strings.Builder
		for n := range 40 {
			fmt.Fprintf(&b, `{"id":"%d-%d","contributor":"c%d","text":"one two three four five six seven eight nine ten eleven twelve number %d of %d"}`+"\n", i, n, n%4, n%9, (n+i)%2)
		}
		contents = append(contents, b.String()+"[]\n\n{\"text\":\"last\"}")
	}
	p := tasktest.Plan(t, dir, contents, change)
	return tasktest.Job(t, p, filepath.Join(dir, "out"))
}

// runAll does every task in order and returns how many were not done before.
func runAll(t *testing.T, j *task.Job) (fresh int) {
	t.Helper()
	return tasktest.Run(t, Do, j, task.Order...)
}

// What tasks decide, and whatever comes behind it up to the manifest, is the same to a
// byte as what resolve decides alone.
func TestDecideChangesNothing(t *testing.T) {
	change := func(p *plan.Plan) {
		p.Rules.Credit, p.AuditPPM, p.NearDup.Recall, p.Index = plan.RuleCredit, 300_000, "0.9", true
	}
	alone := newJobOf(t, change)
	runAll(t, alone)
	want := tasktest.Contents(t, alone)
	for _, tasks := range []int{2, 3, 7} {
		dir := t.TempDir()
		j := tasktest.Job(t, alone.Plan, dir) // whose plan.json, and so run id, is the same
		j.Plan.DecideTasks = tasks
		runAll(t, j)
		got := tasktest.Contents(t, j)
		decided := 0
		for name := range got {
			if strings.HasPrefix(name, task.WorkDir+"/decide/") {
				delete(got, name)
				decided++
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" || decided != 5*tasks {
			t.Errorf("%d tasks, %d files (-want +got):\n%s", tasks, decided, diff)
		}
	}
}

// TestDamagedTask damages every file that a finished job left, one at a time,
// in two of several ways that take turns. The task that wrote it is done
// again, and only that; the result is the same.
func TestDamagedTask(t *testing.T) {
	testDamagedTask(t, newJob(t, 1), newJob(t, 2))
	t.Run("decide", func(t *testing.T) { testDamagedTask(t, newDecideJob(t, 1), newDecideJob(t, 2)) })
}

func testDamagedTask(t *testing.T, j, other *task.Job) {
	first := runAll(t, j)
	if want := 3 + 4 + j.Plan.DecideTasks + 1 + 3 + 1; first != want {
		t.Fatalf("%d tasks were done, want %d", first, want)
	}
	if again := runAll(t, j); again != 0 {
		t.Fatalf("%d tasks were done twice", again)
	}
	want := tasktest.Contents(t, j)
	runAll(t, other)
	entries, err := j.Out.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for i, e := range entries {
		if e.Name == task.PlanFile {
			continue
		}
		path := filepath.Join(j.Dir, e.Name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		foreign, _ := os.ReadFile(filepath.Join(other.Dir, e.Name))
		flipped := bytes.Clone(whole)
		if len(flipped) > 0 {
			flipped[len(flipped)/2] ^= 0x40
		}
		damages := []struct {
			name string
			data []byte
		}{
			{"removed", nil},
			{"cut", whole[:len(whole)*2/3]},
			{"flipped", flipped},
			{"longer", append(bytes.Clone(whole), 'x')},
			{"emptied", []byte{}},
			{"another run's", foreign},
		}
		for k := range 2 {
			name, damaged := damages[(2*i+k)%len(damages)].name, damages[(2*i+k)%len(damages)].data
			if bytes.Equal(damaged, whole) && name != "removed" {
				continue
			}
			os.Remove(path)
			if name != "removed" {
				if err := os.WriteFile(path, damaged, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if fresh := runAll(t, j); fresh != 1 {
				t.Errorf("%s %s: %d tasks were done again, want 1", e.Name, name, fresh)
			}
			tested++
		}
		if diff := gocmp.Diff(want, tasktest.Contents(t, j)); diff != "" {
			t.Fatalf("after damage to %s (-want +got):\n%s", e.Name, diff)
		}
	}
	if tested < 40 {
		t.Errorf("only %d damages were tried", tested)
	}
}

// TestCrashedMachine damages any number of the files that stages pass on at once, as a
// crash of the machine does, which may leave of each what it likes. What is not whole
// is done again, and the result is the same. Another process that goes on, and does not
// do all tasks, finds what it reads damaged.
func TestCrashedMachine(t *testing.T) {
	j := newJob(t, 1)
	j.Unsynced = true
	runAll(t, j)
	want := tasktest.Contents(t, j)
	entries, err := j.Out.List(t.Context(), task.WorkDir+"/")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		lost := 0
		for _, e := range entries {
			if rng.IntN(4) > 0 {
				continue
			}
			path := filepath.Join(j.Dir, e.Name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cut := rng.IntN(len(data) + 1)
			switch rng.IntN(3) {
			case 0: // it had no name yet
				err = os.Remove(path)
			case 1: // or not its whole size
				err = os.WriteFile(path, data[:cut], 0o666)
			case 2: // or not all of its content
				clear(data[cut:])
				err = os.WriteFile(path, data, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			lost++
		}
		if fresh := runAll(t, j); fresh > lost {
			t.Errorf("%d tasks were done again for %d files", fresh, lost)
		}
		if diff := gocmp.Diff(want, tasktest.Contents(t, j)); diff != "" {
			t.Fatalf("after the crash (-want +got):\n%s", diff)
		}
	}

	damaged := task.WorkPath(task.Scan, 1, "docs")
	path := filepath.Join(j.Dir, damaged)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := errors.Join(os.WriteFile(path, data, 0o666), os.Remove(filepath.Join(j.Dir, task.RecordPath(task.Tally, 1)))); err != nil {
		t.Fatal(err)
	}
	j.Unsynced = false
	if _, _, err := Do(t.Context(), j, task.Tally, 1); !errors.Is(err, doc.ErrCorrupt) || !strings.Contains(err.Error(), damaged) {
		t.Errorf("a task of another process: %v", err)
	}
}

// lateStore says which files it was asked to sync.
type lateStore struct {
	store.Store
	sync func(names []string) error
}

func (s *lateStore) Sync(_ context.Context, names []string) error { return s.sync(names) }

// TestSyncedBeforeTheManifest: where files are not synced as they are created, all that
// the manifest lists are before there is a manifest, but for the plan, which is from the
// beginning. Another process that seals what such a job did syncs that.
func TestSyncedBeforeTheManifest(t *testing.T) {
	j := newJob(t, 1)
	j.Unsynced = true
	path := filepath.Join(j.Dir, manifest.Name)
	var synced []string
	j.Out = &lateStore{j.Out, func(names []string) error {
		synced = append(synced, names...)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a manifest before the files are synced: %v", err)
		}
		return nil
	}}
	tasktest.Run(t, Do, j, task.Scan, task.Match, task.Resolve, task.Tally)
	tallied := *j
	runAll(t, j)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	var ofSeal []string
	for _, f := range m.Files {
		switch {
		case !strings.Contains(f.Path, "/") && f.Path != task.PlanFile && f.Path != audit.Name:
			ofSeal = append(ofSeal, f.Path)
			fallthrough
		case f.Path != task.PlanFile:
			listed = append(listed, f.Path)
		}
	}
	slices.Sort(listed)
	slices.Sort(synced)
	if diff := gocmp.Diff(listed, synced); diff != "" || len(listed) < 10 || len(ofSeal) < 4 {
		t.Errorf("listed, synced (-+):\n%s", diff)
	}

	seal := func(j *task.Job) error {
		for _, name := range []string{path, filepath.Join(j.Dir, task.RecordPath(task.Seal, 0))} {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		synced = nil
		_, _, err := Do(t.Context(), j, task.Seal, 0)
		slices.Sort(synced)
		return err
	}
	tallied.Unsynced = false
	others := slices.DeleteFunc(slices.Clone(listed), func(name string) bool { return slices.Contains(ofSeal, name) })
	if err := seal(&tallied); err != nil || !slices.Equal(synced, others) {
		t.Errorf("sealed by another process: %v, synced %q", err, synced)
	}
	failed := errors.New("failed")
	tallied.Out = &lateStore{tallied.Out, func([]string) error { return failed }}
	if err := seal(&tallied); !errors.Is(err, failed) {
		t.Errorf("sealed though files were not synced: %v", err)
	}
}

// A task whose input was cut short, or was never written, says so: cut at the
// end of a record it would look whole.
func TestDamagedInput(t *testing.T) {
	plain, shared := newJob(t, 1), newDecideJob(t, 1)
	runAll(t, plain)
	runAll(t, shared)
	for _, c := range []struct {
		job   *task.Job
		stage task.Stage
		task  int
		file  string
		magic string
	}{
		{shared, task.Decide, 1, task.WorkPath(task.Match, 3, "buckets"), wire.MagicGroups},
		{shared, task.Decide, 1, task.WorkPath(task.Match, 0, "exact"), wire.MagicGroups},
		{shared, task.Decide, 0, task.WorkPath(task.Scan, 1, "docs"), wire.MagicDocs},
		{shared, task.Resolve, 0, task.WorkPath(task.Decide, 1, "decisions"), wire.MagicDecided},
		{shared, task.Resolve, 0, task.WorkPath(task.Decide, 0, "owners"), wire.MagicOwnersOfAll},
		{shared, task.Resolve, 0, task.WorkPath(task.Decide, 1, "findings"), wire.MagicFindings},
		{shared, task.Resolve, 0, task.WorkPath(task.Decide, 1, "evidence"), wire.MagicEvidence},
		{plain, task.Match, 1, task.WorkPath(task.Scan, 2, "keys"), wire.MagicKeys},
		{plain, task.Resolve, 0, task.WorkPath(task.Match, 3, "buckets"), wire.MagicGroups},
		{plain, task.Resolve, 0, task.WorkPath(task.Match, 0, "exact"), wire.MagicGroups},
		{plain, task.Resolve, 0, task.WorkPath(task.Scan, 1, "docs"), wire.MagicDocs},
		{plain, task.Tally, 1, task.WorkPath(task.Scan, 1, "docs"), wire.MagicDocs},
		{plain, task.Tally, 1, task.WorkPath(task.Resolve, 1, "decisions"), wire.MagicDecisions},
		{plain, task.Seal, 0, task.WorkPath(task.Tally, 2, "sums"), magicSums},
		{plain, task.Seal, 0, task.WorkPath(task.Tally, 2, "flows"), magicFlows},
		{plain, task.Seal, 0, task.WorkPath(task.Tally, 2, "rejects"), ""},
	} {
		t.Run(fmt.Sprintf("%s reads %s", c.stage, c.file), func(t *testing.T) {
			path, record := filepath.Join(c.job.Dir, c.file), filepath.Join(c.job.Dir, task.RecordPath(c.stage, c.task))
			for _, name := range []string{path, record} {
				whole, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				defer os.WriteFile(name, whole, 0o666)
			}
			if err := os.Remove(record); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.magic), 0o666); err != nil {
				t.Fatal(err)
			}
			_, _, err := Do(t.Context(), c.job, c.stage, c.task)
			if !errors.Is(err, doc.ErrCorrupt) || !strings.Contains(err.Error(), c.file) {
				t.Errorf("cut: %v, want an error that names the file", err)
			}
			os.Remove(path)
			_, _, err = Do(t.Context(), c.job, c.stage, c.task)
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), c.file) {
				t.Errorf("removed: %v, want an error that names the file", err)
			}
			left, err := filepath.Glob(filepath.Join(c.job.Dir, task.WorkDir, "*", store.TempPrefix+"*"))
			if err != nil || len(left) != 0 {
				t.Errorf("the failed task left %q, %v", left, err)
			}
		})
	}
}

// A byte that is flipped in what a task reads, in a file or in a record, is an error or of no
// consequence, wherever it is: never another result.
func TestFlippedInput(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty seconds")
	}
	for _, j := range []*task.Job{newJob(t, 1), newDecideJob(t, 1)} {
		runAll(t, j)
		want := tasktest.Contents(t, j)
		entries, err := j.Out.List(t.Context(), task.WorkDir+"/")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[task.Stage]int{}
		for i, e := range entries {
			path := filepath.Join(j.Dir, e.Name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			of := slices.Index(task.Order, task.Stage(filepath.Base(filepath.Dir(e.Name))))
			for at := i % 7; at < len(whole); at += 1 + len(whole)/7 {
				damaged := bytes.Clone(whole)
				damaged[at] ^= 1 << ((i + at) % 8)
				if err := os.WriteFile(path, damaged, 0o666); err != nil {
					t.Fatal(err)
				}
				for _, name := range j.Stages() {
					if slices.Index(task.Order, name) <= of {
						continue
					}
					n, err := j.Tasks(name)
					if err != nil {
						t.Fatal(err)
					}
					record, err := os.ReadFile(filepath.Join(j.Dir, task.RecordPath(name, n-1)))
					if err != nil {
						t.Fatal(err)
					}
					if err := os.Remove(filepath.Join(j.Dir, task.RecordPath(name, n-1))); err != nil {
						t.Fatal(err)
					}
					if _, _, err = Do(t.Context(), j, name, n-1); err == nil {
						continue
					}
					if seen[name]++; !errors.Is(err, doc.ErrCorrupt) && !strings.Contains(err.Error(), "not conserved") {
						t.Errorf("%s, byte %d flipped, %s: %v", e.Name, at, name, err)
					}
					if err := os.WriteFile(filepath.Join(j.Dir, task.RecordPath(name, n-1)), record, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(path, whole, 0o666); err != nil {
					t.Fatal(err)
				}
				if diff := gocmp.Diff(want, tasktest.Contents(t, j)); diff != "" {
					t.Fatalf("%s, byte %d flipped: another result (-want +got):\n%s", e.Name, at, diff)
				}
			}
		}
		for _, name := range j.Stages()[1:] {
			if seen[name] < 20 {
				t.Errorf("%s noticed only %d of the flipped bytes", name, seen[name])
			}
		}
	}
}

// Tasks done out of order name the one to do first.
func TestTaskOrder(t *testing.T) {
	j := newDecideJob(t, 1)
	for _, c := range []struct {
		stage task.Stage
		want  string
	}{
		{task.Decide, "scan task 0 has not been run"},
		{task.Match, "scan task 0 has not been run"},
		{task.Resolve, "scan task 0 has not been run"},
		{task.Tally, "scan task 0 has not been run"},
		{task.Seal, "tally task 0 has not been run"},
	} {
		_, _, err := Do(t.Context(), j, c.stage, 0)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.stage, err, c.want)
		}
	}
	for _, c := range []struct {
		stage task.Stage
		task  int
	}{{task.Scan, -1}, {task.Scan, 3}, {task.Match, 4}, {task.Decide, 2}, {task.Resolve, 1}, {task.Seal, 1}, {"grind", 0}} {
		if _, _, err := Do(t.Context(), j, c.stage, c.task); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%s task %d: %v, want %v", c.stage, c.task, err, doc.ErrUsage)
		}
	}
}

// A byte that is flipped in the part of a file that is read shows also where the rest, of which
// a task needs nothing, is longer than what it reads at once, and where it ends a file early.
func TestFlippedBeforeTheRest(t *testing.T) {
	var b strings.Builder
	for n := range 4000 {
		text := fmt.Sprintf("one two three four five six seven eight %d", n/2)
		if n >= 20 { // nobody's copy
			text = fmt.Sprintf("alone %d", n)
		}
		fmt.Fprintf(&b, `{"id":"%d%s","contributor":"c%d","text":%q}`+"\n", n, strings.Repeat("-", 100), n, text)
	}
	dir := t.TempDir()
	p := tasktest.Plan(t, dir, []string{b.String()}, func(p *plan.Plan) { p.Rules.Credit = plan.RuleCredit })
	j := tasktest.Job(t, p, filepath.Join(dir, "out"))
	runAll(t, j)
	for _, tt := range []struct {
		written, read task.Stage
		kind          string
		change        func(b byte) byte
	}{
		{task.Scan, task.Resolve, "docs", func(b byte) byte { return b ^ 1 }},
		{task.Scan, task.Tally, "docs", func(b byte) byte { return b ^ 0x80 }},
		{task.Resolve, task.Tally, "owners", func(byte) byte { return 0 }},
	} {
		path := filepath.Join(j.Dir, task.WorkPath(tt.written, 0, tt.kind))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < min(len(whole), 1000); at += 1 + at/20 {
			damaged := bytes.Clone(whole)
			if damaged[at] = tt.change(damaged[at]); damaged[at] == whole[at] {
				continue
			}
			err := os.WriteFile(path, damaged, 0o666)
			if err := errors.Join(err, os.RemoveAll(filepath.Join(j.Dir, task.RecordPath(tt.read, 0)))); err != nil {
				t.Fatal(err)
			}
			if _, _, err := Do(t.Context(), j, tt.read, 0); !errors.Is(err, doc.ErrCorrupt) || at > 20 && !strings.Contains(err.Error(), " wrote; run that task again") {
				t.Errorf("%s, byte %d, %s: %v, want %v and whose it is", tt.kind, at, tt.read, err, doc.ErrCorrupt)
			}
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Do(t.Context(), j, tt.read, 0); err != nil {
			t.Error(err)
		}
	}
}
