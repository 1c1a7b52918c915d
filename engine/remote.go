package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// remote is an output folder in an object store. Stages read and write it
// through its store; what they keep for themselves is in a local folder. A
// store has no locks: the plan is created once, tasks that are done twice give
// the same bytes, and a task whose plan was replaced changes nothing.
type remote struct {
	store.Store
	url     string
	scratch string // local, of this process
}

// openRemote opens an output folder for which object.IsName holds.
func openRemote(url string) (*remote, error) {
	s, err := store.At(url)
	if err != nil {
		return nil, fmt.Errorf("%w: output folder: %w", doc.ErrUsage, err)
	}
	scratch, err := os.MkdirTemp("", "tallystick-")
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	return &remote{s, strings.TrimSuffix(url, "/"), scratch}, nil
}

// OpenPart implements store.PartOpener.
func (o *remote) OpenPart(ctx context.Context, name string) (store.File, error) {
	return store.OpenPart(ctx, o.Store, name)
}

func (o *remote) close() { os.RemoveAll(o.scratch) }

// atOnce is how many requests are made at once where each is for one file.
const atOnce = 32

// runRemote is Run for an object store.
func runRemote(ctx context.Context, r Rules, m Means, opt RunOptions) (Result, error) {
	o, err := openRemote(opt.Out)
	if err != nil {
		return Result{}, err
	}
	defer o.close()
	p, err := o.prepare(ctx, r, m, opt)
	if err != nil {
		return Result{}, err
	}
	job := o.job(ctx, p.Plan, p.Counters, m, opt.Strict)
	if opt.Resume && o.sealed(ctx, p.Plan) {
		if m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("the run in %s is finished and whole", o.url))
		}
		if opt.Strict {
			if err := o.refuseAlarms(ctx); err != nil {
				return Result{}, err
			}
		}
		return o.finish(ctx, job, m, nil, opt)
	}
	timings, err := runStages(ctx, job, p.Timing, m)
	if err != nil {
		return Result{}, err
	}
	return o.finish(ctx, job, m, timings, opt)
}

// prepareRemote is Prepare for an object store.
func prepareRemote(ctx context.Context, r Rules, m Means, opt RunOptions) (Prepared, error) {
	o, err := openRemote(opt.Out)
	if err != nil {
		return Prepared{}, err
	}
	defer o.close()
	return o.prepare(ctx, r, m, opt)
}

func (o *remote) prepare(ctx context.Context, r Rules, m Means, opt RunOptions) (Prepared, error) {
	fail := func(err error) (Prepared, error) { return Prepared{}, err }
	if slices.Contains(r.Inputs, "-") {
		return fail(fmt.Errorf("%w: standard input is kept in the output folder, which must be local for that; copy it to %s first", doc.ErrUsage, o.url))
	}
	entries, err := o.List(ctx, "")
	if err != nil {
		return fail(fmt.Errorf("output folder: %w", err))
	}
	used := slices.ContainsFunc(entries, func(e store.Entry) bool { return !isWork(e.Name) })
	hasPlan := slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Name == stage.PlanFile })
	var old *plan.Plan
	switch {
	case !used:
	case opt.Resume:
		p, err := LoadPlan(object.Join(o.url, stage.PlanFile))
		if err != nil {
			return fail(fmt.Errorf("resume: %w", err))
		}
		old = &p
	case opt.Force && hasPlan:
	case opt.Force:
		return fail(fmt.Errorf("%w: %s is not empty and holds no run; --force replaces a run, never other files", doc.ErrUsage, o.url))
	default:
		return fail(fmt.Errorf("%w: output folder %s is not empty (--resume goes on with it, --force replaces the run in it)", doc.ErrUsage, o.url))
	}
	p, err := MakePlan(ctx, r, m, "")
	if err != nil {
		return fail(err)
	}
	if old != nil {
		if old.RunID != p.Plan.RunID {
			return fail(fmt.Errorf("resume: %w: %s was made from other inputs or rules (--force replaces the run)", doc.ErrInputChanged, object.Join(o.url, stage.PlanFile)))
		}
		return p, nil
	}
	// The manifest goes first: without it, there is no finished run. The plan
	// goes last: without it, there is no run that could be replaced.
	var files []string
	for _, e := range entries {
		if isOfRun(e.Name) && e.Name != manifest.Name && e.Name != stage.PlanFile {
			files = append(files, e.Name)
		}
	}
	for _, names := range [][]string{{manifest.Name}, files, {stage.PlanFile}} {
		if !used && !slices.ContainsFunc(names, isWork) {
			continue
		}
		if err := o.remove(ctx, names); err != nil {
			return fail(fmt.Errorf("replace the run in %s: %w", o.url, err))
		}
	}
	return p, o.createPlan(ctx, p.Plan)
}

func isWork(name string) bool { return strings.HasPrefix(name, stage.WorkDir+"/") }

// isOfRun reports whether a run writes a file of that name.
func isOfRun(name string) bool {
	first, _, below := strings.Cut(name, "/")
	if below {
		return slices.Contains([]string{stage.WorkDir, "decisions", "bitmaps", "index", sweepable.Dir}, first)
	}
	return slices.Contains(manifest.Unlisted, name) ||
		slices.Contains([]string{stage.PlanFile, alarm.Name, audit.Name, "tally.jsonl", "tally.parquet", "rejects.jsonl"}, name)
}

