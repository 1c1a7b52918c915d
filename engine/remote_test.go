package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/verify"
)

// memURL is where the tests' store is.
const memURL = "mem://bucket/out"

// memObjects are the files of a store as objects.
type memObjects struct{ *store.Mem }

func (m memObjects) name(url string) string { return strings.TrimPrefix(url, memURL+"/") }

func (m memObjects) List(context.Context, string) ([]object.Info, error) {
	return nil, errors.New("nobody lists outputs as inputs")
}

func (m memObjects) Stat(ctx context.Context, url string) (object.Info, error) {
	f, err := m.Open(ctx, m.name(url))
	if err != nil {
		return object.Info{}, err
	}
	return object.Info{Name: url, Size: f.Size()}, nil
}

func (m memObjects) ReadAt(ctx context.Context, o object.Info, p []byte, offset int64) error {
	f, err := m.Open(ctx, m.name(o.Name))
	if err != nil {
		return err
	}
	_, err = io.ReadFull(io.NewSectionReader(f, offset, int64(len(p))), p)
	return err
}

func registerMem(m *store.Mem) {
	store.Register("mem", func(string) (store.Store, error) { return m, nil })
	object.Register("mem", func() (object.Source, error) { return memObjects{m}, nil })
}

func listMem(t *testing.T, m *store.Mem) (names []string) {
	t.Helper()
	entries, err := m.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// A run in a store that fails now and then, started again each time, ends with
// the bytes of a run in a local folder and nothing else.
func TestRemoteRunGoesOn(t *testing.T) {
	r := sweepRules("", "0.8", "../testdata/corpus/tldr.jsonl", "../testdata/corpus/peps-history.jsonl.gz")
	r.ShardSize = 1 << 17
	want := string(readFile(t, runAt(t, r), manifest.Name))
	overloaded := errors.New("503 slow down")
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			mem := store.NewMem()
			registerMem(mem)
			dice := rand.New(rand.NewPCG(seed, 0))
			mem.Fail = func(op store.Op, _ string) error {
				often := 60
				if op == store.OpRead {
					often = 400
				}
				if dice.IntN(often) > 0 {
					return nil
				}
				return overloaded
			}
			failures := 0
			for ; ; failures++ {
				_, err := Run(t.Context(), r, sweepMeans, RunOptions{Out: memURL, Resume: true})
				if err == nil {
					break
				}
				if !errors.Is(err, overloaded) || failures == 500 {
					t.Fatalf("start %d: %v", failures, err)
				}
			}
			if failures < 2 {
				t.Errorf("only %d starts failed", failures)
			}
			mem.Fail = nil
			f, err := mem.Open(t.Context(), manifest.Name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(f)
			if diff := gocmp.Diff(want, string(got)); err != nil || diff != "" {
				t.Errorf("manifest, %v (-local +remote):\n%s", err, diff)
			}
			m, err := manifest.Parse(got)
			if err != nil {
				t.Fatal(err)
			}
			ofRun := slices.Clone(manifest.Unlisted)
			for _, file := range m.Files {
				ofRun = append(ofRun, file.Path)
			}
			for _, name := range listMem(t, mem) {
				if !slices.Contains(ofRun, name) {
					t.Errorf("%s was left", name)
				}
			}
		})
	}
}

