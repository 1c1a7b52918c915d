package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slurm is a cluster of one node, this machine, with everything it needs in
// one folder.
type slurm struct {
	t   *testing.T
	dir string
	env []string
}

// startSlurm starts a cluster of Debian's packages, or skips the test.
func startSlurm(t *testing.T) *slurm {
	t.Helper()
	if os.Getenv("TALLYSTICK_SLURM") == "" {
		t.Skip("starts daemons; make test-slurm runs it")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root: slurmd starts jobs as their users")
	}
	for _, name := range []string{"munged", "slurmctld", "slurmd", "sbatch"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs Slurm (Debian: slurmctld slurmd slurm-client munge): %v", err)
		}
	}
	// A socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "slurm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	s := &slurm{t: t, dir: dir, env: append(os.Environ(), "SLURM_CONF="+filepath.Join(dir, "slurm.conf"))}
	key := make([]byte, 1024)
	rand.Read(key)
	if err := os.WriteFile(filepath.Join(dir, "key"), key, 0o400); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"state", "spool"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	write(t, filepath.Join(dir, "slurm.conf"), fmt.Appendf(nil, `ClusterName=test
SlurmctldHost=%[1]s(127.0.0.1)
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.sock,cred_expire=15
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=2
MessageTimeout=60
BatchStartTimeout=100
MailProg=/bin/true
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.pid
SlurmctldLogFile=%[2]s/slurmctld.log
SlurmdLogFile=%[2]s/slurmd.log
SlurmdParameters=config_overrides
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=4 RealMemory=4096 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
`, host, dir, port, freePort(t)))
	s.daemon("munged", "--foreground", "--force", "--key-file="+dir+"/key", "--socket="+dir+"/munge.sock",
		"--pid-file="+dir+"/munged.pid", "--log-file="+dir+"/munged.log", "--seed-file="+dir+"/munged.seed")
	s.until("munged", "", func() bool { _, err := os.Stat(dir + "/munge.sock"); return err == nil })
	s.daemon("slurmctld", "-D", "-c")
	s.daemon("slurmd", "-D", "-c")
	// Clients wait long for a daemon that does not listen yet.
	s.until("slurmctld", "", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	s.until("an idle node", "", func() bool { return s.says("sinfo", "--noheader", "--format=%T") == "idle" })
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *slurm) logs() string {
	var b strings.Builder
	for _, name := range []string{"munged", "slurmctld", "slurmd"} {
		text, _ := os.ReadFile(filepath.Join(s.dir, name+".log"))
		fmt.Fprintf(&b, "%s:\n%s\n", name, text)
	}
	return b.String()
}

// daemon starts a process that ends with the test.
func (s *slurm) daemon(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = s.env
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		killer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer killer.Stop()
		cmd.Wait()
	})
}

func (s *slurm) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = s.env
	return cmd
}

// run returns what a client of Slurm prints.
func (s *slurm) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %q: %v\n%s\n%s", name, args, err, out, s.logs())
	}
	return string(out)
}

// submit submits the stages and returns the numbers of their jobs.
func (s *slurm) submit(jobs string) map[string]string {
	s.t.Helper()
	ids := map[string]string{}
	for line := range strings.Lines(s.run(filepath.Join(jobs, "submit.sh"), "--nice=1")) {
		stage, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[stage] = id
	}
	if (len(ids) != 5 && len(ids) != 6) || !regexp.MustCompile(`^[0-9]+$`).MatchString(ids["seal"]) {
		s.t.Fatalf("submit.sh printed %v", ids)
	}
	return ids
}

// idle waits until no job is left.
func (s *slurm) idle(jobs string) {
	s.t.Helper()
	s.until("the end of all jobs", jobs, func() bool { return s.run("squeue", "--noheader") == "" })
}

// says is run without the error: a daemon that is just starting does not answer.
func (s *slurm) says(name string, args ...string) string {
	out, _ := s.command(name, args...).Output()
	return strings.TrimSpace(string(out))
}

// until waits as long as something goes on: a busy machine can take minutes for
// what an idle one does in a second.
func (s *slurm) until(what, jobs string, condition func() bool) {
	s.t.Helper()
	var seen string
	for begun := time.Now(); !condition(); time.Sleep(100 * time.Millisecond) {
		if jobs != "" { // a state is not printed with the time that it lasts
			state := s.says("squeue", "--noheader", "--states=all", "--format=%A %a %T %r")
			if state != seen {
				seen, begun = state, time.Now()
			}
		}
		if time.Since(begun) > 3*time.Minute {
			s.t.Fatalf("waited for %s in vain:\n%s\n%s\n%s\n%s", what,
				s.says("scontrol", "show", "node"), s.says("squeue", "--states=all"), jobLogs(s.t, jobs), s.logs())
		}
	}
}

func jobLogs(t *testing.T, jobs string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(jobs, "logs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s:\n%s\n", filepath.Base(name), readFile(t, name))
	}
	return b.String()
}