func (o *remote) remove(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, n := range names {
		group.Go(func() error { return o.Remove(ctx, n) })
	}
	return group.Wait()
}

// createPlan writes the plan, unless somebody else was faster.
func (o *remote) createPlan(ctx context.Context, p plan.Plan) error {
	err := stage.WriteNewJSON(ctx, o, stage.PlanFile, p)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: another run has just begun in %s", doc.ErrInUse, o.url)
	}
	return err
}

func (o *remote) job(ctx context.Context, p plan.Plan, counters []*tokenize.Counter, m Means, strict bool) *stage.Job {
	return &stage.Job{
		Plan: p, Out: o, Dir: o.url, Scratch: o.scratch, Counters: forStage(counters),
		Parser: m.Parser, Workers: m.Workers, Memory: m.Memory, Flows: newFlows(m), Strict: strict,
		Fence: func() error {
			f, err := o.Open(ctx, stage.PlanFile)
			if err != nil {
				return fmt.Errorf("the plan, while the task ran: %w", err)
			}
			defer f.Close()
			return fenceAt(f, object.Join(o.url, stage.PlanFile), p.RunID)
		},
	}
}

// sealed reports whether the store holds the finished run of p: its manifest
// and every file that it lists.
func (o *remote) sealed(ctx context.Context, p plan.Plan) bool {
	m, err := o.manifest(ctx)
	if err != nil || m.RunID != p.RunID {
		return false
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, f := range m.Files {
		group.Go(func() error {
			sum, err := stage.Digest(ctx, o, f.Path)
			if err == nil && manifest.File(sum) != f {
				err = doc.ErrCorrupt
			}
			return err
		})
	}
	return group.Wait() == nil
}

func (o *remote) read(ctx context.Context, name string) ([]byte, error) {
	f, err := o.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func (o *remote) manifest(ctx context.Context) (manifest.Manifest, error) {
	b, err := o.read(ctx, manifest.Name)
	if err != nil {
		return manifest.Manifest{}, err
	}
	return manifest.Parse(b)
}

// refuseAlarms is that of a local run.
func (o *remote) refuseAlarms(ctx context.Context) error {
	b, err := o.read(ctx, alarm.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := alarm.Parse(b)
	if err != nil || f.Raised() == 0 {
		return err
	}
	return &alarm.ErrRaised{File: f, Path: object.Join(o.url, alarm.Name), Finished: true}
}

// finish describes a sealed run, from local copies of what the report shows,
// and removes the work files.
func (o *remote) finish(ctx context.Context, job *stage.Job, m Means, timings []Timing, opt RunOptions) (Result, error) {
	res := Result{Plan: job.Plan, Timings: timings, Dir: o.url}
	var err error
	if res.Manifest, err = o.manifest(ctx); err != nil {
		return res, err
	}
	entries, err := o.List(ctx, "")
	if err != nil {
		return res, err
	}
	local := *job
	local.Dir = filepath.Join(o.scratch, "report")
	local.Out = store.NewLocal(local.Dir)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var work []string
	for _, e := range entries {
		if isWork(e.Name) {
			work = append(work, e.Name)
		}
		if records := strings.HasSuffix(e.Name, ".done.json"); records || isOfRun(e.Name) && !isWork(e.Name) && !strings.HasPrefix(e.Name, sweepable.Dir+"/") {
			group.Go(func() error { return copyFile(groupCtx, local.Out, o, e.Name) })
		}
	}
	if err := group.Wait(); err != nil {
		return res, fmt.Errorf("report: %w", err)
	}
	if timings == nil {
		res.Timings = oldTimings(&local)
	}
	if err := describe(ctx, &local, m, &res); err != nil {
		return res, err
	}
	res.report.Dir = o.url
	for _, name := range []string{timingsFile, reportFile} {
		if err := copyFile(ctx, o, local.Out, name); err != nil {
			return res, err
		}
	}
	// Others may still write, who are late; they are not waited for.
	if _, err := o.Sweep(ctx, lease.Lost); err != nil || opt.KeepWork {
		return res, err
	}
	return res, o.remove(ctx, work)
}

func copyFile(ctx context.Context, to, from store.Store, name string) error {
	f, err := from.Open(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := to.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	return w.Commit()
}

// runTasksRemote is RunTasks for an object store.
func runTasksRemote(ctx context.Context, p plan.Plan, counters []*tokenize.Counter, m Means, opt RunOptions, name stage.Name, first, n int) ([]stage.Record, error) {
	o, err := openRemote(opt.Out)
	if err != nil {
		return nil, err
	}
	defer o.close()
	recs := make([]stage.Record, n)
	if o.sealed(ctx, p) { // a scheduler repeats tasks, also when all are done
		for i := range recs {
			recs[i] = stage.Record{Stage: name, Task: first + i, RunID: p.RunID}
		}
		if name == stage.Seal && opt.Strict {
			return recs, o.refuseAlarms(ctx)
		}
		return recs, nil
	}
	job := o.job(ctx, p, counters, m, opt.Strict)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(job.AtOnce(name))
	for i := range recs {
		group.Go(func() (err error) {
			recs[i], _, err = stage.Do(groupCtx, job, name, first+i)
			return err
		})
	}
	if err := group.Wait(); err != nil || name != stage.Seal {
		return recs, err
	}
	timings, err := taskTimings(ctx, job)
	if err != nil {
		return recs, err
	}
	_, err = o.finish(ctx, job, m, timings, opt)
	return recs, err
}
