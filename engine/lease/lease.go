// Package lease marks files as held by a living process, so that a folder or a
// task has an owner whose name, machine and age others can read.
//
// A lease is a file. Its holder keeps it locked (flock) and touches it every
// [Beat]. On one machine, and on file systems whose locks reach across machines,
// the lock alone tells whether the holder lives: it ends with the process,
// whatever ended that. Elsewhere a holder is taken for dead that has not touched
// its file for [Lost]. In an object store a lease is an object that its holder
// writes again every [Beat], on the condition that it is still its own.
package lease

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// Beat is how often a holder touches its file.
	Beat = 20 * time.Second
	// Lost is how long a holder on another machine may be silent. Clocks of
	// machines that share a folder must agree much better than that.
	Lost = 2 * time.Minute
	// starting is how long a holder takes, at most, from making its file to
	// writing who it is.
	starting = 2 * time.Second
)

// Holder says who holds a lease.
type Holder struct {
	Command string    `json:"command"` // what it does, such as "run"
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Job     string    `json:"job,omitempty"` // the Slurm job, if it is one
	Started time.Time `json:"started"`
	Boot    string    `json:"boot,omitempty"` // tells machines of one name apart
}

// String names the holder in a sentence.
func (h Holder) String() string {
	if h.Host == "" {
		return "a process that is starting"
	}
	text := fmt.Sprintf("%s (process %d on %s", h.Command, h.PID, h.Host)
	if h.Job != "" {
		text += ", Slurm job " + h.Job
	}
	return text + ", since " + h.Started.UTC().Format("2006-01-02 15:04:05 UTC") + ")"
}

// HeldError is returned by Take where somebody else holds the lease.
type HeldError struct{ Holder Holder }

func (e HeldError) Error() string { return "held by " + e.Holder.String() }

// Lease is held by this process until Release.
type Lease struct {
	path   string
	file   *os.File
	holder Holder
	stop   chan struct{}
	beats  sync.WaitGroup
}

// Take takes the lease of the file path, which its folder must exist for. The
// error is a HeldError where a living process has it; what a dead one left is
// taken over.
func Take(path, command string) (*Lease, error) {
	return patiently(func() (*Lease, error) { return take(path, command) }, time.Now)
}

