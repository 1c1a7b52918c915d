package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/task"
)

// In the work folder, lockName is held by a command that must be alone in the
// output folder, and runningName is a folder with a lease for each task that
// is being done.
const (
	lockName    = "lock"
	runningName = "running"
)

func lockPath(dir string) string { return filepath.Join(dir, task.WorkDir, lockName) }

func runningPath(dir string) string { return filepath.Join(dir, task.WorkDir, runningName) }

func errInUse(dir string, h lease.Holder) error {
	return fmt.Errorf("%w: %s is in use by %s", doc.ErrInUse, dir, h)
}

// Occupy makes the output folder dir, if need be, and keeps every other command
// and task out of it until release. A folder that cannot be an output folder is
// left as it is, for who prepares it to refuse.
func Occupy(dir, command string) (release func(), err error) {
	entries, err := os.ReadDir(dir)
	if dir == "" || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if _, err := os.Stat(filepath.Join(dir, task.PlanFile)); err != nil && inUse(entries) {
		return func() {}, nil
	}
	var made []string
	leave := func() {
		for _, d := range made { // what is empty; what a run was made in stays
			if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
	}
	l, err := takeIn(filepath.Join(dir, task.WorkDir), lockName, command, &made)
	var held lease.HeldError
	switch {
	case errors.As(err, &held):
		return nil, errInUse(dir, held.Holder)
	case err != nil:
		leave()
		return nil, fmt.Errorf("output folder: %w", err)
	}
	release = func() {
		l.Release()
		os.Remove(filepath.Join(dir, task.WorkDir)) // if empty
		leave()
	}
	// Tasks look for the lock after they have said that they are here, and this
	// looks for tasks after it has the lock: one of both sees the other.
	tasks, err := lease.Held(runningPath(dir))
	if err != nil {
		release()
		return nil, fmt.Errorf("output folder: %w", err)
	}
	for _, f := range tasks {
		if f.Living {
			release()
			return nil, errInUse(dir, f.Holder)
		}
	}
	if err := os.RemoveAll(runningPath(dir)); err != nil { // of dead ones
		release()
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return release, nil
}

// takeIn takes a lease in a folder that it makes if need be; others may remove
// it when they leave. made gets the folders that it made.
func takeIn(dir, file, command string, made *[]string) (*lease.Lease, error) {
	for attempt := 0; ; attempt++ {
		folders, err := makeFolders(dir)
		*made = append(folders, *made...)
		var l *lease.Lease
		if err == nil {
			l, err = lease.Take(filepath.Join(dir, file), command)
		}
		if attempt == 50 || !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
	}
}

// makeFolders is os.MkdirAll that returns what it made, the deepest first.
func makeFolders(dir string) (made []string, err error) {
	dir = filepath.Clean(dir)
	err = os.Mkdir(dir, 0o777)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if made, err = makeFolders(parent); err != nil {
			return made, err
		}
		err = os.Mkdir(dir, 0o777)
	}
	switch {
	case err == nil:
		return append([]string{dir}, made...), nil
	case errors.Is(err, fs.ErrExist):
		return made, nil
	}
	return made, err
}

// emptyWork removes what is in the work folder of dir but for the lock.
func emptyWork(dir string) error {
	work := filepath.Join(dir, task.WorkDir)
	entries, err := os.ReadDir(work)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("work folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		err := os.RemoveAll(filepath.Join(work, e.Name()))
		for range 10 { // a task that is late writes into it
			if err == nil {
				break
			}
			err = os.RemoveAll(filepath.Join(work, e.Name()))
		}
		if err != nil {
			return fmt.Errorf("work folder: %w", err)
		}
	}
	return nil
}

// Announce tells those who look at the folder that this process does a task.
// Several may do the same one: whoever is last changes nothing.
func Announce(dir string, name task.Stage, number int) (*lease.Lease, error) {
	l, err := takeIn(runningPath(dir), leaseFile(name, number), leaseCommand(name, number), new([]string))
	if err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return l, nil
}

// lasting is how long a task of a run takes before others are told of it.
const lasting = time.Second

// AnnounceLasting is Announce for who is known to be in the folder, until end: those who look at
// the folder see it occupied, so that only a task that lasts is worth a file. One that
// cannot be announced is done all the same.
func AnnounceLasting(dir string, name task.Stage, number int) (end func()) {
	var l *lease.Lease
	announced := make(chan struct{})
	timer := time.AfterFunc(lasting, func() {
		defer close(announced)
		l, _ = Announce(dir, name, number)
	})
	return func() {
		if timer.Stop() {
			return
		}
		if <-announced; l != nil {
			l.Release()
		}
	}
}

// announced are the tasks that processes said to do in the folder.
func announced(dir string) (tasks []RunningTask, err error) {
	found, err := lease.Held(runningPath(dir))
	if err != nil {
		return nil, err
	}
	return tasksOf(found), nil
}

// RefuseOccupied returns an error if a command is alone in the folder.
func RefuseOccupied(dir string) error {
	h, living, err := lease.Look(lockPath(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("work folder: %w", err)
	case living:
		return errInUse(dir, h)
	}
	return nil
}

// Fence returns an error unless the folder still holds the plan of the given
// run: a task that was thought dead must not write into the run that took its
// place.
func Fence(dir, runID string) error {
	path := filepath.Join(dir, task.PlanFile)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %s was removed while the task ran", doc.ErrInputChanged, path)
	}
	defer f.Close()
	return fenceAt(f, path, runID)
}

// fenceAt is Fence for an open plan, which path names.
func fenceAt(f io.Reader, path, runID string) error {
	// The id is near the front of a file that may be large.
	d := json.NewDecoder(f)
	for depth := 0; ; {
		t, err := d.Token()
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: %s: %v", doc.ErrCorrupt, path, err)
		} else if err != nil { // a store that does not answer
			return fmt.Errorf("%s: %w", path, err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		case "run_id":
			if depth > 1 {
				continue
			}
			if id, err := d.Token(); err != nil || id != runID {
				return fmt.Errorf("%w: %s was replaced while the task ran", doc.ErrInputChanged, path)
			}
			return nil
		}
	}
}
