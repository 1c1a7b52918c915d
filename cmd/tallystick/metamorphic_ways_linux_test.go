package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/s3"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// means draws flags that decide only how fast something is done.
func (r *metamorphicRun) means() (tool string, env, args []string) {
	args = []string{"--workers", fmt.Sprint(1 + r.rng.IntN(6))}
	if r.rng.IntN(2) == 0 && simdjsonHere() {
		args = append(args, "--parser", "simdjson")
	}
	if r.rng.IntN(3) == 0 {
		args = append(args, "--cache", "64KiB")
	}
	if memory := []string{"", "64MiB", "1GiB"}[r.rng.IntN(3)]; memory != "" {
		args = append(args, "--memory", memory)
	}
	if most := []string{"", "", "avx2", "generic"}[r.rng.IntN(4)]; most != "" {
		env = append(env, "TALLYSTICK_KERNELS="+most)
	}
	return r.tools[min(1, r.rng.IntN(5)/4)], env, args
}

// start prepares a process with means drawn anew.
func (r *metamorphicRun) start(args ...string) *exec.Cmd {
	tool, env, more := r.means()
	cmd := exec.Command(tool, append(args, more...)...)
	cmd.Env = append(os.Environ(), env...)
	fmt.Fprintf(&r.history, "%s %s\n", strings.Join(env, " "), strings.Join(cmd.Args, " "))
	return cmd
}

// plan makes the plan of a run that is done by tasks.
func (r *metamorphicRun) plan() {
	r.Helper()
	cmd := r.start(r.args("plan", r.in, r.out)...)
	if i := slices.IndexFunc(cmd.Args, func(a string) bool { return a == "--cache" || a == "--memory" }); i >= 0 {
		cmd.Args = cmd.Args[:i] // plan counts nothing and holds little
	}
	r.must(cmd)
}

func (r *metamorphicRun) must(cmd *exec.Cmd) {
	r.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		r.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
}

func (r *metamorphicRun) inOne() {
	r.must(r.start(r.args("run", r.in, r.out, "--max-rejects", "1000")...))
}

// resumed kills a run until it gets through, always with other means.
func (r *metamorphicRun) resumed() {
	r.Helper()
	for limit := 40 * time.Millisecond; ; limit = limit * 3 / 2 {
		cmd := r.start(r.args("run", r.in, r.out, "--resume", "--max-rejects", "1000")...)
		if r.killed(cmd, time.Duration(r.rng.Int64N(int64(limit)))) {
			return
		}
	}
}

// killed reports whether a process got to its end, without an error, before it was
// killed after d.
func (r *metamorphicRun) killed(cmd *exec.Cmd, d time.Duration) (done bool) {
	r.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		r.Errorf("%q: %v", cmd.Args, err)
		return true
	}
	killer := time.AfterFunc(d, func() { cmd.Process.Kill() })
	defer killer.Stop()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != -1) {
		r.Errorf("%q: %v\n%s", cmd.Args, err, &output)
	}
	return err == nil || r.Failed()
}

// stageJob is a call of stage.
type stageJob struct {
	name       task.Stage
	first, per int
}

// jobs cuts the tasks of a plan into jobs, some of which are there twice, and mixes
// them up, stage by stage.
func (r *metamorphicRun) jobs(out string) (stages [][]stageJob) {
	r.Helper()
	p, err := folder.LoadPlan(object.Join(out, task.PlanFile))
	if err != nil {
		r.Fatal(err)
	}
	for _, name := range (&task.Job{Plan: p}).Stages() {
		n, err := (&task.Job{Plan: p}).Tasks(name)
		if err != nil {
			r.Fatal(err)
		}
		var jobs []stageJob
		per := 1 + r.rng.IntN(n+2)
		for i := 0; i*per < n; i++ {
			jobs = append(jobs, stageJob{name, i, per})
			if r.rng.IntN(4) == 0 {
				jobs = append(jobs, stageJob{name, i, 1 + r.rng.IntN(1+per)})
				jobs[len(jobs)-1].first = min(i, (n-1)/jobs[len(jobs)-1].per)
			}
		}
		r.rng.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
		stages = append(stages, jobs)
	}
	return stages
}

// processes does tasks as processes, several at once, some of them twice, some
// killed and requeued, and one that is stopped in the middle and goes on when the
// run is finished.
func (r *metamorphicRun) processes() {
	r.Helper()
	r.plan()
	var zombie *exec.Cmd
	stages := r.jobs(r.out)
	stopIn := r.rng.IntN(2 * len(stages))
	for i, jobs := range stages {
		// What a process of its own may do is drawn here: the order in which
		// others end must not matter for what is drawn.
		type drawn struct {
			cmds []*exec.Cmd
			kill []time.Duration
		}
		var todo []drawn
		for _, j := range jobs {
			var d drawn
			for {
				d.cmds = append(d.cmds, r.start("stage", string(j.name), "--plan", object.Join(r.out, task.PlanFile), "--quiet",
					"--task", fmt.Sprint(j.first), "--tasks-per-job", fmt.Sprint(j.per), "--max-rejects", "1000"))
				after := time.Hour
				if kill := r.rng.IntN(4) == 0; kill && len(d.cmds) < 4 {
					after = time.Duration(r.rng.Int64N(int64(60 * time.Millisecond)))
					r.left = true
				}
				d.kill = append(d.kill, after)
				if after == time.Hour {
					break
				}
			}
			todo = append(todo, d)
		}
		if i == stopIn {
			j := jobs[0]
			zombie = r.start("stage", string(j.name), "--plan", object.Join(r.out, task.PlanFile), "--quiet",
				"--task", fmt.Sprint(j.first), "--tasks-per-job", fmt.Sprint(j.per), "--max-rejects", "1000")
			if err := zombie.Start(); err != nil {
				r.Fatal(err)
			}
			time.Sleep(time.Duration(r.rng.Int64N(int64(50 * time.Millisecond))))
			zombie.Process.Signal(syscall.SIGSTOP)
			r.left = true
			fmt.Fprintln(&r.history, "\tstopped until the run is finished")
		}
		var wg sync.WaitGroup
		at := make(chan drawn)
		for range 1 + r.rng.IntN(3) {
			wg.Go(func() {
				for d := range at {
					for k, cmd := range d.cmds {
						if r.killed(cmd, d.kill[k]) {
							break
						}
					}
				}
			})
		}
		for _, d := range todo {
			at <- d
		}
		close(at)
		wg.Wait()
		if r.Failed() {
			break
		}
	}
	if zombie != nil {
		zombie.Process.Signal(syscall.SIGCONT)
		if err := zombie.Wait(); err != nil && zombie.ProcessState.ExitCode() < 0 {
			r.Errorf("the late process: %v", err)
		}
	}
}

