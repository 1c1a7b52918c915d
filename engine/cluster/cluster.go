// Package cluster writes the jobs that do a plan's tasks on the schedulers
// people already run: sbatch scripts for Slurm, Indexed Jobs for Kubernetes, a
// workflow for Argo.
// It runs nothing itself. What a job does is one call of `tallystick stage`,
// which does again nothing that is done; so every job can be repeated, killed
// and requeued.
package cluster

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/internal/display"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

// File is one file of a set of jobs.
type File struct {
	Name string
	Mode fs.FileMode
	Data []byte
}

// Size says how jobs are cut and what each may use. Zero values ask for the
// package's choice.
type Size struct {
	TasksPerJob int           // of scan, match and tally
	CPUs        int           // of a job; 0: DefaultCPUs
	Memory      int64         // bytes, of a job
	Time        time.Duration // of a job
	MostJobs    int           // of one stage; 0: DefaultMostJobs
	// Estimate of the plan, if one was made: where memory and time come from.
	Estimate *estimate.File
}

const (
	// DefaultCPUs of a job.
	DefaultCPUs = 4
	// DefaultMostJobs of a stage: Slurm's own limit (MaxArraySize) is 1,001
	// where nobody changed it.
	DefaultMostJobs = 1000
)

// Stage is the jobs of one stage.
type Stage struct {
	Name    task.Stage
	Tasks   int
	PerJob  int // tasks of a job; the last may have fewer
	Jobs    int
	CPUs    int
	Memory  int64         // bytes
	Bound   int64         // that its processes hold to, bytes; 0: none
	Time    time.Duration // limit; whole minutes
	RunID   string        // of the plan
	Counts  bool          // its jobs need the tokenizer
	Deletes bool          // its job is the last of all
}

// MiB is the stage's memory, as both schedulers take it.
func (s Stage) MiB() int64 { return (s.Memory + 1<<20 - 1) >> 20 }

// Last is the number of the last job.
func (s Stage) Last() int { return s.Jobs - 1 }

// Stages cuts the tasks of a plan into jobs, in the order in which the stages
// must run. Stages without tasks, as scan of an empty corpus, are left out.
//
// A job has as many tasks as CPUs, of decide one, or more where a stage would have more
// than MostJobs jobs. What it may use comes from the plan's estimate, with a margin;
// where none was made, it is supposed, generously, from the size of the inputs.
// A bound on memory that was estimated with is one for the jobs.
func Stages(p plan.Plan, size Size) ([]Stage, error) {
	cpus, most := size.CPUs, size.MostJobs
	if cpus == 0 {
		cpus = DefaultCPUs
	}
	if most == 0 {
		most = DefaultMostJobs
	}
	if cpus < 1 || most < 1 || size.TasksPerJob < 0 || size.Memory < 0 || size.Time < 0 {
		return nil, fmt.Errorf("%w: a job has at least one task and CPU, and a stage at least one job", doc.ErrUsage)
	}
	guess := guessOf(&p)
	var out []Stage
	for _, name := range task.Order {
		tasks, err := (&task.Job{Plan: p}).Tasks(name)
		if err != nil {
			return nil, err
		}
		if tasks == 0 {
			continue
		}
		s := Stage{Name: name, Tasks: tasks, CPUs: cpus, RunID: p.RunID, Counts: name == task.Scan, Deletes: name == task.Seal}
		s.PerJob = max(cpus, (tasks+most-1)/most)
		switch {
		case name == task.Decide: // parallel inside
			s.PerJob = (tasks + most - 1) / most
		case size.TasksPerJob > 0:
			s.PerJob = size.TasksPerJob
		}
		s.PerJob = min(s.PerJob, tasks)
		s.Jobs = (tasks + s.PerJob - 1) / s.PerJob
		if s.Jobs > most {
			return nil, fmt.Errorf("%w: stage %s has %d tasks: %d to a job make %d jobs, more than the %d allowed", doc.ErrUsage, name, tasks, s.PerJob, s.Jobs, most)
		}
		if name == task.Seal {
			s.CPUs = 1
		}
		if size.Estimate != nil {
			s.Memory, s.Time = size.Estimate.Job(p, name, s.PerJob, s.CPUs)
			s.Bound = size.Estimate.Fleet.Memory
		} else {
			s.Memory, s.Time = guess.of(&s)
		}
		if size.Memory > 0 {
			if size.Memory < s.Bound {
				return nil, fmt.Errorf("%w: a job with %d MiB is too small for processes bounded to %d MiB, for which the plan was estimated: give jobs at least as much, or plan again with --estimate and a lower --memory",
					doc.ErrUsage, size.Memory>>20, s.Bound>>20)
			}
			s.Memory = size.Memory
		}
		if size.Time > 0 {
			s.Time = size.Time
		}
		s.Time = (s.Time + time.Minute - 1).Truncate(time.Minute)
		out = append(out, s)
	}
	return out, nil
}

// LastTask is the number of the last task.
func (s Stage) LastTask() int { return s.Tasks - 1 }

// WriteTable shows people what Stages made.
func WriteTable(w io.Writer, stages []Stage) error {
	t := display.Table{Head: []string{"stage", "tasks", "jobs", "tasks a job", "CPUs", "MiB", "limit"}, Right: []bool{false, true, true, true, true, true, true}}
	count := func(n int) string { return display.Count(uint64(n)) }
	for _, s := range stages {
		t.Add(string(s.Name), count(s.Tasks), count(s.Jobs), count(s.PerJob), count(s.CPUs), display.Count(uint64(s.MiB())), strings.TrimSuffix(s.Time.String(), "0s"))
	}
	return t.Write(w, 0)
}

//go:embed templates
var templateFiles embed.FS

// Not parsed at the start of every command.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"sh": ShellQuote, "json": jsonQuote, "slurmTime": slurmTime, "slurmPath": slurmPath,
	}).ParseFS(templateFiles, "templates/*"))
})

// fill executes a template.
func fill(name string, mode fs.FileMode, templateName string, data any) (File, error) {
	var b strings.Builder
	if err := templates().ExecuteTemplate(&b, templateName, data); err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	return File{Name: name, Mode: mode, Data: []byte(b.String())}, nil
}

// ShellQuote makes s one word of a POSIX shell.
func ShellQuote(s string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// checkText refuses what no line of a job's file can hold.
func checkText(what, s string) error {
	if strings.ContainsAny(s, "\n\r\x00") {
		return fmt.Errorf("%w: %s %q: a line ends in it", doc.ErrUsage, what, s)
	}
	return nil
}

// IsObject reports whether a name is that of an object in a store, such as
// s3://bucket/out, and so the same everywhere.
func IsObject(name string) bool { return strings.Contains(name, "://") }

// checkPath refuses a path that jobs could not find.
func checkPath(what, s string) error {
	if !path.IsAbs(s) && !IsObject(s) {
		return fmt.Errorf("%w: %s %q is no absolute path", doc.ErrUsage, what, s)
	}
	return checkText(what, s)
}
