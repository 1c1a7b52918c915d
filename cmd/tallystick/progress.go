package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tallystick/tallystick/engine/progress"
)

// environment is what a command writes to.
type environment struct {
	stdout, stderr io.Writer
	output         outputFlags

	once    sync.Once
	p       progress.Listener
	metrics *metrics // nil: none are asked for
}

// observed is the progress that is shown, counted on its way if that is asked for.
func (e *environment) observed() progress.Listener {
	if e.metrics == nil {
		return e.p
	}
	e.metrics.next = e.p
	return e.metrics
}

// progress returns how this process reports: a bar on a terminal, a line per
// stage in a pipe, JSON lines, or nothing.
func (e *environment) progress() progress.Listener {
	e.once.Do(func() {
		switch {
		case e.output.JSONLog:
			e.p = &jsonProgress{log: slog.New(slog.NewJSONHandler(e.stderr, nil))}
		case e.output.Quiet:
			e.p = nil
		case isTerminal(e.stderr):
			e.p = &barProgress{w: e.stderr, delay: refresh, keep: true}
		default:
			e.p = &lineProgress{w: e.stderr}
		}
	})
	return e.observed()
}

// briefProgress is progress for a command that may take no time at all: nothing
// stays on the screen, and nothing is said in a pipe, but for notices.
func (e *environment) briefProgress() progress.Listener {
	e.once.Do(func() {
		switch {
		case e.output.JSONLog:
			e.p = &jsonProgress{log: slog.New(slog.NewJSONHandler(e.stderr, nil))}
		case e.output.Quiet:
			e.p = nil
		case isTerminal(e.stderr):
			e.p = &barProgress{w: e.stderr, delay: 300 * time.Millisecond}
		default:
			e.p = &silentProgress{lineProgress{w: e.stderr}}
		}
	})
	return e.observed()
}

// close ends a bar that is still drawn.
func (e *environment) close() {
	if b, ok := e.p.(*barProgress); ok {
		b.stop()
	}
}

// width returns the columns of standard output, or 100 where there are none.
func (e *environment) width() int {
	if f, ok := e.stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 100
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// lineProgress prints one line when a stage ends.
type lineProgress struct{ w io.Writer }

func (*lineProgress) Start(string, int64, string) {}
func (*lineProgress) Add(int64)                   {}
func (l *lineProgress) End(t progress.Timing)     { fmt.Fprintln(l.w, stageLine(t)) }
func (l *lineProgress) Notice(text string)        { fmt.Fprintln(l.w, "tallystick:", text) }

func stageLine(t progress.Timing) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %6.2f s", t.Stage, t.Seconds)
	if t.Bytes > 0 {
		fmt.Fprintf(&b, "  %8.1f MB  %7.1f MB/s", float64(t.Bytes)/1e6, t.MBPerSecond)
	}
	if t.Tasks > 1 {
		fmt.Fprintf(&b, "  %d tasks", t.Tasks)
	}
	if t.PeakMemory > 0 {
		fmt.Fprintf(&b, "  %d MiB peak", t.PeakMemory>>20)
	}
	return b.String()
}

// jsonProgress logs stages for machines.
type jsonProgress struct{ log *slog.Logger }

func (j *jsonProgress) Start(stage string, total int64, unit string) {
	j.log.Info("stage started", slog.String("stage", stage), slog.Int64("total", total), slog.String("unit", unit))
}
func (*jsonProgress) Add(int64) {}
func (j *jsonProgress) End(t progress.Timing) {
	j.log.Info("stage done", slog.String("stage", t.Stage), slog.Int("tasks", t.Tasks), slog.Float64("seconds", t.Seconds),
		slog.Float64("cpu_seconds", t.CPUSeconds), slog.Int64("bytes", t.Bytes), slog.Float64("mb_per_second", t.MBPerSecond),
		slog.Int64("peak_memory_bytes", t.PeakMemory))
}
func (j *jsonProgress) Notice(text string) { j.log.Info(text) }

// silentProgress has notices only.
type silentProgress struct{ lineProgress }

func (*silentProgress) End(progress.Timing) {}
