// Package engine composes the stages of a job: it makes the plan, runs the
// tasks in this process or one at a time, and writes what describes a run
// rather than decides it (timings.json, report.html).
package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// RunOptions say what to do with an output folder that is in use.
type RunOptions struct {
	Out      string
	Resume   bool // go on with an unfinished run of the same plan
	Force    bool // replace an earlier run
	KeepWork bool // keep the files passed between stages
	Strict   bool // fail before a tally is written if there is an alarm

	// Of tasks alone: scan writes its keys as Parquet, match reads what an
	// engine made of them, a file, folder or glob.
	ParquetKeys bool
	Candidates  string
}

// Result is a finished run.
type Result struct {
	Plan     plan.Plan
	Manifest manifest.Manifest
	Timings  []Timing
	Dir      string

	report report.Data
}

// Run does the whole job in this process.
func Run(ctx context.Context, r Rules, m Means, o RunOptions) (Result, error) {
	if err := m.checkMemory(); err != nil {
		return Result{}, err
	}
	defer m.bound()()
	if object.IsName(o.Out) {
		return runRemote(ctx, r, m, o)
	}
	release, err := occupy(o.Out, "run")
	if err != nil {
		return Result{}, err
	}
	defer release()
	p, err := prepare(ctx, r, m, o)
	if err != nil {
		return Result{}, err
	}
	job, err := newJob(p.Plan, p.Counters, m, o.Out)
	if err != nil {
		return Result{}, err
	}
	job.Strict = o.Strict
	if o.Resume && sealed(ctx, job.Plan, o.Out) {
		if m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("the run in %s is finished and whole", o.Out))
		}
		if o.Strict {
			if err := refuseAlarms(o.Out); err != nil {
				return Result{}, err
			}
		}
		return finish(ctx, job, m, oldTimings(job), o)
	}
	timings, err := runStages(ctx, job, p.Timing, m)
	if err != nil {
		return Result{}, err
	}
	return finish(ctx, job, m, timings, o)
}

// runStages does all stages, and returns their timings after that of planning.
func runStages(ctx context.Context, job *stage.Job, planning Timing, m Means) ([]Timing, error) {
	timings := []Timing{planning}
	for _, name := range stage.Order {
		t, err := runStage(ctx, job, name, m)
		if err != nil {
			return nil, err
		}
		timings = append(timings, t)
	}
	return timings, nil
}

// sealed reports whether dir holds the finished run of a plan: its manifest
// and every file that it lists.
func sealed(ctx context.Context, p plan.Plan, dir string) bool {
	m, err := ReadManifest(dir)
	if err != nil || m.RunID != p.RunID {
		return false
	}
	out := store.NewLocal(dir)
	for _, f := range m.Files {
		if sum, err := stage.Digest(ctx, out, f.Path); err != nil || manifest.File(sum) != f {
			return false
		}
	}
	return true
}

// oldTimings are those that a finished run left, if they can be read: nothing
// depends on them.
func oldTimings(job *stage.Job) []Timing {
	t, err := readTimings(job.Dir)
	if err != nil || t.RunID != job.Plan.RunID {
		return nil
	}
	return t.Stages
}

// Prepare makes the output folder and plan.json in it, or finds the plan of an
// unfinished run there.
func Prepare(ctx context.Context, r Rules, m Means, o RunOptions) (Prepared, error) {
	if object.IsName(o.Out) {
		return prepareRemote(ctx, r, m, o)
	}
	release, err := occupy(o.Out, "plan")
	if err != nil {
		return Prepared{}, err
	}
	defer release()
	return prepare(ctx, r, m, o)
}

// prepare is Prepare for who occupies the folder.
func prepare(ctx context.Context, r Rules, m Means, o RunOptions) (Prepared, error) {
	fail := func(err error) (Prepared, error) { return Prepared{}, err }
	if o.Out == "" {
		return fail(fmt.Errorf("%w: the output folder needs a name", doc.ErrUsage))
	}
	planPath := filepath.Join(o.Out, stage.PlanFile)
	entries, err := os.ReadDir(o.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("%w: output folder: %v", doc.ErrUsage, err))
	}
	var old *plan.Plan
	replace := false
	switch {
	case !inUse(entries):
		if err := emptyWork(o.Out); err != nil {
			return fail(err)
		}
	case o.Resume:
		p, err := LoadPlan(planPath)
		if err != nil {
			return fail(fmt.Errorf("resume: %w", err))
		}
		old = &p
	case o.Force:
		if _, err := os.Stat(planPath); err != nil {
			return fail(fmt.Errorf("%w: %s is not empty and holds no run; --force replaces a run, never other files", doc.ErrUsage, o.Out))
		}
		replace = true
		// The copy of another standard input is not to be taken for ours.
		if err := os.Remove(spoolPath(o.Out)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(fmt.Errorf("work folder: %w", err))
		}
	default:
		return fail(fmt.Errorf("%w: output folder %s is not empty (--resume goes on with it, --force replaces the run in it)", doc.ErrUsage, o.Out))
	}
	// Nobody else writes here now, so unfinished files have been left behind.
	if _, err := store.NewLocal(o.Out).Sweep(ctx, 0); err != nil {
		return fail(fmt.Errorf("output folder: %w", err))
	}
	_, noCopy := os.Stat(spoolPath(o.Out))
	p, err := MakePlan(ctx, r, m, o.Out)
	if err != nil {
		return fail(err)
	}
	if old != nil {
		if old.RunID != p.Plan.RunID {
			if noCopy != nil { // what was just read from standard input is not the run's
				os.Remove(spoolPath(o.Out))
			}
			return fail(fmt.Errorf("resume: %w: %s was made from other inputs or rules (--force replaces the run)", doc.ErrInputChanged, planPath))
		}
		return p, nil
	}
	// Not before the new run has a plan: a misspelt input must not cost the
	// old one.
	if replace {
		if err := clearRun(o.Out); err != nil {
			return fail(fmt.Errorf("replace the run in %s: %w", o.Out, err))
		}
	}
	if err := os.MkdirAll(o.Out, 0o777); err != nil {
		return fail(fmt.Errorf("output folder: %w", err))
	}
	return p, writePlan(ctx, o.Out, p.Plan)
}