// patiently takes a lease again while what stands in the way may pass within moments.
func patiently(take func() (*Lease, error), now func() time.Time) (*Lease, error) {
	begun := now()
	for attempt := 1; ; attempt++ {
		l, err := take()
		// A file that is gone was released between two looks at it, one that is
		// empty is just being written, or was when its holder died, and one that is
		// locked may be so by somebody who only looks.
		var held HeldError
		patience := time.Duration(0)
		if errors.Is(err, errMoved) || errors.As(err, &held) {
			patience = 200 * time.Millisecond
		}
		if errors.As(err, &held) && held.Holder == (Holder{}) {
			patience = 2 * starting
		}
		// A process that was stopped between two looks has waited long, and looked once.
		if patience == 0 || attempt > 3 && now().Sub(begun) > patience {
			return l, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var errMoved = errors.New("the lease is given back over and over")

func take(path, command string) (*Lease, error) {
	made := true
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		made = false
		if f, err = os.OpenFile(path, os.O_RDWR, 0); errors.Is(err, fs.ErrNotExist) {
			return nil, errMoved
		}
	}
	if err != nil {
		return nil, err
	}
	return hold(f, made, path, command)
}

// hold takes the lease of an open file, which it closes where it fails. made says
// that this process made it.
func hold(f *os.File, made bool, path, command string) (_ *Lease, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	state, err := tryLock(f, true)
	// Who else locks a file that is just made only looks at it, and leaves it to
	// who made it. Given up now it would seem held, by nobody, until it is Lost.
	for tries := 0; made && err == nil && state == lockRefused && tries < 200; tries++ {
		time.Sleep(time.Millisecond)
		state, err = tryLock(f, true)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(info, now) {
		return nil, errMoved
	}
	if !made || state == lockRefused {
		h, err := read(f)
		if err != nil {
			return nil, err
		}
		if alive(h, state, info.ModTime()) {
			return nil, HeldError{h}
		}
	}
	l := &Lease{path: path, file: f, holder: self(command), stop: make(chan struct{})}
	text, err := json.Marshal(l.holder)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(append(text, '\n'), 0); err != nil {
		os.Remove(path)
		return nil, err
	}
	l.beats.Go(l.beat)
	return l, nil
}

// beat tells other machines that the holder lives. Where the file cannot be
// touched there is nobody to tell.
func (l *Lease) beat() {
	tick := time.NewTicker(Beat)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case now := <-tick.C:
			_ = os.Chtimes(l.path, now, now)
		}
	}
}

// Release gives the lease back and removes its file. It may be called again.
func (l *Lease) Release() {
	if l.file == nil {
		return
	}
	close(l.stop)
	l.beats.Wait()
	// Another file of that name is another's lease.
	own, err := l.file.Stat()
	if now, statErr := os.Stat(l.path); err == nil && statErr == nil && os.SameFile(own, now) {
		if h, err := read(l.file); err == nil && h.PID == l.holder.PID && h.Host == l.holder.Host {
			os.Remove(l.path)
		}
	}
	l.file.Close()
	l.file = nil
}

// Look says who holds the lease of the file path, and whether that process
// lives. The error wraps fs.ErrNotExist where nobody does. It waits, but not for
// long, for a holder to write who it is.
func Look(path string) (h Holder, living bool, err error) {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		h, living, err = look(path)
		if err != nil || !living || h != (Holder{}) || time.Since(begun) > 2*starting {
			return h, living, err
		}
	}
}

func look(path string) (h Holder, living bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, false, err
	}
	defer f.Close() // and with it the lock that tryLock may get
	if h, err = read(f); err != nil {
		return h, false, err
	}
	info, err := f.Stat()
	if err != nil {
		return h, false, err
	}
	state, err := tryLock(f, false)
	if err != nil {
		return h, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return h, alive(h, state, info.ModTime()), nil
}

// alive decides whether the holder of a file lives, from what its lock says
// here and when the file was touched last.
func alive(h Holder, state lockState, touched time.Time) bool {
	me := self("")
	here := h.Host == me.Host && h.Boot == me.Boot
	switch {
	case state == lockRefused:
		return true
	case here && state == lockTaken:
		return false // it ended with the process
	case here && h.PID != 0 && !processLives(h.PID):
		return false
	case h == Holder{} && state == lockTaken:
		return time.Since(touched) < starting // it died before it had written who it is
	}
	return time.Since(touched).Abs() < Lost // a time far ahead is of a wrong clock, and would count for ever
}

// most is the size of a lease that is read: more was not written here.
const most = 64 << 10

func read(f *os.File) (h Holder, err error) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, most))
	if err != nil {
		return h, err
	}
	if json.Unmarshal(text, &h) != nil {
		return Holder{}, nil // empty or cut: somebody is writing it, or died then
	}
	return h, nil
}

func self(command string) Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // Linux only
	job := os.Getenv("SLURM_JOB_ID")
	if array := os.Getenv("SLURM_ARRAY_JOB_ID"); array != "" {
		job = array + "_" + os.Getenv("SLURM_ARRAY_TASK_ID")
	}
	return Holder{
		Command: command, Host: host, PID: os.Getpid(), Job: job, Started: time.Now().UTC().Truncate(time.Second),
		Boot: strings.TrimSpace(string(boot)),
	}
}

// Found is a lease that Held found.
type Found struct {
	Name   string // of its file
	Holder Holder
	Living bool
}

// Held lists the leases in a folder by file name. A folder that does not exist
// holds none.
func Held(dir string) ([]Found, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []Found
	for _, e := range entries {
		h, living, err := Look(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) { // released meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Found{e.Name(), h, living})
	}
	return out, nil
}
