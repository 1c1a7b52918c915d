package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// Remote is an output folder in an object store. Stages read and write it
// through its store; what they keep for themselves is in a local folder. Its
// leases are objects. Where they err, the plan is created once, tasks that are
// done twice give the same bytes, and a task whose plan was replaced changes
// nothing.
type Remote struct {
	lease.Store
	URL     string
	Scratch string // local, of this process
}

// OpenRemote opens an output folder for which object.IsName holds.
func OpenRemote(url string) (*Remote, error) {
	s, err := leasesAt(url)
	if err != nil {
		return nil, fmt.Errorf("%w: output folder: %w", doc.ErrUsage, err)
	}
	scratch, err := os.MkdirTemp("", "tallystick-")
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	return &Remote{s, strings.TrimSuffix(url, "/"), scratch}, nil
}

func leasesAt(url string) (lease.Store, error) {
	s, err := store.At(url)
	if err != nil {
		return nil, err
	}
	leases, ok := s.(lease.Store)
	if !ok {
		return nil, fmt.Errorf("%s: its store writes nothing on conditions: %w", url, errors.ErrUnsupported)
	}
	return leases, nil
}

// OpenPart implements store.PartOpener.
func (o *Remote) OpenPart(ctx context.Context, name string) (store.File, error) {
	return store.OpenPart(ctx, o.Store, name)
}

// Close removes what is kept here.
func (o *Remote) Close() { os.RemoveAll(o.Scratch) }

// atOnce is how many requests are made at once where each is for one file.
const atOnce = 32

func isWork(name string) bool { return strings.HasPrefix(name, task.WorkDir+"/") }

// isOfRun reports whether a run writes a file of that name.
func isOfRun(name string) bool {
	first, _, below := strings.Cut(name, "/")
	if below {
		return first == task.WorkDir || slices.Contains(runFolders, first)
	}
	return name == task.PlanFile || slices.Contains(manifest.Unlisted, name) || slices.Contains(runFiles, name)
}

func (o *Remote) remove(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, n := range names {
		group.Go(func() error { return o.Remove(ctx, n) })
	}
	return group.Wait()
}

// createPlan writes the plan, unless somebody else was faster.
func (o *Remote) createPlan(ctx context.Context, p plan.Plan) error {
	err := task.WriteNewJSON(ctx, o, task.PlanFile, p)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: another run has just begun in %s", doc.ErrInUse, o.URL)
	}
	return err
}

