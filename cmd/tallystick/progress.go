package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/tallystick/tallystick/engine"
)

// environment is what a command writes to.
type environment struct {
	stdout, stderr io.Writer
	output         outputFlags

	once sync.Once
	p    engine.Progress
}

// progress returns how this process reports: a bar on a terminal, a line per
// stage in a pipe, JSON lines, or nothing.
func (e *environment) progress() engine.Progress {
	e.once.Do(func() {
		switch {
		case e.output.JSONLog:
			e.p = &jsonProgress{log: slog.New(slog.NewJSONHandler(e.stderr, nil))}
		case e.output.Quiet:
			e.p = nil
		case isTerminal(e.stderr):
			e.p = &barProgress{w: e.stderr}
		default:
			e.p = &lineProgress{w: e.stderr}
		}
	})
	return e.p
}

// briefProgress is progress for a command that may take no time at all: nothing
// stays on the screen, and nothing is said in a pipe, but for notices.
func (e *environment) briefProgress() engine.Progress {
	e.once.Do(func() {
		switch {
		case e.output.JSONLog:
			e.p = &jsonProgress{log: slog.New(slog.NewJSONHandler(e.stderr, nil))}
		case e.output.Quiet:
			e.p = nil
		case isTerminal(e.stderr):
			e.p = &lateBar{barProgress: barProgress{w: e.stderr}}
		default:
			e.p = &silentProgress{lineProgress{w: e.stderr}}
		}
	})
	return e.p
}

// close ends a bar that is still drawn.
func (e *environment) close() {
	switch b := e.p.(type) {
	case *barProgress:
		b.stop()
	case *lateBar:
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
func (l *lineProgress) End(t engine.Timing)       { fmt.Fprintln(l.w, stageLine(t)) }
func (l *lineProgress) Notice(text string)        { fmt.Fprintln(l.w, "tallystick:", text) }

func stageLine(t engine.Timing) string {
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
func (j *jsonProgress) End(t engine.Timing) {
	j.log.Info("stage done", slog.String("stage", t.Stage), slog.Int("tasks", t.Tasks), slog.Float64("seconds", t.Seconds),
		slog.Float64("cpu_seconds", t.CPUSeconds), slog.Int64("bytes", t.Bytes), slog.Float64("mb_per_second", t.MBPerSecond),
		slog.Int64("peak_memory_bytes", t.PeakMemory))
}
func (j *jsonProgress) Notice(text string) { j.log.Info(text) }

// barProgress draws a bar for the running stage and leaves a line behind for
// each finished one.
type barProgress struct {
	w io.Writer

	mu      sync.Mutex
	drawing *mpb.Progress
	bar     *mpb.Bar
}

func (b *barProgress) Start(stage string, total int64, unit string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drawing = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(48), mpb.WithRefreshRate(120*time.Millisecond))
	counters := decor.CountersNoUnit("%d / %d "+unit, decor.WCSyncSpace)
	speed := decor.AverageSpeed(0, " %.0f "+unit+"/s")
	if unit == "bytes" {
		counters = decor.Counters(decor.SizeB1000(0), "% .1f / % .1f", decor.WCSyncSpace)
		speed = decor.AverageSpeed(decor.SizeB1000(0), " % .1f")
	}
	after := []decor.Decorator{counters, speed, decor.AverageETA(decor.ET_STYLE_MMSS, decor.WC{W: 8})}
	if total == 0 { // not known: say how far it is, not how far it has to go
		after = []decor.Decorator{decor.CurrentNoUnit("%d "+unit, decor.WCSyncSpace), speed}
	}
	b.bar = b.drawing.AddBar(total,
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-8s", stage))),
		mpb.AppendDecorators(after...))
}

func (b *barProgress) Add(n int64) {
	if b.bar != nil {
		b.bar.IncrInt64(n)
	}
}

func (b *barProgress) End(t engine.Timing) {
	b.stop()
	fmt.Fprintln(b.w, stageLine(t))
}

func (b *barProgress) Notice(text string) { fmt.Fprintln(b.w, "tallystick:", text) }

func (b *barProgress) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawing == nil {
		return
	}
	b.bar.Abort(true)
	b.drawing.Wait()
	b.drawing, b.bar = nil, nil
}

// silentProgress has notices only.
type silentProgress struct{ lineProgress }

func (*silentProgress) End(engine.Timing) {}

// barDelay is how long a stage must take to be worth a bar.
const barDelay = 300 * time.Millisecond

// lateBar draws a bar for a stage that takes long, and removes it at the end.
type lateBar struct {
	barProgress

	late  sync.Mutex
	timer *time.Timer
	done  int64 // before there is a bar
	drawn bool
}

func (l *lateBar) Start(stage string, total int64, unit string) {
	l.late.Lock()
	defer l.late.Unlock()
	l.done, l.drawn = 0, false
	l.timer = time.AfterFunc(barDelay, func() {
		l.late.Lock()
		defer l.late.Unlock()
		if l.timer != nil {
			l.barProgress.Start(stage, total, unit)
			l.barProgress.Add(l.done)
			l.drawn = true
		}
	})
}

func (l *lateBar) Add(n int64) {
	l.late.Lock()
	defer l.late.Unlock()
	l.done += n
	if l.drawn {
		l.barProgress.Add(n)
	}
}

func (l *lateBar) End(engine.Timing) { l.stop() }

func (l *lateBar) stop() {
	l.late.Lock()
	defer l.late.Unlock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.drawn = false
	l.barProgress.stop()
}
