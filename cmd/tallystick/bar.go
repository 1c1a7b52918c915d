package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/engine/progress"
)

const (
	refresh  = 120 * time.Millisecond
	barWidth = 28 // columns
)

// barProgress draws a bar for the running stage, on a line that it clears in
// the end. It is our own because the libraries that draw bars take longer to
// start than a short text takes to count.
type barProgress struct {
	w     io.Writer
	delay time.Duration // that a stage must last to be drawn
	keep  bool          // a line stays behind for each finished stage

	done atomic.Int64

	mu    sync.Mutex // of w and what follows
	quit  chan struct{}
	drawn bool
}

func (b *barProgress) Start(stage string, total int64, unit string) {
	b.stop()
	b.done.Store(0)
	quit := make(chan struct{})
	b.mu.Lock()
	b.quit = quit
	b.mu.Unlock()
	begun := time.Now()
	go func() {
		for wait := b.delay; ; wait = refresh {
			select {
			case <-quit:
				return
			case <-time.After(wait):
			}
			b.mu.Lock()
			if b.quit == quit {
				fmt.Fprint(b.w, clearLine, barLine(stage, b.done.Load(), total, unit, time.Since(begun)))
				b.drawn = true
			}
			b.mu.Unlock()
		}
	}()
}

func (b *barProgress) Add(n int64) { b.done.Add(n) }

func (b *barProgress) End(t progress.Timing) {
	b.stop()
	if b.keep {
		fmt.Fprintln(b.w, stageLine(t))
	}
}

func (b *barProgress) Notice(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
	fmt.Fprintln(b.w, "tallystick:", text)
}

func (b *barProgress) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.quit != nil {
		close(b.quit)
		b.quit = nil
	}
	b.clear()
}

// clearLine is "carriage return, erase to the end of the line" (ECMA-48).
const clearLine = "\r\x1b[K"

func (b *barProgress) clear() {
	if b.drawn {
		fmt.Fprint(b.w, clearLine)
		b.drawn = false
	}
}

// barLine shows how far a stage is; total 0 means that nobody knows how far it
// has to go.
func barLine(stage string, done, total int64, unit string, elapsed time.Duration) string {
	amount := func(n float64) string { return fmt.Sprintf("%.0f", n) }
	if unit == "bytes" {
		amount = func(n float64) string { return fmt.Sprintf("%.1f", n/1e6) }
		unit = "MB"
	}
	speed := float64(done) / max(elapsed.Seconds(), 1e-3)
	line := fmt.Sprintf("%-8s ", stage)
	if total <= 0 {
		return line + fmt.Sprintf("%s %s  %s %s/s", amount(float64(done)), unit, amount(speed), unit)
	}
	share := min(float64(done)/float64(total), 1)
	full := int(share * barWidth)
	line += fmt.Sprintf("[%s%s] %3.0f %%  %s / %s %s  %s %s/s", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		100*share, amount(float64(done)), amount(float64(total)), unit, amount(speed), unit)
	if speed > 0 {
		left := time.Duration(float64(total-done) / speed * float64(time.Second))
		line += fmt.Sprintf("  %02d:%02d", int(left.Minutes()), int(left.Seconds())%60)
	}
	return line
}
