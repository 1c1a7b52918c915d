package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestBadLuck runs the program on a machine that fails it: permissions, disks,
// signals, inputs and readers that go away.
func TestBadLuck(t *testing.T) {
	useProgram(t)
	t.Run("unreadable file", testUnreadableFile)
	t.Run("full disk", testFullDisk)
	t.Run("killed", testKilled)
	t.Run("interrupted", testInterrupted)
	t.Run("input shrinks", testInputShrinks)
	t.Run("closed output", testClosedOutput)
}

// testUnreadableFile: a file that may not be read ends the job before anything
// is written, and is named.
func testUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	in := deliver(t, dir, 5)
	run := func(out string) outcome { return finish(t, asNobody(t, program(t, dir, job("in.jsonl", out)...))) }
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	run("closed/out").want(t, exitFailed, "closed", "permission denied", "hint: check the permissions")
	if err := os.Chmod(in, 0); err != nil {
		t.Fatal(err)
	}
	run("out").want(t, exitFailed, "in.jsonl: unreadable input: permission denied", "hint: check the permissions")
	if _, err := os.Stat(filepath.Join(dir, "out")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an output folder was made: %v", err)
	}
}

// asNobody takes the superuser's right to read everything away from a child.
func asNobody(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return cmd
	}
	// The program and its folder must be reachable for somebody else.
	for _, dir := range []string{filepath.Dir(cmd.Path), cmd.Dir} {
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if info, err := os.Stat(d); err == nil && info.Mode().Perm()&0o055 != 0o055 {
				if err := os.Chmod(d, info.Mode().Perm()|0o055); err != nil {
					t.Skipf("cannot let somebody else into %s: %v", d, err)
				}
			}
		}
	}
	if err := os.Chmod(cmd.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	probe := exec.Command(cmd.Path, "version")
	probe.Dir, probe.SysProcAttr = cmd.Dir, cmd.SysProcAttr
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("cannot run as somebody else here: %v %s", err, out)
	}
	return cmd
}

// testFullDisk: on disks of growing size a run fails at one point after the
// other, each time with the hint and without half a file, and goes on when
// there is room.
func testFullDisk(t *testing.T) {
	dir := t.TempDir()
	deliver(t, dir, 250)
	expect(t, dir, exitDone, job("in.jsonl", "whole"))
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	full := 0
	for size := 16 << 10; ; size *= 2 {
		if err := unix.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
			t.Skipf("needs the right to mount a small tmpfs: %v", err)
		}
		done := func() bool {
			defer unix.Unmount(disk, unix.MNT_DETACH)
			o := finish(t, program(t, dir, job("in.jsonl", "disk/out")...))
			noTemporaries(t, disk)
			if o.code == exitDone {
				return true
			}
			o.want(t, exitFailed, "no space left on device", "hint: the disk of that file is full", "run again with --resume", "disk/out")
			if err := unix.Mount("", disk, "", unix.MS_REMOUNT, "size=64m"); err != nil {
				t.Fatal(err)
			}
			expect(t, dir, exitDone, job("in.jsonl", "disk/out", "--resume"))
			sameFolder(t, filepath.Join(dir, "whole"), filepath.Join(disk, "out"))
			return false
		}()
		if done {
			break
		}
		full++
	}
	if full < 4 {
		t.Errorf("the disk was full only %d times", full)
	}
}

// testKilled kills runs at random points; each leaves whole files only, and
// the next goes on where it ended.
func testKilled(t *testing.T) {
	dir := t.TempDir()
	deliver(t, dir, 1000)
	expect(t, dir, exitDone, job("in.jsonl", "whole", "--shard-size", "60KB"))
	out := filepath.Join(dir, "out")
	killed, left := 0, 0
	for wait := 10 * time.Millisecond; ; wait = wait * 3 / 2 {
		cmd := program(t, dir, job("in.jsonl", "out", "--shard-size", "60KB", "--resume")...)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait/2+rand.N(wait/2), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() {
			t.Fatalf("exit code %d of a run that was killed or done before: %s", ws.ExitStatus(), said.String())
		}
		killed++
		left += len(temporaries(t, out))
	}
	t.Logf("killed %d times; %d half-written files were left on the way", killed, left)
	if killed == 0 {
		t.Error("no run was killed")
	}
	noTemporaries(t, out)
	sameFolder(t, filepath.Join(dir, "whole"), out)
	expect(t, dir, exitDone, []string{"verify", "out", "--inputs", "--quiet"})
}

// atStage starts a program that logs JSON and returns when it has begun a
// stage; wait returns what it ended with.
func atStage(t *testing.T, cmd *exec.Cmd, stage string) (wait func() outcome) {
	t.Helper()
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), `"stage started","stage":"`+stage) {
			break
		}
	}
	return func() outcome {
		for lines.Scan() {
			fmt.Fprintln(&said, lines.Text())
		}
		cmd.Wait()
		return outcome{cmd.ProcessState.ExitCode(), "", said.String()}
	}
}

