package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// As in a local folder.
var (
	lockObject    = path.Join(task.WorkDir, lockName)
	runningPrefix = path.Join(task.WorkDir, runningName) + "/"
)

func (o *Remote) errInUse(h lease.Holder) error {
	return fmt.Errorf("%w; what has died holds it for %v", errInUse(o.URL, h), lease.Lost)
}

// Occupy is the function of that name for a store.
func (o *Remote) Occupy(ctx context.Context, command string) (release func(), err error) {
	entries, err := o.List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	named := func(name string) bool {
		return slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Name == name })
	}
	if slices.ContainsFunc(entries, func(e store.Entry) bool { return !isWork(e.Name) }) && !named(task.PlanFile) {
		return func() {}, nil
	}
	l, err := lease.TakeIn(ctx, o, lockObject, command)
	var held lease.HeldError
	switch {
	case errors.As(err, &held):
		return nil, o.errInUse(held.Holder)
	case err != nil:
		return nil, fmt.Errorf("output folder: %w", err)
	}
	if err := l.Renew(); err != nil {
		l.Release()
		return nil, fmt.Errorf("output folder: %w", err)
	}
	// In the same order as in a local folder: one of both sees the other.
	tasks, err := lease.HeldIn(ctx, o, runningPrefix)
	var dead []string
	for _, f := range tasks {
		if f.Living {
			err = o.errInUse(f.Holder)
		}
		dead = append(dead, runningPrefix+f.Name)
	}
	if err == nil {
		err = o.remove(ctx, dead)
	}
	if err != nil {
		l.Release()
		if !errors.Is(err, doc.ErrInUse) {
			err = fmt.Errorf("output folder: %w", err)
		}
		return nil, err
	}
	return l.Release, nil
}

// Announce is the function of that name for a store.
func (o *Remote) Announce(ctx context.Context, name task.Stage, number int) (*lease.StoreLease, error) {
	l, err := lease.TakeIn(ctx, o, runningPrefix+leaseFile(name, number), leaseCommand(name, number))
	if err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return l, nil
}

// RefuseOccupied is the function of that name for a store.
func (o *Remote) RefuseOccupied(ctx context.Context) error {
	h, living, err := lease.LookIn(ctx, o, lockObject)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("work folder: %w", err)
	case living:
		return o.errInUse(h)
	}
	return nil
}

// ClearDebris is the function of that name for a store.
func (o *Remote) ClearDebris(ctx context.Context) {
	release, err := o.Occupy(ctx, "stage")
	if err != nil {
		return
	}
	defer release()
	entries, err := o.List(ctx, task.WorkDir+"/")
	if err != nil {
		return // nothing depends on it
	}
	var names []string
	for _, e := range entries {
		if e.Name != lockObject {
			names = append(names, e.Name)
		}
	}
	_ = o.remove(ctx, names)
}

// askStore is what the leases in a store tell.
func (s *Status) askStore(ctx context.Context, leases lease.Store) (running []RunningTask, err error) {
	if h, living, err := lease.LookIn(ctx, leases, lockObject); err == nil && living {
		s.Alone = &h
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found, err := lease.HeldIn(ctx, leases, runningPrefix)
	return tasksOf(found), err
}

// leaseFile names the lease of a task, of which there may be several.
func leaseFile(name task.Stage, number int) string {
	return fmt.Sprintf("%s.%05d.%s", name, number, rand.Text()[:8])
}

func leaseCommand(name task.Stage, number int) string { return fmt.Sprintf("%s task %d", name, number) }

// tasksOf are the tasks that leases are of, named by leaseFile.
func tasksOf(found []lease.Found) (tasks []RunningTask) {
	for _, f := range found {
		name, rest, _ := strings.Cut(f.Name, ".")
		var number int
		if _, err := fmt.Sscanf(rest, "%d.", &number); err != nil || number < 0 {
			continue
		}
		tasks = append(tasks, RunningTask{Stage: task.Stage(name), Task: number, Living: f.Living, Holder: f.Holder})
	}
	return tasks
}