// Sealed reports whether the store holds the finished run of p: its manifest
// and every file that it lists.
func (o *Remote) Sealed(ctx context.Context, p plan.Plan) bool {
	m, err := o.Manifest(ctx)
	if err != nil || m.RunID != p.RunID {
		return false
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, f := range m.Files {
		group.Go(func() error {
			sum, err := task.Digest(ctx, o, f.Path)
			if err == nil && manifest.File(sum) != f {
				err = doc.ErrCorrupt
			}
			return err
		})
	}
	return group.Wait() == nil
}

// Settled is the function of that name for a store.
func (o *Remote) Settled(ctx context.Context, p plan.Plan) bool {
	records, err := o.List(ctx, task.WorkPath(task.Seal, 0, ""))
	return err == nil && len(records) == 0 && o.Sealed(ctx, p)
}

func (o *Remote) read(ctx context.Context, name string) ([]byte, error) {
	f, err := o.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Manifest reads the manifest.
func (o *Remote) Manifest(ctx context.Context) (manifest.Manifest, error) {
	b, err := o.read(ctx, manifest.Name)
	if err != nil {
		return manifest.Manifest{}, err
	}
	return manifest.Parse(b)
}

// RefuseAlarms is the function of that name for a store.
func (o *Remote) RefuseAlarms(ctx context.Context) error {
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
	return &alarm.ErrRaised{File: f, Path: object.Join(o.URL, alarm.Name), Finished: true}
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

// ClaimedRemote is Claimed for an object store.
type ClaimedRemote struct {
	in      *Remote
	resumed *plan.Plan // of the run that goes on
	used    bool       // by more than the work files of a run without a plan
	entries []store.Entry
}

// Claim is the function of that name for a store.
func (o *Remote) Claim(ctx context.Context, resume, force bool) (*ClaimedRemote, error) {
	c := &ClaimedRemote{in: o}
	var err error
	if c.entries, err = o.List(ctx, ""); err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	c.used = slices.ContainsFunc(c.entries, func(e store.Entry) bool { return !isWork(e.Name) })
	hasPlan := slices.ContainsFunc(c.entries, func(e store.Entry) bool { return e.Name == task.PlanFile })
	switch {
	case !c.used:
	case resume:
		p, err := LoadPlan(object.Join(o.URL, task.PlanFile))
		if err != nil {
			return nil, fmt.Errorf("resume: %w", err)
		}
		c.resumed = &p
	case force && hasPlan:
	case force:
		return nil, fmt.Errorf("%w: %s is not empty and holds no run; --force replaces a run, never other files", doc.ErrUsage, o.URL)
	default:
		return nil, errNotEmpty(o.URL)
	}
	return c, nil
}

// Begin is the method of that name for a store.
func (c *ClaimedRemote) Begin(ctx context.Context, p plan.Plan) error {
	if c.resumed != nil {
		if c.resumed.RunID != p.RunID {
			return fmt.Errorf("resume: %w: %s was made from other inputs or rules (--force replaces the run)", doc.ErrInputChanged, object.Join(c.in.URL, task.PlanFile))
		}
		return nil
	}
	// The manifest goes first: without it, there is no finished run. The plan
	// goes last: without it, there is no run that could be replaced.
	var files []string
	for _, e := range c.entries {
		if isOfRun(e.Name) && e.Name != manifest.Name && e.Name != task.PlanFile && e.Name != lockObject {
			files = append(files, e.Name)
		}
	}
	for _, names := range [][]string{{manifest.Name}, files, {task.PlanFile}} {
		if !c.used && !slices.ContainsFunc(names, isWork) {
			continue
		}
		if err := c.in.remove(ctx, names); err != nil {
			return fmt.Errorf("replace the run in %s: %w", c.in.URL, err)
		}
	}
	return c.in.createPlan(ctx, p)
}

// Fence is the function of that name for a store.
func (o *Remote) Fence(ctx context.Context, runID string) error {
	f, err := o.Open(ctx, task.PlanFile)
	if err != nil {
		return fmt.Errorf("the plan, while the task ran: %w", err)
	}
	defer f.Close()
	return fenceAt(f, object.Join(o.URL, task.PlanFile), runID)
}

// CopyRun copies what a report shows of a finished run to another store, and
// returns the names of the work files.
func (o *Remote) CopyRun(ctx context.Context, to store.Store) (work []string, err error) {
	entries, err := o.List(ctx, "")
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, e := range entries {
		if isWork(e.Name) && e.Name != lockObject {
			work = append(work, e.Name)
		}
		if records := strings.HasSuffix(e.Name, ".done.json"); records || isOfRun(e.Name) && !isWork(e.Name) && !strings.HasPrefix(e.Name, sweepable.Dir+"/") {
			group.Go(func() error { return copyFile(ctx, to, o, e.Name) })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return work, nil
}

// Put copies files from another store.
func (o *Remote) Put(ctx context.Context, from store.Store, names ...string) error {
	for _, name := range names {
		if err := copyFile(ctx, o, from, name); err != nil {
			return err
		}
	}
	return nil
}

// Tidy removes what a finished run does not need any more: work, which are its
// work files, unless keepWork is set.
func (o *Remote) Tidy(ctx context.Context, work []string, keepWork bool) error {
	// Others may still write, who are late; they are not waited for.
	if _, err := o.Sweep(ctx, lease.Lost); err != nil || keepWork {
		return err
	}
	return o.remove(ctx, work)
}
