package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// cluster is a plan whose tasks the tests do in all the wrong ways.
type cluster struct {
	t        *testing.T
	dir      string
	rules    request.Rules
	plan     plan.Plan
	counters []*tokenize.Counter
}

func newCluster(t *testing.T, dir string, seed uint64) *cluster {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 6))
	in := writeDocs(t, filepath.Join(dir, "in"), policyCorpus(rng, 60, "d"), 3, rng)
	c := &cluster{t: t, dir: filepath.Join(dir, "out"), rules: policyRules(request.Policy{}, 7, in)}
	c.rules.DecideTasks = 2
	c.prepare(RunOptions{Out: c.dir})
	return c
}

func (c *cluster) prepare(o RunOptions) {
	c.t.Helper()
	p, err := Prepare(c.t.Context(), c.rules, policyMeans(1), o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.plan, c.counters = p.Plan, p.Counters
}

func (c *cluster) do(name task.Stage, first, n int) error {
	_, err := RunTasks(c.t.Context(), c.plan, c.counters, policyMeans(2), RunOptions{Out: c.dir}, name, first, n)
	return err
}

func (c *cluster) must(names ...task.Stage) {
	c.t.Helper()
	for _, name := range names {
		if err := c.do(name, 0, 1<<20); err != nil {
			c.t.Fatal(err)
		}
	}
}

// whole is what `run` makes of the same inputs.
func (c *cluster) whole() string {
	c.t.Helper()
	return runPolicy(c.t, c.rules, policyMeans(2), filepath.Join(c.t.TempDir(), "whole")).Dir
}

// same checks the files of the manifest, and that nothing is left over.
func (c *cluster) same(want string) {
	c.t.Helper()
	sameBytes(c.t, filepath.Join(want, "manifest.json"), filepath.Join(c.dir, "manifest.json"))
	if !folder.Sealed(c.t.Context(), c.plan, c.dir) {
		c.t.Error("the files are not those of the manifest")
	}
	if _, err := os.Stat(filepath.Join(c.dir, task.WorkDir)); !errors.Is(err, fs.ErrNotExist) {
		c.t.Errorf("the work folder: %v, want none", err)
	}
}

// TestOneRunInAFolder: who comes second is told who was first, with whatever
// command, and what the first does is not disturbed.
func TestOneRunInAFolder(t *testing.T) {
	c := newCluster(t, t.TempDir(), 1)
	work := filepath.Join(c.dir, task.WorkDir)
	release, err := folder.Occupy(c.dir, "run")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, doc.ErrInUse) || !strings.Contains(err.Error(), "in use by run (process ") {
			t.Errorf("%s: %v, want that the folder is in use by run", what, err)
		}
	}
	for _, o := range []RunOptions{{}, {Resume: true}, {Force: true}} {
		o.Out = c.dir
		_, err := Run(t.Context(), c.rules, policyMeans(1), o)
		refused("run", err)
		_, err = Prepare(t.Context(), c.rules, policyMeans(1), o)
		refused("plan", err)
	}
	refused("stage", c.do(task.Scan, 0, 1))
	release()

	// A task keeps runs out as well, but no other task.
	l, err := folder.Announce(c.dir, task.Scan, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), c.rules, policyMeans(1), RunOptions{Out: c.dir, Resume: true})
	if !errors.Is(err, doc.ErrInUse) || !strings.Contains(err.Error(), "in use by scan task 1 (process ") {
		t.Errorf("run beside a task: %v", err)
	}
	c.must(task.Scan)
	l.Release()

	// What the dead left keeps nobody out.
	if err := os.MkdirAll(filepath.Join(work, "running"), 0o777); err != nil {
		t.Fatal(err)
	}
	dead, _ := json.Marshal(lease.Holder{Command: "run", Host: "gone", PID: 1})
	long := time.Now().Add(-time.Hour)
	for _, path := range []string{filepath.Join(work, "lock"), filepath.Join(work, "running", "scan.00001.DEAD")} {
		if err := os.WriteFile(path, dead, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(t.Context(), c.rules, policyMeans(1), RunOptions{Out: c.dir, Resume: true}); err != nil {
		t.Fatal(err)
	}
	c.same(c.whole())
}

// afterOne is a listener that does something once, when the first task is done.
type afterOne struct {
	once sync.Once
	do   func()
}

func (*afterOne) Start(string, int64, string) {}
func (a *afterOne) Add(int64)                 { a.once.Do(a.do) }
func (*afterOne) End(progress.Timing)         {}
func (*afterOne) Notice(string)               {}

// TestJobTakenForDead: a job of several tasks that is taken for dead between two of them
// begins no other where a command is alone by now, and what it has done stays.
func TestJobTakenForDead(t *testing.T) {
	c := newCluster(t, t.TempDir(), 5)
	work := filepath.Join(c.dir, task.WorkDir)
	m := policyMeans(1)
	m.Progress = &afterOne{do: func() {
		l, err := lease.Take(filepath.Join(work, "lock"), "run")
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(l.Release)
	}}
	_, err := RunTasks(t.Context(), c.plan, c.counters, m, RunOptions{Out: c.dir}, task.Scan, 0, 1<<20)
	if !errors.Is(err, doc.ErrInUse) {
		t.Errorf("%v, want that the folder is in use", err)
	}
	done, err := (&task.Job{Plan: c.plan, Out: store.NewLocal(c.dir)}).Done(t.Context(), task.Scan)
	if err != nil || len(done) < 2 || done[0] == nil || done[1] != nil {
		t.Errorf("%d tasks, of which are done: %v, %v", len(done), done, err)
	}
}

// TestResumedRunIsSealedAnew: a finished run of which a file is gone makes that again,
// and its manifest, too, which lists no file before it is synced.
func TestResumedRunIsSealedAnew(t *testing.T) {
	c := newCluster(t, t.TempDir(), 4)
	o := RunOptions{Out: c.dir, Resume: true, KeepWork: true}
	path := filepath.Join(c.dir, manifest.Name)
	run := func() fs.FileInfo {
		t.Helper()
		if _, err := Run(t.Context(), c.rules, policyMeans(1), o); err != nil {
			t.Fatal(err)
		}
		if !folder.Sealed(t.Context(), c.plan, c.dir) {
			t.Error("the files are not those of the manifest")
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := run()
	if !os.SameFile(first, run()) {
		t.Error("a whole run was sealed again")
	}
	if err := os.Link(path, filepath.Join(t.TempDir(), "old")); err != nil { // so that its number is not used again
		t.Skip(err)
	}
	if err := os.Remove(filepath.Join(c.dir, "decisions", "00001.parquet")); err != nil {
		t.Fatal(err)
	}
	if os.SameFile(first, run()) {
		t.Error("what was done again is listed by the manifest of before")
	}
}

// TestRunsAtOnce starts runs in one new folder together: one does the job.
func TestRunsAtOnce(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	r := policyRules(request.Policy{}, 7, writeDocs(t, filepath.Join(dir, "in"), policyCorpus(rng, 60, "d"), 3, rng))
	for round := range 3 {
		out := filepath.Join(dir, "new", string(rune('a'+round)))
		errs := make([]error, 4)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = Run(t.Context(), r, policyMeans(1), RunOptions{Out: out, Resume: i%2 == 1}) })
		}
		all.Wait()
		for _, err := range errs {
			// Who comes when the first is done finds a run in the folder; who wants
			// to resume before there is a plan finds none.
			if err != nil && !errors.Is(err, doc.ErrInUse) && !errors.Is(err, doc.ErrUsage) && !errors.Is(err, doc.ErrInput) {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if _, err := folder.ReadManifest(out); err != nil && !errors.Is(errs[0], doc.ErrInUse) && !errors.Is(errs[2], doc.ErrInUse) {
			t.Errorf("round %d: %v after %v", round, err, errs)
		}
	}
}

// TestWorkersOnOneTask: every task is done by three workers at once.
func TestWorkersOnOneTask(t *testing.T) {
	c := newCluster(t, t.TempDir(), 2)
	for _, name := range task.Order {
		tasks, err := (&task.Job{Plan: c.plan}).Tasks(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tasks {
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if err := c.do(name, i, 1); err != nil {
						t.Errorf("%s task %d: %v", name, i, err)
					}
				})
			}
			all.Wait()
		}
	}
	c.same(c.whole())
}

