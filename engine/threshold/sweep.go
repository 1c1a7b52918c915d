// Package threshold asks a finished sweepable run what other thresholds would do:
// whom they cost how much, and which documents are on the edge.
package threshold

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/internal/worddiff"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// Options say which thresholds are swept, and what is shown of each.
type Options struct {
	At      []string // thresholds; empty: from the floor to 1
	Floor   string   // where to begin, if not at the run's floor
	Step    string   // between thresholds
	Losers  int      // contributors listed; 0: all
	Samples int      // documents on the edge
	Scratch string   // folder for shingle sets: 8 bytes for each that is compared
}

// Result is what Sweep found.
type Result struct {
	Plan    plan.Plan
	Rows    []sweep.Row
	Courses []sweep.Course // of those who lose most at any threshold
	NoText  error          // why samples are without differences; nil if they are not
}

// Sweep asks a finished sweepable run what other thresholds would do. The
// inputs are read for samples only, and may be missing.
func Sweep(ctx context.Context, dir string, o Options, m request.Means) (Result, error) {
	var res Result
	job, _, err := Open(ctx, dir, m)
	if err != nil {
		return res, err
	}
	res.Plan = job.Plan
	thresholds, err := o.Thresholds(job.Plan.NearDup)
	if err != nil {
		return res, err
	}
	track := progress.Start(m.Progress, "open", 0, "bytes")
	kept, err := sweepable.Open(ctx, job, o.Scratch)
	if err != nil {
		return res, err
	}
	defer kept.Close()
	track.End(1, 0)

	track = progress.Start(m.Progress, "sweep", int64(len(thresholds)), "thresholds")
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
		track.Add(1)
	}
	track.End(len(thresholds), 0)
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

// most thresholds of one sweep: each decides anew.
const mostThresholds = 1000

// Check refuses options that make no sense for a run with the given floor, so
// that it need not be made first.
func (o Options) Check(floor string) error {
	num, den, err := neardup.ParseThreshold(floor)
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	_, err = o.Thresholds(plan.NearDup{FloorNum: num, FloorDen: den})
	return err
}

// Thresholds lists what is swept, ascending.
func (o Options) Thresholds(n plan.NearDup) ([]sweep.Threshold, error) {
	var out []sweep.Threshold
	add := func(text string) error {
		num, den, err := neardup.ParseThreshold(text)
		if err != nil {
			return err
		}
		n := n
		n.ThresholdNum, n.ThresholdDen = num, den
		out = append(out, sweep.Threshold{Num: num, Den: den, Text: neardup.Decimal(num, den)})
		return neardup.AboveFloor(n)
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
			if err := add(neardup.Decimal(at, billion)); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b sweep.Threshold) int { return int(a.Num*(billion/a.Den) - b.Num*(billion/b.Den)) })
	return slices.CompactFunc(out, func(a, b sweep.Threshold) bool { return a.Text == b.Text }), nil
}

// next bounds the scores of threshold i's samples: the threshold after it, a
// step on from the last one, nil where that is above 1.
func (o Options) next(thresholds []sweep.Threshold, i int) *sweep.Threshold {
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
	return &sweep.Threshold{Num: at, Den: billion, Text: neardup.Decimal(at, billion)}
}

const billion = 1_000_000_000

// WritePage writes what was found as a page of HTML.
func WritePage(w io.Writer, res Result) error {
	d := report.SweepData{Plan: res.Plan, Rows: res.Rows, Courses: res.Courses}
	if res.NoText != nil {
		d.Note = fmt.Sprintf("The inputs could not be read, so samples are shown without their texts: %v.", res.NoText)
	}
	return report.WriteSweep(w, d)
}

// Open opens a finished run and checks that what it kept for other
// thresholds is what it wrote.
func Open(ctx context.Context, dir string, m request.Means) (*task.Job, manifest.Manifest, error) {
	var sealed manifest.Manifest
	p, err := folder.LoadPlan(filepath.Join(dir, task.PlanFile))
	if err != nil {
		return nil, sealed, err
	}
	if sealed, err = folder.ReadManifest(dir); err != nil {
		return nil, sealed, err
	}
	if sealed.RunID != p.RunID {
		return nil, sealed, fmt.Errorf("%w: %s: the manifest is not that of the plan", doc.ErrCorrupt, dir)
	}
	if !p.NearDup.Sweepable() {
		return nil, sealed, fmt.Errorf("%w: the run in %s kept nothing for other thresholds; run it with --sweepable, or sweep its inputs", doc.ErrUsage, dir)
	}
	job := &task.Job{Plan: p, Out: store.NewLocal(dir), Dir: dir, Parser: m.Parser, Workers: m.Workers}
	for _, f := range sealed.Files {
		if !strings.HasPrefix(f.Path, sweepable.Dir+"/") {
			continue
		}
		sum, err := task.Digest(ctx, job.Out, f.Path)
		if err != nil {
			return nil, sealed, err
		}
		if manifest.File(sum) != f {
			return nil, sealed, fmt.Errorf("%w: %s is not what the manifest lists", doc.ErrCorrupt, filepath.Join(dir, f.Path))
		}
	}
	return job, sealed, nil
}
