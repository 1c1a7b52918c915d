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

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/sweepable"
)

// SweepOptions say which thresholds are swept, and what is shown of each.
type SweepOptions struct {
	At      []string // thresholds; empty: from the floor to 1
	Floor   string   // where to begin, if not at the run's floor
	Step    string   // between thresholds
	Losers  int      // contributors listed; 0: all
	Samples int      // documents on the edge
	Scratch string   // folder for shingle sets: 8 bytes for each that is compared
}

// SweepResult is what Sweep found.
type SweepResult struct {
	Plan    plan.Plan
	Rows    []sweep.Row
	Courses []sweep.Course // of those who lose most at any threshold
	NoText  error          // why samples are without differences; nil if they are not
}

// IsRun reports whether path is the folder of a finished run.
func IsRun(path string) bool {
	_, err := os.Stat(filepath.Join(path, manifest.Name))
	return err == nil
}

// Sweep asks a finished sweepable run what other thresholds would do. The
// inputs are read for samples only, and may be missing.
func Sweep(ctx context.Context, dir string, o SweepOptions, m Means) (SweepResult, error) {
	var res SweepResult
	job, _, err := OpenSweepable(ctx, dir, m)
	if err != nil {
		return res, err
	}
	res.Plan = job.Plan
	thresholds, err := o.Thresholds(job.Plan.NearDup)
	if err != nil {
		return res, err
	}
	track := start(m.Progress, "open", 0, "bytes")
	kept, err := sweepable.Open(ctx, job, o.Scratch)
	if err != nil {
		return res, err
	}
	defer kept.Close()
	track.end(1, 0)

	track = start(m.Progress, "sweep", int64(len(thresholds)), "thresholds")
	type edge struct {
		row     int
		dropped int32
		fate    sweep.Fate
	}
	var edges []edge
	var wanted []int32
	n := job.Plan.NearDup
	for i, t := range thresholds {
		fates, err := kept.Decide(ctx, t.Num, t.Den)
		if err != nil {
			return res, fmt.Errorf("threshold %s: %w", t.Text, err)
		}
		row := sweep.NewRow(&kept.Corpus, t.Text, fates, o.Losers)
		row.RecallPPM = neardup.RecallPPM(t.Num, t.Den, n.Bands, n.Rows)
		res.Rows = append(res.Rows, row)
		for _, d := range sweep.Edge(&kept.Corpus, fates, o.next(thresholds, i), o.Samples) {
			edges = append(edges, edge{i, d, fates[d]})
			wanted = append(wanted, d, fates[d].Witness)
		}
		track.add(1)
	}
	track.end(len(thresholds), 0)
	res.Courses = sweep.Courses(&kept.Corpus, res.Rows, o.Losers)

	texts, err := kept.Texts(ctx, wanted)
	if err != nil {
		if ctx.Err() != nil {
			return res, err
		}
		res.NoText = err
	}
	for _, e := range edges {
		s := sweep.Sample{
			Dropped: kept.Ref(e.dropped), Witness: kept.Ref(e.fate.Witness),
			Overlap: e.fate.Overlap, Union: e.fate.Union, Jaccard: float64(e.fate.Overlap) / float64(e.fate.Union),
		}
		if res.NoText == nil {
			s.Diff = worddiff.Diff(texts[e.fate.Witness], texts[e.dropped])
		}
		res.Rows[e.row].Samples = append(res.Rows[e.row].Samples, s)
	}
	return res, nil
}