// What a store holds is replaced only if it is a run, and only what is a run's.
func TestRemoteFolderInUse(t *testing.T) {
	mem := store.NewMem()
	registerMem(mem)
	r := sweepRules("", "0.8", "../testdata/corpus/phpdoc.jsonl")
	run := func(o RunOptions) error {
		o.Out = memURL
		_, err := Run(t.Context(), r, sweepMeans, o)
		return err
	}
	put := func(name, text string) {
		w, err := mem.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put("notes/mine.txt", "mine")
	for _, o := range []RunOptions{{}, {Force: true}} {
		if err := run(o); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%+v in a folder with other files: %v", o, err)
		}
	}
	if err := mem.Remove(t.Context(), "notes/mine.txt"); err != nil {
		t.Fatal(err)
	}
	put(task.WorkDir+"/scan/00000.docs", "left by a run that was killed before it had a plan")
	if err := run(RunOptions{}); err != nil {
		t.Fatal(err)
	}
	put("notes/mine.txt", "mine")
	put("decisions/99999.parquet", "of a larger run")
	if err := run(RunOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	names := strings.Join(listMem(t, mem), " ")
	if !strings.Contains(names, "notes/mine.txt") || strings.Contains(names, "99999") {
		t.Errorf("after --force: %s", names)
	}
	// Another run begins in an empty folder while this one plans.
	other := store.NewMem()
	registerMem(other)
	other.Fail = func(op store.Op, name string) error {
		if op == store.OpCommit && name == task.PlanFile {
			other.Fail = nil
			mem = other
			put(task.PlanFile, "of the other run")
		}
		return nil
	}
	if err := run(RunOptions{}); !errors.Is(err, doc.ErrInUse) {
		t.Errorf("two runs at once: %v", err)
	}
}

// TestRemoteLeases: in a store as in a folder, a run keeps out runs and tasks,
// tasks keep out runs but not each other, status shows who does what, and what
// the dead hold holds up nobody.
func TestRemoteLeases(t *testing.T) {
	mem := store.NewMem()
	registerMem(mem)
	ctx := t.Context()
	r := sweepRules("", "0.8", "../testdata/corpus/phpdoc.jsonl")
	p, err := Prepare(ctx, r, sweepMeans, RunOptions{Out: memURL})
	if err != nil {
		t.Fatal(err)
	}
	if names := listMem(t, mem); !slices.Equal(names, []string{task.PlanFile}) {
		t.Errorf("plan left %q", names)
	}
	status := func() folder.Status {
		t.Helper()
		s, err := folder.ReadStatus(ctx, memURL)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	run := func() error {
		_, err := Run(ctx, r, sweepMeans, RunOptions{Out: memURL, Resume: true})
		return err
	}
	do := func(name task.Stage) error {
		_, err := RunTasks(ctx, p.Plan, p.Counters, sweepMeans, RunOptions{Out: memURL}, name, 0, 1)
		return err
	}
	for _, opt := range []RunOptions{{Out: memURL, ParquetKeys: true}, {Out: memURL, Candidates: t.TempDir()}} {
		if _, err := RunTasks(ctx, p.Plan, p.Counters, sweepMeans, opt, task.Scan, 0, 1); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("a join by another engine: %v", err)
		}
	}
	o, err := folder.OpenRemote(memURL)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	first, err := o.Announce(ctx, task.Scan, 0)
	if err != nil {
		t.Fatal(err)
	}
	if s := status(); len(s.Stages[0].Running) != 1 || s.Stages[0].Running[0].Holder.Command != "scan task 0" || len(s.Stages[0].Missing) != 0 {
		t.Errorf("scan, while it runs: %+v", s.Stages[0])
	}
	if err := run(); !errors.Is(err, doc.ErrInUse) || !strings.Contains(err.Error(), "scan task 0") {
		t.Errorf("a run beside a task: %v", err)
	}
	if err := do(task.Scan); err != nil {
		t.Errorf("a task beside the same one: %v", err)
	}
	if s := status(); s.Stages[0].Done != 1 || len(s.Stages[0].Running) != 0 {
		t.Errorf("scan, done while another does it: %+v", s.Stages[0])
	}
	first.Release()

	release, err := o.Occupy(ctx, "run")
	if err != nil {
		t.Fatal(err)
	}
	if s := status(); s.Alone == nil || s.Alone.Command != "run" {
		t.Errorf("a command is alone: %+v", s.Alone)
	}
	if err := run(); !errors.Is(err, doc.ErrInUse) {
		t.Errorf("two runs: %v", err)
	}
	if err := do(task.Match); !errors.Is(err, doc.ErrInUse) {
		t.Errorf("a task beside a run: %v", err)
	}
	release()

	// A machine was lost with a run and a task.
	dead := `{"command":"run","host":"elsewhere","pid":1,"started":"2020-01-01T00:00:00Z","id":"x","beat":"2020-01-01T00:00:00Z"}`
	for _, name := range []string{"lock", "running/match.00001.ABCDEFGH"} {
		if _, err := mem.Swap(ctx, task.WorkDir+"/"+name, "", []byte(dead)); err != nil {
			t.Fatal(err)
		}
	}
	if s := status(); s.Alone != nil || len(s.Stages[1].Lost) != 1 || !slices.Contains(s.Stages[1].Missing, 1) {
		t.Errorf("after the machine was lost: alone %v, match %+v", s.Alone, s.Stages[1])
	}
	if err := do(task.Match); err != nil {
		t.Errorf("a task beside a dead run: %v", err)
	}
	if err := run(); err != nil {
		t.Errorf("a run after a dead one: %v", err)
	}
	if s := status(); !s.Finished || s.Alone != nil {
		t.Errorf("finished: %+v", s)
	}
	for _, name := range listMem(t, mem) {
		if strings.HasPrefix(name, task.WorkDir) {
			t.Errorf("%s was left", name)
		}
	}
}

// TestRemoteSealGoesOn: a seal that ends between the manifest and the report is
// made up for when its scheduler repeats it.
func TestRemoteSealGoesOn(t *testing.T) {
	mem := store.NewMem()
	registerMem(mem)
	ctx := t.Context()
	r := sweepRules("", "0.8", "../testdata/corpus/phpdoc.jsonl")
	r.DecideTasks = 3
	p, err := Prepare(ctx, r, sweepMeans, RunOptions{Out: memURL})
	if err != nil {
		t.Fatal(err)
	}
	do := func(name task.Stage, first, n int) error {
		_, err := RunTasks(ctx, p.Plan, p.Counters, sweepMeans, RunOptions{Out: memURL}, name, first, n)
		return err
	}
	finish := func() error {
		for _, name := range task.Order {
			if err := do(name, 0, 1<<20); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
	overloaded := errors.New("503 slow down")
	mem.Fail = func(op store.Op, name string) error {
		if op == store.OpCommit && name == reportFile {
			return overloaded
		}
		return nil
	}
	if err := finish(); !errors.Is(err, overloaded) {
		t.Fatalf("without a report: %v", err)
	}
	mem.Fail = nil
	whole := func(when string) {
		t.Helper()
		names := listMem(t, mem)
		if !slices.Contains(names, reportFile) || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, task.WorkDir) }) {
			t.Errorf("%s: %q", when, names)
		}
	}
	if err := do(task.Seal, 0, 1); err != nil {
		t.Fatal(err)
	}
	whole("sealed again")
	if err := do(task.Seal, 0, 1); err != nil {
		t.Errorf("and again: %v", err)
	}

	// While a task works, others finish the run and remove what it reads, or does
	// not write any more.
	late := func(name task.Stage, when store.Op, file string) {
		for _, name := range listMem(t, mem) {
			if name != task.PlanFile {
				if err := mem.Remove(ctx, name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if name == task.Match {
			if err := do(task.Scan, 0, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		mem.Fail = func(op store.Op, name string) error {
			if op == when && name == file {
				mem.Fail = nil
				if err := finish(); err != nil {
					t.Error(err)
				}
			}
			return nil
		}
		if err := do(name, 0, 1); err != nil {
			t.Errorf("%s, late: %v", name, err)
		}
		if mem.Fail != nil {
			t.Error("the run was not finished meanwhile")
		}
		whole(string(name) + ", late")
	}
	late(task.Match, store.OpOpen, task.WorkPath(task.Scan, 0, "keys"))
	late(task.Scan, store.OpCommit, task.WorkPath(task.Scan, 0, "docs"))
}

// onlooker looks when the stage scan reports what it read, from inside of its task.
type onlooker struct {
	noticed
	stage string
	look  func()
}

func (l *onlooker) Start(stage string, _ int64, _ string) { l.stage = stage }

func (*onlooker) End(progress.Timing) {}

func (l *onlooker) Add(int64) {
	if l.stage == string(task.Scan) && l.look != nil {
		look := l.look
		l.look = nil
		look()
	}
}

// TestRemoteRunIsSeen: while a run works in a store, it is alone there, and its
// tasks are seen.
func TestRemoteRunIsSeen(t *testing.T) {
	mem := store.NewMem()
	registerMem(mem)
	r := sweepRules("", "0.8", "../testdata/corpus/phpdoc.jsonl")
	looked := false
	m := sweepMeans
	m.Workers = 1
	m.Progress = &onlooker{look: func() {
		looked = true
		s, err := folder.ReadStatus(t.Context(), memURL)
		if err != nil || s.Alone == nil || s.Alone.Command != "run" || len(s.Stages[0].Running) != 1 {
			t.Errorf("in use by %v, %+v, %v", s.Alone, s.Stages[0], err)
		}
		for _, force := range []bool{false, true} {
			if _, err := Run(t.Context(), r, sweepMeans, RunOptions{Out: memURL, Resume: !force, Force: force}); !errors.Is(err, doc.ErrInUse) {
				t.Errorf("another run, force %v: %v", force, err)
			}
		}
	}}
	if _, err := Run(t.Context(), r, m, RunOptions{Out: memURL}); err != nil {
		t.Fatal(err)
	}
	if !looked {
		t.Error("nobody looked")
	}
}

// TestDownloadInterrupted: a file that was not compared is not taken for damaged.
func TestDownloadInterrupted(t *testing.T) {
	mem := store.NewMem()
	registerMem(mem)
	if _, err := Run(t.Context(), sweepRules("", "0.8", "../testdata/corpus/phpdoc.jsonl"), sweepMeans, RunOptions{Out: memURL}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	err := folder.Download(ctx, memURL, t.TempDir(), func(name string) bool {
		if name == "tally.jsonl" {
			if seen++; seen == 2 { // of the manifest's files
				cancel()
			}
		}
		return true
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("%v, want that it was interrupted", err)
	}
}

// TestDownload: a finished run in a store is verified from a local copy, and a
// copy that is not what was sealed is said to be none.
func TestDownload(t *testing.T) {
	mem := store.NewMem()
	registerMem(mem)
	r := sweepRules("0.5", "0.8", "../testdata/corpus/phpdoc.jsonl")
	whole := func(string) bool { return true }
	if err := folder.Download(t.Context(), memURL, t.TempDir(), whole); !errors.Is(err, doc.ErrInput) {
		t.Errorf("of no run: %v", err)
	}
	if _, err := Run(t.Context(), r, sweepMeans, RunOptions{Out: memURL, KeepWork: true}); err != nil {
		t.Fatal(err)
	}
	check := func() (bool, error) {
		dir := t.TempDir()
		err := folder.Download(t.Context(), memURL, dir, whole)
		if _, statErr := os.Stat(filepath.Join(dir, task.WorkDir)); statErr == nil {
			t.Error("the work folder was copied")
		}
		report, verifyErr := verify.Run(t.Context(), dir, verify.Options{Inputs: true})
		if verifyErr != nil {
			t.Fatal(verifyErr)
		}
		return !slices.ContainsFunc(report.Checks, func(c verify.Check) bool { return !c.OK }), err
	}
	if ok, err := check(); err != nil || !ok {
		t.Errorf("verified %v, %v", ok, err)
	}
	some := t.TempDir()
	if err := folder.Download(t.Context(), memURL, some, func(name string) bool { return name == "tally.jsonl" }); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(some); err != nil || len(entries) != 2 { // and the manifest
		t.Errorf("%v, %v", entries, err)
	}
	for _, name := range []string{"tally.jsonl", "bitmaps/00000.kept.roaring", task.PlanFile, manifest.Name} {
		text, version, err := mem.Fetch(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		broken := slices.Clone(text)
		broken[len(broken)/2] ^= 1
		if version, err = mem.Swap(t.Context(), name, version, broken); err != nil {
			t.Fatal(err)
		}
		if ok, err := check(); !errors.Is(err, doc.ErrCorrupt) || ok {
			t.Errorf("%s with a flipped bit: verified %v, %v", name, ok, err)
		}
		if _, err = mem.Swap(t.Context(), name, version, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := mem.Remove(t.Context(), "tally.parquet"); err != nil {
		t.Fatal(err)
	}
	if ok, err := check(); !errors.Is(err, doc.ErrCorrupt) || ok {
		t.Errorf("without tally.parquet: verified %v, %v", ok, err)
	}
}