// large writes a corpus that takes the program a good part of a second.
func large(t *testing.T, dir string) string {
	t.Helper()
	path := deliver(t, dir, 2000)
	write(t, path, bytes.Repeat(readFile(t, path), 40))
	return path
}

// testInterrupted: an interrupt is exit code 130 and the run can go on; one
// that only waits for its input ends too.
func testInterrupted(t *testing.T) {
	dir := t.TempDir()
	large(t, dir)
	cmd := program(t, dir, "run", "in.jsonl", "--tokenizer", "gpt2", "--out", "out", "--json-log", "--shard-size", "500KB")
	wait := atStage(t, cmd, "scan")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	wait().want(t, exitInterrupted, "interrupted (a run goes on with --resume)")
	noTemporaries(t, filepath.Join(dir, "out"))
	if _, err := os.Stat(filepath.Join(dir, "out", "manifest.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an interrupted run has a manifest: %v", err)
	}
	expect(t, dir, exitDone, job("in.jsonl", "out", "--shard-size", "500KB", "--resume"))
	expect(t, dir, exitDone, []string{"verify", "out", "--quiet"})

	for _, stop := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(stop) { // by whoever began the test
			testInterruptedWaiting(t, dir, stop)
		}
	}
}

func testInterruptedWaiting(t *testing.T, dir string, stop os.Signal) {
	waiting := program(t, dir, "run", "-", "--tokenizer", "gpt2", "--out", "never", "--quiet")
	stdin, err := waiting.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	for len(temporaries(t, filepath.Join(dir, "never"))) == 0 { // until it reads
		time.Sleep(5 * time.Millisecond)
	}
	if err := waiting.Process.Signal(stop); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
	if code := waiting.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("%v while waiting for standard input: exit code %d (%v), want %d", stop, code, waiting.ProcessState, exitInterrupted)
	}
	noTemporaries(t, filepath.Join(dir, "never"))
}

// testInputShrinks: a file that is cut while it is mapped ends the command
// with an error that names it; the signal that reading past its end raises
// does not kill the process.
func testInputShrinks(t *testing.T) {
	dir := t.TempDir()
	in := large(t, dir)
	whole := readFile(t, in)
	for _, c := range []struct {
		stage string
		args  []string
	}{
		{"scan", []string{"run", "in.jsonl", "--tokenizer", "gpt2", "--shard-size", "1GB"}},
		{"scan", []string{"run", "in.jsonl", "--tokenizer", "gpt2", "--shard-size", "1MB"}},
		{"count", []string{"count", "in.jsonl", "--tokenizer", "gpt2"}},
		{"sketch", []string{"pairs", "in.jsonl"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			// Cut too early, the file is refused when it is opened; cut
			// later, in the middle of a read: that is the one to meet.
			for delay, late := time.Duration(0), 0; ; delay = delay*3/2 + 2*time.Millisecond {
				write(t, in, whole)
				args := append(c.args[:len(c.args):len(c.args)], "--json-log", "--workers", "1")
				if c.args[0] == "run" {
					args = append(args, "--out", "out", "--force")
				}
				wait := atStage(t, program(t, dir, args...), c.stage)
				time.Sleep(delay)
				if err := os.Truncate(in, 100_000); err != nil {
					t.Fatal(err)
				}
				o := wait()
				if o.code == exitDone { // too late: from the start
					if late++; late > 20 {
						t.Fatal("no read met the end of the file")
					}
					delay = 0
					continue
				}
				o.want(t, exitFailed, "in.jsonl", "input changed", `"hint":"inputs must not change`)
				for line := range strings.Lines(o.stderr) {
					if !json.Valid([]byte(line)) {
						t.Errorf("--json-log: %q", line)
					}
				}
				if strings.Contains(o.stderr, "memory fault at") {
					return
				}
			}
		})
	}
	noTemporaries(t, dir)
}

// testClosedOutput: a reader that has had enough, such as head, ends the
// program quietly, with its scratch folder removed.
func testClosedOutput(t *testing.T) {
	dir, scratch := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "in.jsonl"), bytes.Repeat(readFile(t, deliver(t, dir, 2000)), 10))
	for _, args := range [][]string{
		{"count", "in.jsonl", "--tokenizer", "gpt2", "--by", "document", "--format", "tsv", "--quiet"},
		{"count", "-", "--tokenizer", "gpt2", "--by", "document", "--format", "jsonl", "--quiet"},
	} {
		cmd := program(t, dir, args...)
		cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
		in, err := os.Open(filepath.Join(dir, "in.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		cmd.Stdin = in
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = w
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || line == "" {
			t.Errorf("first line %q, %v", line, err)
		}
		r.Close()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitDone || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d (%v), standard error %q", args[0], code, cmd.ProcessState, &stderr)
		}
		if left, err := os.ReadDir(scratch); err != nil || len(left) != 0 {
			t.Errorf("%s: scratch is left: %v, %v", args[0], left, err)
		}
	}
}
