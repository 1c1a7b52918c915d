package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/progress"
)

func TestBarLine(t *testing.T) {
	for want, got := range map[string]string{
		"scan     [==============              ]  50 %  1.5 / 3.0 MB  0.8 MB/s  00:02":  barLine("scan", 1_500_000, 3_000_000, "bytes", 2*time.Second),
		"tally    [                            ]   0 %  0 / 7 documents  0 documents/s": barLine("tally", 0, 7, "documents", time.Second),
		"resolve  2.0 MB  1.0 MB/s": barLine("resolve", 2_000_000, 0, "bytes", 2*time.Second),
		"seal     [============================] 100 %  9 / 8 tasks  9 tasks/s  00:00": barLine("seal", 9, 8, "tasks", time.Second),
		"match    [=======                     ]  25 %  1 / 4 tasks  0 tasks/s  06:00": barLine("match", 1, 4, "tasks", 2*time.Minute),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// lockedBuffer is a terminal that can be looked at while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestBar(t *testing.T) {
	var out lockedBuffer
	b := &barProgress{w: &out, delay: time.Millisecond, keep: true}
	b.Start("scan", 100, "tasks")
	b.Add(50)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(out.String(), "50 %"); {
		if time.Now().After(deadline) {
			t.Fatalf("not drawn: %q", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	b.Notice("a sentence")
	b.End(progress.Timing{Stage: "scan", Seconds: 1})
	b.stop()
	text := out.String()
	if !strings.Contains(text, clearLine+"tallystick: a sentence\n") || !strings.HasSuffix(text, "scan       1.00 s\n") {
		t.Errorf("%q", text)
	}

	var short lockedBuffer
	b = &barProgress{w: &short, delay: time.Hour}
	b.Start("count", 100, "bytes")
	b.Add(100)
	b.End(progress.Timing{Stage: "count"})
	if short.String() != "" {
		t.Errorf("a stage that was over at once left %q", short.String())
	}
}
