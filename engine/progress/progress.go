// Package progress measures what a command does, step by step, and tells those
// who watch it.
package progress

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/engine/internal/usage"
)

// Listener is told what a run does. Implementations must be safe for
// concurrent use of Add.
type Listener interface {
	// Start begins a stage of total units ("bytes", "documents", "tasks";
	// total 0: not known).
	Start(stage string, total int64, unit string)
	// Add reports n more units.
	Add(n int64)
	// End ends the stage that was started last.
	End(t Timing)
	// Notice is a sentence for the user that is no error.
	Notice(text string)
}

// Timing is what a stage took: a row of timings.json.
type Timing struct {
	Stage       string  `json:"stage"`
	Tasks       int     `json:"tasks"`
	Seconds     float64 `json:"seconds"`           // wall clock
	CPUSeconds  float64 `json:"cpu_seconds"`       // of the process, user and system
	Bytes       int64   `json:"bytes"`             // read by the stage; 0 if that says nothing
	MBPerSecond float64 `json:"mb_per_second"`     // Bytes per wall second, MB = 10⁶ bytes
	PeakMemory  int64   `json:"peak_memory_bytes"` // resident set, mapped files included; 0: not known
	// PeakHeld is the largest resident set without mapped files, which is what
	// --memory bounds, as far as looking at it twenty times a second shows.
	PeakHeld int64 `json:"peak_held_bytes,omitempty"` // 0: not known
}

// Tracker measures one stage.
type Tracker struct {
	p     Listener
	stage string
	begun time.Time
	cpu   float64
	done  atomic.Int64
	held  atomic.Int64 // the peak so far
}

// Start begins a stage of total units and tells p, if that is not nil.
func Start(p Listener, stage string, total int64, unit string) *Tracker {
	usage.ResetPeak()
	if p != nil {
		p.Start(stage, total, unit)
	}
	return &Tracker{p: p, stage: stage, begun: time.Now(), cpu: usage.CPUSeconds()}
}

// Add reports n more units.
func (t *Tracker) Add(n int64) {
	t.done.Add(n)
	if t.p != nil {
		t.p.Add(n)
	}
}

// End ends the stage, which had that many tasks and read that many bytes.
func (t *Tracker) End(tasks int, bytes int64) Timing {
	s := time.Since(t.begun).Seconds()
	row := Timing{
		Stage: t.stage, Tasks: tasks, Seconds: s, CPUSeconds: usage.CPUSeconds() - t.cpu,
		Bytes: bytes, PeakMemory: usage.PeakMemory(), PeakHeld: t.held.Load(),
	}
	if bytes > 0 && s > 0 {
		row.MBPerSecond = float64(bytes) / 1e6 / s
	}
	if t.p != nil {
		t.p.End(row)
	}
	return row
}

// Done is how many units were reported so far.
func (t *Tracker) Done() int64 { return t.done.Load() }

// Watch looks at what the process holds until stop is called, which waits for the
// last look. The kernel keeps no peak of it.
func (t *Tracker) Watch() (stop func()) {
	look := func() { t.held.Store(max(t.held.Load(), usage.Held())) }
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			look()
			select {
			case <-tick.C:
			case <-end:
				look()
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(end)
		<-ended
	})
}
