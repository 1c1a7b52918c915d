package engine

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
)

// early scans shards while the plan is made, on the workers that this leaves idle:
// the digest of a file is one thread's work, and two cores would wait for it a tenth
// of a run. What is scanned early is a guess. It counts where the plan turns out to
// be the draft and the bytes those that were digested; if not, or if it failed, the
// shard is scanned again, and no error of a guess is told.
type early struct {
	means request.Means
	dir   string

	draft  *task.Job // nil: nothing is scanned early
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu    sync.Mutex
	tasks []*earlyTask // by shard, as far as they have begun
	made  bool         // the plan is: nothing more begins
}

type earlyTask struct {
	done chan struct{} // closed when the rest is valid
	rec  task.Record
	sum  string // XXH64 of the shard
	err  error
}

// begin starts to scan the shards of a draft, in their order.
func (e *early) begin(ctx context.Context, p request.Prepared) {
	job, err := newJob(p.Plan, p.Counters, e.means, e.dir)
	if err != nil {
		return // as will be found out
	}
	workers := idle(job)
	if workers <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	e.draft, e.cancel = job, cancel
	for range workers {
		e.group.Go(func() {
			for t, i := e.next(); t != nil; t, i = e.next() {
				t.rec, t.sum, t.err = stage.ScanDraft(ctx, job, i)
				close(t.done)
			}
		})
	}
}

// idle is how many workers have nothing to do while the plan is made, which takes one
// for each file, as far as the bound on memory lets them scan.
func idle(job *task.Job) int {
	return min(job.Workers-len(job.Plan.Files), job.AtOnce(task.Scan))
}

// next returns a task to do and its number, or nil.
func (e *early) next() (*earlyTask, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made || len(e.tasks) == len(e.draft.Plan.Shards) {
		return nil, 0
	}
	t := &earlyTask{done: make(chan struct{})}
	e.tasks = append(e.tasks, t)
	return t, len(e.tasks) - 1
}

// planned tells the plan that was made of the draft. Tasks that have begun go on.
func (e *early) planned(p *plan.Plan) {
	if e.draft == nil {
		return
	}
	e.mu.Lock()
	e.made = true
	e.mu.Unlock()
	// But for what it left out the draft must be the plan.
	d := e.draft.Plan
	same := len(d.Files) == len(p.Files) && len(d.Shards) == len(p.Shards)
	for i := 0; same && i < len(d.Files); i++ {
		f, g := &d.Files[i], &p.Files[i]
		same = f.Path == g.Path && f.Size == g.Size && f.Compression == g.Compression
	}
	for i := 0; same && i < len(d.Shards); i++ {
		s, t := &d.Shards[i], &p.Shards[i]
		same = s.File == t.File && s.Offset == t.Offset && s.Length == t.Length
	}
	d.Files, d.Shards = p.Files, p.Shards
	if id, err := d.ComputeRunID(); !same || err != nil || id != p.RunID {
		e.stop()
	}
}

// do is doTask that first looks whether the task was done early. It is one that is
// done only from here on, when its record has a run id.
func (e *early) do(ctx context.Context, job *task.Job, name task.Stage, number int) (rec task.Record, fresh bool, err error) {
	if name != task.Scan || number >= len(e.tasks) {
		return doTask(ctx, job, name, number)
	}
	t := e.tasks[number]
	select {
	case <-t.done:
	case <-ctx.Done():
		return rec, false, ctx.Err()
	}
	if t.err != nil || t.sum != job.Plan.Shards[number].XXH64 {
		return doTask(ctx, job, name, number)
	}
	rec = t.rec
	rec.RunID = job.Plan.RunID
	return rec, false, task.WriteJSON(ctx, job.Out, task.RecordPath(name, number), rec)
}

// stop gives up what is not scanned yet, and waits for that.
func (e *early) stop() {
	if e.draft == nil {
		return
	}
	e.cancel()
	e.mu.Lock()
	e.made = true
	e.mu.Unlock()
	e.group.Wait()
	e.tasks = nil
}

// discard is stop where no plan was made: nothing stays of the work.
func (e *early) discard() {
	if e.draft == nil {
		return
	}
	e.stop()
	os.RemoveAll(filepath.Join(e.dir, task.WorkDir, string(task.Scan)))
}