// inUse reports whether a folder holds more than a run leaves that is killed
// before it has a plan.
func inUse(entries []fs.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() != stage.WorkDir && !strings.HasPrefix(e.Name(), store.TempPrefix)
	})
}

func writePlan(ctx context.Context, dir string, p plan.Plan) error {
	return stage.WriteJSON(ctx, store.NewLocal(dir), stage.PlanFile, p)
}

// clearRun removes what a run writes, and nothing else, from dir, but for the
// copy of standard input. The manifest goes first: without it the folder is no
// finished run. The plan goes last: without it the folder is no run that could
// be replaced.
func clearRun(dir string) error {
	names := append([]string{}, manifest.Unlisted...)
	names = append(names, alarm.Name, audit.Name, "tally.jsonl", "tally.parquet", "rejects.jsonl", "decisions", "bitmaps", "index", sweepable.Dir)
	for _, stageName := range stage.Order {
		names = append(names, filepath.Join(stage.WorkDir, string(stageName)))
	}
	for _, n := range append(names, stage.PlanFile) {
		if err := os.RemoveAll(filepath.Join(dir, n)); err != nil {
			return err
		}
	}
	return nil
}

func newJob(p plan.Plan, counters []*tokenize.Counter, m Means, dir string) (*stage.Job, error) {
	if err := os.MkdirAll(filepath.Join(dir, stage.WorkDir), 0o777); err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return &stage.Job{
		Plan: p, Out: store.NewLocal(dir), Dir: dir, Counters: forStage(counters),
		Parser: m.Parser, Workers: m.Workers, Memory: m.Memory, Flows: newFlows(m),
	}, nil
}

// runStage does every task of a stage that is not done yet, on all workers.
func runStage(ctx context.Context, job *stage.Job, name stage.Name, m Means) (Timing, error) {
	tasks, err := job.Tasks(name)
	if err != nil {
		return Timing{}, err
	}
	var total int64
	unit := "tasks"
	switch name {
	case stage.Scan:
		unit = "bytes"
		for _, s := range job.Plan.Shards {
			if s.Index == "" { // else there is nothing to parse
				total += s.Length
			}
		}
	case stage.Resolve:
		unit = "bytes" // of the texts to compare; how many is not known before
	case stage.Tally:
		unit = "documents"
	default:
		total = int64(tasks)
	}
	track := start(m.Progress, string(name), total, unit)
	stopWatching := track.watch()
	defer stopWatching()
	job.Advance = nil
	if unit != "tasks" {
		job.Advance = track.add
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(job.AtOnce(name))
	var bytes atomic.Int64
	space := watchSpace(&job.Plan, job.Dir, m.Progress)
	for i := range tasks {
		group.Go(func() error {
			rec, fresh, err := doTask(ctx, job, name, i)
			if err != nil {
				return err
			}
			if name == stage.Scan {
				space.add(job.Plan.Shards[i].Length, &rec)
			}
			switch {
			case unit == "tasks":
				track.add(1)
			case !fresh && name == stage.Scan && job.Plan.Shards[i].Index == "":
				track.add(job.Plan.Shards[i].Length)
			}
			bytes.Add(rec.Bytes)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Timing{}, err
	}
	stopWatching()
	return track.end(tasks, bytes.Load()), nil
}

// finish describes a sealed run and removes the work folder.
func finish(ctx context.Context, job *stage.Job, m Means, timings []Timing, o RunOptions) (Result, error) {
	res := Result{Plan: job.Plan, Timings: timings, Dir: o.Out}
	b, err := os.ReadFile(filepath.Join(o.Out, manifest.Name))
	if err != nil {
		return res, err
	}
	if res.Manifest, err = manifest.Parse(b); err != nil {
		return res, err
	}
	if note := unseenNote(res.Manifest.UnseenSources); note != "" && m.Progress != nil {
		m.Progress.Notice(note)
	}
	if err := describe(ctx, job, m, &res); err != nil {
		return res, err
	}
	// Tasks that were killed may have left unfinished files; those of tasks that
	// are late are still written to.
	age := time.Duration(0)
	if othersRun(o.Out) {
		age = lease.Lost
	}
	if _, err := store.NewLocal(o.Out).Sweep(ctx, age); err != nil {
		return res, err
	}
	if o.KeepWork {
		return res, nil
	}
	err = emptyWork(o.Out)
	os.Remove(filepath.Join(o.Out, stage.WorkDir)) // unless this process holds the lock in it, until it leaves
	return res, err
}

// ReadManifest reads the manifest of a finished run.
func ReadManifest(dir string) (manifest.Manifest, error) {
	b, err := readAnywhere(object.Join(dir, manifest.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return manifest.Manifest{}, fmt.Errorf("%w: %s holds no finished run (no %s)", doc.ErrInput, dir, manifest.Name)
	}
	if err != nil {
		return manifest.Manifest{}, err
	}
	return manifest.Parse(b)
}