// OpenSweepable opens a finished run and checks that what it kept for other
// thresholds is what it wrote.
func OpenSweepable(ctx context.Context, dir string, m Means) (*stage.Job, manifest.Manifest, error) {
	var sealed manifest.Manifest
	p, err := LoadPlan(filepath.Join(dir, stage.PlanFile))
	if err != nil {
		return nil, sealed, err
	}
	if sealed, err = ReadManifest(dir); err != nil {
		return nil, sealed, err
	}
	if sealed.RunID != p.RunID {
		return nil, sealed, fmt.Errorf("%w: %s: the manifest is not that of the plan", doc.ErrCorrupt, dir)
	}
	if !p.NearDup.Sweepable() {
		return nil, sealed, fmt.Errorf("%w: the run in %s kept nothing for other thresholds; run it with --sweepable, or sweep its inputs", doc.ErrUsage, dir)
	}
	job := &stage.Job{Plan: p, Out: store.NewLocal(dir), Dir: dir, Parser: m.Parser, Workers: m.Workers}
	for _, f := range sealed.Files {
		if !strings.HasPrefix(f.Path, sweepable.Dir+"/") {
			continue
		}
		sum, err := stage.Digest(ctx, job.Out, f.Path)
		if err != nil {
			return nil, sealed, err
		}
		if manifest.File(sum) != f {
			return nil, sealed, fmt.Errorf("%w: %s is not what the manifest lists", doc.ErrCorrupt, filepath.Join(dir, f.Path))
		}
	}
	return job, sealed, nil
}

// most thresholds of one sweep: each decides anew.
const mostThresholds = 1000

// Check refuses options that make no sense for a run with the given floor, so
// that it need not be made first.
func (o SweepOptions) Check(floor string) error {
	num, den, err := neardup.ParseThreshold(floor)
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	_, err = o.Thresholds(plan.NearDup{FloorNum: num, FloorDen: den})
	return err
}

// Thresholds lists what is swept, ascending.
func (o SweepOptions) Thresholds(n plan.NearDup) ([]sweep.Threshold, error) {
	var out []sweep.Threshold
	add := func(text string) error {
		num, den, err := neardup.ParseThreshold(text)
		if err != nil {
			return err
		}
		n := n
		n.ThresholdNum, n.ThresholdDen = num, den
		out = append(out, sweep.Threshold{Num: num, Den: den, Text: Decimal(num, den)})
		return aboveFloor(n)
	}
	for _, text := range o.At {
		if err := add(strings.TrimSpace(text)); err != nil {
			return nil, err
		}
	}
	if len(o.At) == 0 {
		step, stepDen, err := neardup.ParseThreshold(o.Step)
		if err != nil {
			return nil, fmt.Errorf("step: %w", err)
		}
		num, den := n.FloorNum, n.FloorDen
		if o.Floor != "" {
			if num, den, err = neardup.ParseThreshold(o.Floor); err != nil {
				return nil, fmt.Errorf("floor: %w", err)
			}
		}
		// In units of 10⁻⁹, which every threshold is a whole number of.
		for at := num * (billion / den); at <= billion; at += step * (billion / stepDen) {
			if len(out) == mostThresholds {
				return nil, fmt.Errorf("%w: a step of %s makes more than %d thresholds", doc.ErrUsage, o.Step, mostThresholds)
			}
			if err := add(Decimal(at, billion)); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b sweep.Threshold) int { return int(a.Num*(billion/a.Den) - b.Num*(billion/b.Den)) })
	return slices.CompactFunc(out, func(a, b sweep.Threshold) bool { return a.Text == b.Text }), nil
}

// next bounds the scores of threshold i's samples: the threshold after it, a
// step on from the last one, nil where that is above 1.
func (o SweepOptions) next(thresholds []sweep.Threshold, i int) *sweep.Threshold {
	if i+1 < len(thresholds) {
		return &thresholds[i+1]
	}
	step, stepDen, err := neardup.ParseThreshold(o.Step)
	if err != nil {
		return nil // not given where thresholds are
	}
	last := thresholds[i]
	at := last.Num*(billion/last.Den) + step*(billion/stepDen)
	if at > billion {
		return nil
	}
	return &sweep.Threshold{Num: at, Den: billion, Text: Decimal(at, billion)}
}

const billion = 1_000_000_000

// Decimal spells a threshold that ParseThreshold can have read.
func Decimal(num, den int64) string {
	units := num * (billion / den)
	if units == billion {
		return "1"
	}
	return strings.TrimRight("0."+fmt.Sprintf("%09d", units), "0")
}