// hurt makes a program that stands in for tallystick and, once, sends a signal
// to the real one in the middle of the given job of so many tasks. On a busy machine
// the tasks can be over before that is seen: then they are done once more.
func hurt(t *testing.T, dir, stage string, job, tasks int, signal string) (path string) {
	t.Helper()
	real, err := exec.LookPath("tallystick")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "hurt")
	work := filepath.Join(dir, "out", ".work")
	var done []string
	for task := range tasks {
		done = append(done, fmt.Sprintf("%q", filepath.Join(work, stage, fmt.Sprintf("%05d.done.json", tasks*job+task))))
	}
	script := fmt.Sprintf(`#!/bin/bash
if [ "$2" = %[1]s ] && [ "$SLURM_ARRAY_TASK_ID" = %[2]d ]; then
	while [ ! -e %[3]q ]; do
		rm -f %[7]s
		%[5]s "$@" &
		pid=$!
		while kill -0 $pid 2>/dev/null; do
			if grep -qs "\"pid\":$pid," %[4]q/running/*; then
				kill -STOP $pid
				if [ ! -e %[8]s ] && kill -%[6]s $pid 2>/dev/null; then
					echo "hurt by %[6]s"
					echo "$SLURM_JOB_ID" >%[3]q
					break
				fi
				kill -CONT $pid
			fi
		done
		wait $pid || exit
	done
fi
exec %[5]s "$@"
`, stage, job, filepath.Join(dir, "hurt."+stage), work, real, signal,
		strings.Join(done, " "), done[len(done)-1])
	if err := os.WriteFile(path, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSlurm does a plan's tasks on a real Slurm: one job is requeued in the
// middle of its task, another is killed, and the jobs are submitted again. The
// bytes are those of run.
func TestSlurm(t *testing.T) {
	s := startSlurm(t)
	useProgram(t)
	dir := filepath.Join(s.dir, "w")
	jobs := filepath.Join(dir, "jobs at 50% of 'it'")
	if err := os.MkdirAll(jobs, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "in.jsonl"), bytes.Repeat(readFile(t, deliver(t, dir, 2000)), 4))
	expect(t, dir, exitDone, job("in.jsonl", "whole", "--shard-size", "200KB"))
	expect(t, dir, exitDone, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--out", "out", "--quiet", "--shard-size", "200KB"})
	if n := countShards(t, filepath.Join(dir, "out")); n < 5 {
		t.Fatalf("%d shards are too few for this", n)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	generate := func(binary string) {
		t.Helper()
		expect(t, dir, exitDone, []string{"cluster", "slurm", "--plan", "out/plan.json", "--out", filepath.Base(jobs), "--binary", binary, "--force", "--quiet",
			"--cpus", "1", "--tasks-per-job", "2", "--mem", "300MiB", "--time", "10", "--array-limit", "3", "--partition", "all",
			"--sbatch=--comment=two words", "--sbatch=--mail-user=" + me.Username})
	}
	status := func(code int, texts ...string) {
		t.Helper()
		o := finish(t, program(t, dir, "status", "out", "--exit-code"))
		if o.code != code {
			t.Errorf("status: exit code %d, want %d", o.code, code)
		}
		for _, text := range texts {
			if !regexp.MustCompile("(?m)" + text).MatchString(o.stdout) {
				t.Errorf("status does not say %q:\n%s", text, o.stdout)
			}
		}
	}

	// Requeued, as after a preemption or the loss of a node.
	generate(hurt(t, dir, "scan", 1, 2, "STOP"))
	ids := s.submit(jobs)
	mark := filepath.Join(dir, "hurt.scan")
	s.until("job 1 of scan", jobs, func() bool { b, _ := os.ReadFile(mark); return len(b) > 0 })
	status(exitUnfinished, `^running +scan task [23] \(process [0-9]+ on .*, Slurm job `+ids["scan"]+`_1, `)
	s.run("scontrol", "requeue", ids["scan"]+"_1")
	s.until("job 1 of scan again", jobs, func() bool {
		return strings.Contains(s.run("scontrol", "show", "job", ids["scan"]+"_1"), " Restarts=1 ")
	})
	s.idle(jobs)
	if text := s.run("scontrol", "show", "job", ids["seal"]); !strings.Contains(text, "JobState=COMPLETED") {
		t.Fatalf("%s\n%s", text, jobLogs(t, jobs))
	}
	status(exitDone, "^finished ")
	sameFolder(t, filepath.Join(dir, "whole"), filepath.Join(dir, "out"))
	t.Log("a job was requeued in the middle of its task; the bytes are the same")

	// Killed, as by the kernel for its memory: what waits for it goes away, and
	// submitting again does the rest. Resolving is shared out to tasks this time.
	expect(t, dir, exitDone, job("in.jsonl", "shared", "--shard-size", "200KB", "--decide-tasks", "3"))
	expect(t, dir, exitDone, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--out", "out", "--force", "--quiet", "--shard-size", "200KB", "--decide-tasks", "3"})
	generate(hurt(t, dir, "decide", 1, 1, "KILL"))
	ids = s.submit(jobs)
	s.idle(jobs)
	if text := s.run("scontrol", "show", "job", ids["decide"]+"_1"); !strings.Contains(text, "JobState=FAILED") || !strings.Contains(text, "ExitCode=137:0") {
		t.Errorf("the killed job: %s\n%s", text, jobLogs(t, jobs))
	}
	if text := s.run("scontrol", "show", "job", ids["resolve"]); !strings.Contains(text, "JobState=CANCELLED") {
		t.Errorf("the job after it: %s", text)
	}
	status(exitUnfinished, "^died +decide task 1 ", "^missing +decide 1", "^unfinished$")
	s.submit(jobs)
	s.idle(jobs)
	status(exitDone, "^finished ")
	sameFolder(t, filepath.Join(dir, "shared"), filepath.Join(dir, "out"))
	expect(t, dir, exitDone, []string{"verify", "out", "--inputs", "--quiet"})
	t.Log("a job was killed and the jobs were submitted again; the bytes are the same")
}