// errOverloaded is what a store that fails answers.
var errOverloaded = errors.New("503 slow down")

// failingStore is inProcess in a store with faults.
func (r *metamorphicRun) failingStore() {
	r.Helper()
	r.mem = store.NewMem()
	if r.rng.IntN(2) == 0 {
		r.mem.MaxRead = 1 + r.rng.IntN(5000)
	}
	if r.rng.IntN(3) == 0 {
		r.mem.Latency = time.Duration(r.rng.Int64N(int64(200 * time.Microsecond)))
	}
	r.inProcess()
	r.mem.Fail, r.mem.Latency = nil, 0
}

// inProcess does tasks in this process, several at once, some of them twice, with
// bounds on memory that no process could hold, until none fails.
func (r *metamorphicRun) inProcess() {
	r.Helper()
	r.left = true // the work files: nobody is asked to remove them
	r.plan()
	planned := filepath.Join(r.out, task.PlanFile)
	p, err := folder.LoadPlan(planned)
	if err != nil {
		r.Fatal(err)
	}
	stages := r.jobs(r.out)
	out := store.Store(store.NewLocal(r.out))
	if r.mem != nil {
		w, err := r.mem.Create(r.Context(), task.PlanFile)
		if err != nil {
			r.Fatal(err)
		}
		w.Write(readFile(r.T, planned))
		if err := w.Commit(); err != nil {
			r.Fatal(err)
		}
		out = r.mem
		dice := rand.New(rand.NewPCG(r.rng.Uint64(), 1))
		often := 20 + dice.IntN(300)
		r.mem.Fail = func(op store.Op, _ string) error {
			n := often
			if op == store.OpRead {
				n *= 10
			}
			if dice.IntN(n) == 0 {
				often += 1 + often/10 // a task that asks a thousand times must end, too
				return errOverloaded
			}
			return nil
		}
	}
	counters, err := request.OpenCounters(p, nil, request.Means{Engine: "native", Workers: 4, CacheBytes: int64(r.rng.IntN(2)) << 16})
	if err != nil {
		r.Fatal(err)
	}
	for _, jobs := range stages {
		var wg sync.WaitGroup
		at := make(chan func())
		for range 1 + r.rng.IntN(4) {
			wg.Go(func() {
				for do := range at {
					do()
				}
			})
		}
		for _, j := range jobs {
			job := &task.Job{
				Plan: p, Out: out, Dir: r.out, Scratch: r.dir, Counters: forStage(counters), Parser: "native",
				Workers: 1 + r.rng.IntN(4), Memory: []int64{0, 1, 1 << 14, 1 << 18, 1 << 30}[r.rng.IntN(5)],
			}
			if (j.name == task.Decide || j.name == task.Resolve) && job.Memory > 0 {
				job.Memory = engine.LeastMemory // it refuses what it cannot keep to
			}
			if r.rng.IntN(2) == 0 && simdjsonHere() {
				job.Parser = "simdjson"
			}
			fmt.Fprintf(&r.history, "%+v: parser %s, %d workers, memory %d\n", j, job.Parser, job.Workers, job.Memory)
			at <- func() { r.doJob(job, j) }
		}
		close(at)
		wg.Wait()
		if r.Failed() {
			return
		}
	}
}

// doJob does the tasks of a job, each until its store does not fail.
func (r *metamorphicRun) doJob(job *task.Job, j stageJob) {
	n, _ := job.Tasks(j.name)
	for task := j.first * j.per; task < min(n, (j.first+1)*j.per); task++ {
		for tries := 0; ; tries++ {
			_, _, err := stage.Do(context.Background(), job, j.name, task)
			if err == nil {
				break
			}
			if !errors.Is(err, errOverloaded) || tries == 2000 {
				r.Errorf("%s task %d: %v", j.name, task, err)
				return
			}
		}
	}
}

func forStage(counters []*tokenize.Counter) (out []task.Counter) {
	for _, c := range counters {
		out = append(out, c)
	}
	return out
}

func (r *metamorphicRun) client() *s3.Client {
	r.Helper()
	client, err := s3.Connect(s3.Options{
		Endpoint: r.s3.Endpoint, Credentials: credentials.NewStaticV4(r.s3.AccessKey, r.s3.SecretKey, ""),
	})
	if err != nil {
		r.Fatal(err)
	}
	return client
}

// bucketRun is resumed or processes in a real S3 server, or in a folder where there
// is none.
func (r *metamorphicRun) bucketRun() {
	r.Helper()
	if r.s3 != nil {
		r.out = "s3://runs/" + filepath.Base(r.dir)
		r.left = true
	}
	if r.rng.IntN(2) == 0 {
		r.processes()
	} else {
		r.resumed()
	}
}