// lateTask does a task of c up to the moment before its files become visible,
// runs meanwhile, and lets the task go on.
func (c *cluster) lateTask(name task.Stage, number int, meanwhile func()) error {
	c.t.Helper()
	job, err := newJob(c.plan, c.counters, policyMeans(1), c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	job.Fence = func() error {
		meanwhile()
		return folder.Fence(c.dir, c.plan.RunID)
	}
	_, _, err = stage.Do(c.t.Context(), job, name, number)
	return err
}

// TestLateWriter: a worker that was thought dead finishes its task when another
// has done it, when the run is sealed, and when the folder holds another run.
func TestLateWriter(t *testing.T) {
	for _, name := range []task.Stage{task.Scan, task.Match, task.Decide, task.Resolve, task.Tally} {
		if testing.Short() && name != task.Tally { // whose files are those of the finished run
			continue
		}
		t.Run(string(name), func(t *testing.T) {
			c := newCluster(t, t.TempDir(), 3)
			whole := c.whole()
			at := 0
			for task.Order[at] != name {
				c.must(task.Order[at])
				at++
			}
			if err := c.lateTask(name, 0, func() { c.must(name) }); err != nil {
				t.Errorf("after another did it: %v", err)
			}
			// Again, and sealed meanwhile: its record goes first, or it would see
			// that nothing is to be done.
			record := filepath.Join(c.dir, task.WorkDir, string(name), "00000.done.json")
			if err := os.Remove(record); err != nil {
				t.Fatal(err)
			}
			once := sync.OnceFunc(func() { c.must(task.Order[at:]...) })
			if err := c.lateTask(name, 0, once); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after the seal: %v", err)
			}
			// A scheduler would repeat it; that finds the run whole, and tidies.
			if err := c.do(name, 0, 1); err != nil {
				t.Error(err)
			}
			if err := c.do(name, 0, 1); err != nil {
				t.Error(err)
			}
			sameBytes(t, filepath.Join(whole, "manifest.json"), filepath.Join(c.dir, "manifest.json"))
			if !folder.Sealed(t.Context(), c.plan, c.dir) {
				t.Error("a late task changed a file of the finished run")
			}
			if err := CheckDone(t.Context(), c.dir); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLateGroup: a job of several tasks has done them, and before it commits them others
// have, and have sealed the run, or the folder holds another one.
func TestLateGroup(t *testing.T) {
	for _, another := range []bool{false, true} {
		c := newCluster(t, t.TempDir(), 6)
		c.must(task.Scan, task.Match, task.Decide, task.Resolve)
		late, err := newJob(c.plan, c.counters, policyMeans(1), c.dir)
		if err != nil {
			t.Fatal(err)
		}
		id := c.plan.RunID
		late.Out, late.Unsynced, late.Gather = store.NewLocal(c.dir), false, new(task.Gather)
		late.Fence = func() error { return folder.Fence(c.dir, id) }
		for number := range len(c.plan.Shards) {
			if _, fresh, err := stage.Do(t.Context(), late, task.Tally, number); err != nil || !fresh {
				t.Fatal(fresh, err)
			}
		}
		want := error(fs.ErrNotExist)
		if another {
			want = doc.ErrInputChanged
			c.rules.Threshold = "0.5"
			c.prepare(RunOptions{Out: c.dir, Force: true})
			c.must(task.Order...)
		} else {
			c.must(task.Tally, task.Seal)
		}
		if err := late.Gather.Commit(t.Context()); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		folder.ClearDebris(t.Context(), c.dir)
		c.same(c.whole())
		swept, err := late.Out.Sweep(t.Context(), 0)
		if err != nil || len(swept) != 0 {
			t.Errorf("unfinished files are left: %v, %v", swept, err)
		}
	}
}

// TestUnfinishedFilesAreSwept: what tasks that were killed left among the results goes when the
// run is sealed, also beside a task that is late, and what that one leaves when it is killed, too, goes
// when a scheduler repeats the seal.
func TestUnfinishedFilesAreSwept(t *testing.T) {
	c := newCluster(t, t.TempDir(), 8)
	c.must(task.Order[:len(task.Order)-1]...)
	leave := func() {
		for _, folder := range []string{"decisions", "bitmaps"} {
			if err := os.WriteFile(filepath.Join(c.dir, folder, store.TempPrefix+"KILLED"), []byte("half"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	swept := func(when string) {
		t.Helper()
		left, err := filepath.Glob(filepath.Join(c.dir, "*", store.TempPrefix+"*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: unfinished files are left: %v, %v", when, left, err)
		}
	}
	leave()
	late, err := json.Marshal(lease.Holder{Command: "tally task 0", Host: "another", PID: 4711, Boot: "of another", Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, task.WorkDir, "running", "tally.00000.LATE"), late, 0o666); err != nil {
		t.Fatal(err)
	}
	c.must(task.Seal)
	swept("beside a task that is late")
	leave()
	c.must(task.Seal)
	swept("of a run that was sealed before")
	c.same(c.whole())
}

// TestLateWriterOfAnotherRun: the folder was given to another run meanwhile.
func TestLateWriterOfAnotherRun(t *testing.T) {
	c := newCluster(t, t.TempDir(), 4)
	c.must(task.Scan, task.Match, task.Decide, task.Resolve)
	old := *c
	other := c.rules
	other.Threshold = "0.5"
	err := old.lateTask(task.Tally, 0, func() {
		c.rules = other
		c.prepare(RunOptions{Out: c.dir, Force: true})
		c.must(task.Order...)
	})
	if !errors.Is(err, doc.ErrInputChanged) || !strings.Contains(err.Error(), "was replaced while the task ran") {
		t.Errorf("the late task: %v", err)
	}
	c.same(c.whole())
}

// CheckDone reports an error unless status calls the run in dir finished.
func CheckDone(ctx context.Context, dir string) error {
	s, err := folder.ReadStatus(ctx, dir)
	if err == nil && !s.Finished {
		err = errors.New("status: unfinished")
	}
	return err
}

func TestStatus(t *testing.T) {
	c := newCluster(t, t.TempDir(), 5)
	read := func() folder.Status {
		t.Helper()
		s, err := folder.ReadStatus(t.Context(), c.dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := read(); s.Finished || len(s.Stages) != 6 || s.Stages[0].Done != 0 || !slices.Equal(s.Stages[0].Missing, []int{0, 1, 2}) {
		t.Fatalf("after plan: %+v", s)
	}
	c.must(task.Scan, task.Match)
	damage := filepath.Join(c.dir, task.WorkDir, "scan", "00001.done.json")
	if err := os.WriteFile(damage, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := folder.Announce(c.dir, task.Resolve, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"scan.-1.X", "scan.x", "scan", "x.00000.X", "scan.99999999999999999999.X"} { // nobody's
		if err := os.WriteFile(filepath.Join(c.dir, task.WorkDir, "running", name), []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := read()
	scan, match, resolve := s.Stages[0], s.Stages[1], s.Stages[3]
	if scan.Done != 2 || !slices.Equal(scan.Missing, []int{1}) || scan.BytesDone >= scan.Bytes || scan.BytesDone == 0 || match.Done != match.Tasks ||
		resolve.Done != 0 || len(resolve.Missing) != 0 || len(resolve.Running) != 1 || resolve.Running[0].Holder.PID != os.Getpid() {
		t.Fatalf("in the middle: %+v", s)
	}
	l.Release()
	c.must(task.Scan, task.Decide, task.Resolve, task.Tally, task.Seal)
	if s := read(); !s.Finished || s.Stages[0].Done != 3 || s.Stages[5].Done != 1 {
		t.Fatalf("at the end: %+v", s)
	}
}