// Rethreshold writes to o.Out the run that a finished sweepable run would have
// been at another threshold, from what it kept: byte for byte what `run` with
// the same floor and that threshold writes.
func Rethreshold(ctx context.Context, dir, threshold string, m Means, o RunOptions) (Result, error) {
	fail := func(err error) (Result, error) { return Result{}, err }
	from, sealed, err := OpenSweepable(ctx, dir, m)
	if err != nil {
		return fail(err)
	}
	p := from.Plan
	if p.AuditPPM > 0 {
		return fail(fmt.Errorf("%w: %s was audited at its threshold, and an audit at another one reads the corpus: make the sweepable run without --audit", doc.ErrUsage, dir))
	}
	if p.NearDup.ThresholdNum, p.NearDup.ThresholdDen, err = neardup.ParseThreshold(threshold); err != nil {
		return fail(err)
	}
	if err := aboveFloor(p.NearDup); err != nil {
		return fail(err)
	}
	if p.RunID, err = p.ComputeRunID(); err != nil {
		return fail(err)
	}
	release, err := occupy(o.Out, "rethreshold")
	if err != nil {
		return fail(err)
	}
	defer release()
	if err := makeRoom(ctx, dir, o); err != nil {
		return fail(err)
	}
	if err := writePlan(ctx, o.Out, p); err != nil {
		return fail(err)
	}
	job, err := newJob(p, nil, m, o.Out)
	if err != nil {
		return fail(err)
	}
	job.Strict = o.Strict
	var engines []string
	if t, err := readTimings(dir); err == nil { // they only describe
		engines = []string{t.Machine.Engine}
	}
	track := start(m.Progress, "rethreshold", 0, "bytes")
	if err := stage.Rethreshold(ctx, job, from, engines, &sealed); err != nil {
		return fail(err)
	}
	timings := []Timing{track.end(1, 0)}
	for _, name := range []stage.Name{stage.Tally, stage.Seal} {
		t, err := runStage(ctx, job, name, m)
		if err != nil {
			return fail(err)
		}
		timings = append(timings, t)
	}
	return finish(ctx, job, m, timings, o)
}

// makeRoom makes an output folder that holds no run.
func makeRoom(ctx context.Context, from string, o RunOptions) error {
	if o.Out == "" {
		return fmt.Errorf("%w: the output folder needs a name", doc.ErrUsage)
	}
	if a, err := os.Stat(from); err == nil {
		if b, err := os.Stat(o.Out); err == nil && os.SameFile(a, b) {
			return fmt.Errorf("%w: the output folder is that of the run itself", doc.ErrUsage)
		}
	}
	entries, err := os.ReadDir(o.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: output folder: %v", doc.ErrUsage, err)
	}
	if inUse(entries) {
		_, noPlan := os.Stat(filepath.Join(o.Out, stage.PlanFile))
		switch {
		case !o.Force:
			return fmt.Errorf("%w: output folder %s is not empty (--force replaces the run in it)", doc.ErrUsage, o.Out)
		case noPlan != nil:
			return fmt.Errorf("%w: %s is not empty and holds no run; --force replaces a run, never other files", doc.ErrUsage, o.Out)
		}
		if err := clearRun(o.Out); err != nil {
			return fmt.Errorf("replace the run in %s: %w", o.Out, err)
		}
	}
	if err := emptyWork(o.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Out, 0o777); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	_, err = store.NewLocal(o.Out).Sweep(ctx, 0)
	return err
}

// WriteSweepPage writes what was found as a page of HTML.
func WriteSweepPage(w io.Writer, res SweepResult) error {
	d := report.SweepData{Plan: res.Plan, Rows: res.Rows, Courses: res.Courses}
	if res.NoText != nil {
		d.Note = fmt.Sprintf("The inputs could not be read, so samples are shown without their texts: %v.", res.NoText)
	}
	return report.WriteSweep(w, d)
}
