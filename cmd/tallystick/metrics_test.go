package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/progress"
)

func wantMetrics(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)^" + p + "$").MatchString(text) {
			t.Errorf("no %s in\n%s", p, text)
		}
	}
}

// TestMetricsServed reads the metrics of a stage while it runs.
func TestMetricsServed(t *testing.T) {
	m, err := newMetrics("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.stop()
	read := func() string {
		t.Helper()
		res, err := http.Get("http://" + m.addr.String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res.Status, err)
		}
		return string(text)
	}
	m.Add(1) // of no stage
	m.Start("scan", 100, "bytes")
	m.Add(30)
	m.Add(12)
	wantMetrics(t, read(), `tallystick_build_info\{version=".+"\} 1`, `tallystick_stage_running\{stage="scan"\} 1`,
		`tallystick_stage_units_expected\{stage="scan",unit="bytes"\} 100`, `tallystick_stage_units_done\{stage="scan",unit="bytes"\} 42`, `go_goroutines [0-9]+`)
	m.End(progress.Timing{Stage: "scan", Tasks: 3, Seconds: 1.5, CPUSeconds: 2.5, Bytes: 100, PeakMemory: 7})
	m.Start("match", 4, "tasks")
	wantMetrics(t, read(), `tallystick_stage_running\{stage="scan"\} 0`, `tallystick_stage_running\{stage="match"\} 1`, `tallystick_stage_tasks\{stage="scan"\} 3`,
		`tallystick_stage_seconds\{stage="scan"\} 1.5`, `tallystick_stage_cpu_seconds\{stage="scan"\} 2.5`, `tallystick_stage_read_bytes\{stage="scan"\} 100`,
		`tallystick_stage_peak_memory_bytes\{stage="scan"\} 7`)
	if err := m.stop(); err != nil {
		t.Error(err)
	}
	m.quit = make(chan struct{}) // for the deferred one
}

// TestMetricsOfCommands: the file is there when the command is done, with what
// it took; an address that is taken and a folder that is not there are errors.
func TestMetricsOfCommands(t *testing.T) {
	useProgram(t)
	dir := t.TempDir()
	deliver(t, dir, 10)
	expect(t, dir, exitDone, job("in.jsonl", "out", "--metrics", "run.prom"))
	wantMetrics(t, string(readFile(t, filepath.Join(dir, "run.prom"))), `tallystick_stage_running\{stage="seal"\} 0`, `tallystick_stage_tasks\{stage="scan"\} 1`,
		`tallystick_stage_units_done\{stage="scan",unit="bytes"\} [1-9].*`)
	expect(t, dir, exitDone, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--out", "tasks", "--quiet"})
	expect(t, dir, exitDone, []string{"stage", "scan", "--plan", "tasks/plan.json", "--metrics", "stage.prom", "--json-log"}, `"msg":"stage done","stage":"scan","tasks":1`)
	wantMetrics(t, string(readFile(t, filepath.Join(dir, "stage.prom"))), `tallystick_stage_units_done\{stage="scan",unit="tasks"\} 1`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expect(t, dir, exitFailed, job("in.jsonl", "never", "--metrics", l.Addr().String()), "metrics: listen tcp", "address already in use")
	expect(t, dir, exitFailed, job("in.jsonl", "never", "--metrics", "nowhere/run.prom"), "metrics: ", "no such file")
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
		t.Error("the command ran all the same")
	}
}

// TestMetricsOfNoFile: a mistyped port makes no file, and a device is not replaced.
func TestMetricsOfNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, where := range []string{":99999", "localhost:1234567", ":", "localhost:", os.DevNull} {
		if m, err := newMetrics(where); err == nil {
			t.Errorf("%s: %v", where, m.file)
		}
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestMetricsInNoStore(t *testing.T) {
	if _, err := newMetrics("s3://bucket/tallystick.prom"); !errors.Is(err, doc.ErrUsage) {
		t.Error(err)
	}
}
