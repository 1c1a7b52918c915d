package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestSharedFolder: processes that meet in one output folder.
func TestSharedFolder(t *testing.T) {
	useProgram(t)
	t.Run("second run", testSecondRun)
	t.Run("terminated task", testTerminatedTask)
}

// until waits for a condition that another process brings about.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// testSecondRun: while a run lives, others are told who has the folder; when it
// is killed, the next goes on at once.
func testSecondRun(t *testing.T) {
	dir := t.TempDir()
	deliver(t, dir, 10)
	first := program(t, dir, "run", "-", "--tokenizer", "gpt2", "--out", "out", "--quiet")
	stdin, err := first.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the first run", func() bool { return len(temporaries(t, filepath.Join(dir, "out"))) > 0 })
	who := fmt.Sprintf("out is in use by run (process %d on ", first.Process.Pid)
	expect(t, dir, exitFailed, job("in.jsonl", "out"), who, "hint: wait for it to end")
	expect(t, dir, exitFailed, job("in.jsonl", "out", "--force"), who)
	expect(t, dir, exitFailed, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--out", "out"}, who)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	expect(t, dir, exitDone, job("in.jsonl", "out"))
	expect(t, dir, exitDone, []string{"verify", "out", "--quiet"})
}

// testTerminatedTask: SIGTERM, as Slurm and Kubernetes send it, ends a task of
// any stage soon, with 130 and nothing left behind, and it can be done again.
func testTerminatedTask(t *testing.T) {
	dir := t.TempDir()
	large(t, dir)
	expect(t, dir, exitDone, []string{"run", "in.jsonl", "--tokenizer", "gpt2", "--out", "whole", "--quiet"})
	expect(t, dir, exitDone, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--out", "out", "--quiet"})
	out := filepath.Join(dir, "out")
	ended := 0
	for _, stage := range []string{"scan", "match", "resolve", "tally", "seal"} {
		task := []string{"stage", stage, "--plan", "out/plan.json", "--tasks-per-job", "1000", "--keep-work"}
		cmd := program(t, dir, task...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "a task of "+stage, func() bool {
			found, _ := filepath.Glob(filepath.Join(out, ".work", "running", stage+".*"))
			over, _ := filepath.Glob(filepath.Join(out, ".work", stage, "*.done.json"))
			return len(found)+len(over) > 0
		})
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		begun := time.Now()
		cmd.Wait()
		switch code := cmd.ProcessState.ExitCode(); code {
		case exitInterrupted:
			ended++
		case exitDone: // it was nearly done
		default:
			t.Errorf("%s: exit code %d (%v)", stage, code, cmd.ProcessState)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("%s ended %v after it was told to", stage, took)
		}
		noTemporaries(t, out)
		if left, _ := filepath.Glob(filepath.Join(out, ".work", "running", "*")); len(left) > 0 {
			t.Errorf("%s left %q", stage, left)
		}
		expect(t, dir, exitDone, task)
	}
	if ended == 0 {
		t.Error("no task was interrupted")
	}
	if _, err := os.Stat(filepath.Join(out, "manifest.json")); errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	expect(t, dir, exitDone, []string{"stage", "seal", "--plan", "out/plan.json", "--quiet"})
	sameFolder(t, filepath.Join(dir, "whole"), out)
}
