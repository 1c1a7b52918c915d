package task

import (
	"context"
	"fmt"
	"sync"

	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/store"
)

// Gather gathers finished tasks of a process that does several, to commit them
// together: most of what a short task takes is to wait until its files are on disk,
// one after the other. Until then nothing of them is visible. The zero value is ready.
type Gather struct {
	mu      sync.Mutex
	tasks   []*Task
	files   int
	seconds float64
}

// What is gathered at most: files, which are open, and seconds of work, which are lost
// with the process.
const (
	mostGathered = 128
	mostSeconds  = 1
)

// add gathers a task, and commits what is gathered if that is enough. The files are not
// the task's to abort any more.
func (g *Gather) add(ctx context.Context, t *Task) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	gathered := &Task{Job: t.Job, Record: t.Record, open: t.open}
	t.open = nil
	g.tasks = append(g.tasks, gathered)
	g.files += len(gathered.open)
	g.seconds += t.Record.Seconds
	if g.files < mostGathered && g.seconds < mostSeconds {
		return nil
	}
	return g.commit(ctx)
}

// Commit commits what is gathered.
func (g *Gather) Commit(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.commit(ctx)
}

func (g *Gather) commit(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // what is done is not lost with what is not
	var err error
	if len(g.tasks) > 0 {
		err = commit(ctx, g.tasks[0].Job, g.tasks)
	}
	for _, t := range g.tasks {
		t.Abort() // of what could not be committed
	}
	g.tasks, g.files, g.seconds = nil, 0, 0
	return err
}

// commit makes the files of tasks visible, and when they last their records.
func commit(ctx context.Context, j *Job, tasks []*Task) error {
	var records []store.Writer
	defer func() {
		for _, w := range records {
			w.Abort()
		}
	}()
	for _, t := range tasks {
		path := RecordPath(t.Record.Stage, t.Record.Task)
		b, err := jsonfile.Marshal(t.Record)
		if err != nil {
			return fmt.Errorf("encode %s: %w", path, err)
		}
		w, err := j.Out.Create(ctx, path)
		if err != nil {
			return fmt.Errorf("create %s: %w", path, err)
		}
		records = append(records, w)
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return publish(j, tasks, records)
}

// publish makes the files that tasks have written so far visible, then records.
func publish(j *Job, tasks []*Task, records []store.Writer) error {
	if j.Fence != nil {
		if err := j.Fence(); err != nil {
			return err
		}
	}
	var files []store.Writer
	for _, t := range tasks {
		for _, o := range t.open {
			files = append(files, o.file)
		}
	}
	if err := store.CommitAll(j.Out, files, records); err != nil {
		return fmt.Errorf("write what tasks leave: %w", err)
	}
	for _, t := range tasks {
		t.open = nil
	}
	return nil
}
