package estimate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/usage"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// Sample is what a rehearsal measured: all stages done with a sample of the
// corpus, on one core of this machine.
type Sample struct {
	Bytes        int64   `json:"bytes"`     // of lines, with their ends
	Documents    int64   `json:"documents"` // without rejected lines
	Rejected     int64   `json:"rejected"`
	Text         int64   `json:"text_bytes"`
	Expansion    float64 `json:"expansion"` // bytes of lines from a byte of a compressed file; 1 where none is
	BandKeys     int64   `json:"band_keys"`
	Compared     int64   `json:"compared_documents"`
	ComparedText int64   `json:"compared_text_bytes"` // read again by resolve
	Shingles     int64   `json:"compared_shingles"`
	Stored       int64   `json:"stored_shingles"` // elements of their sets, or of edits in their place
	NearDups     int64   `json:"near_dup_documents"`
	Growth       Growth  `json:"growth"`
	Probes       int64   `json:"audit_probes"`      // texts that an audit samples, here as in the corpus
	Audited      int64   `json:"audited_documents"` // that it compares with them
	BaseMemory   int64   `json:"base_memory_bytes"` // of a process that has read the tokenizers
	Longest      Longest `json:"longest"`
	Cost         Cost    `json:"cost"`
	Files        Written `json:"files"`
}

// Cost is seconds of one core's CPU, but for those of files, which are seconds
// of the clock. What stages take is a part that every task takes, whatever it
// does, and one that grows.
type Cost struct {
	Expand       float64         `json:"expand"`              // a byte of a compressed file
	ExpandMemory int64           `json:"expand_memory_bytes"` // of who reads one
	Cold         float64         `json:"cold"`                // what a worker that counts needs more at its beginning
	Scan         Line            `json:"scan"`
	Match        Line            `json:"match"`
	Resolve      map[string]Line `json:"resolve"` // by step
	Tally        Line            `json:"tally"`
	Seal         Line            `json:"seal"`
	Report       Line            `json:"report"`      // by the last task
	Create       float64         `json:"create_file"` // a small one, in the output folder
	Open         float64         `json:"read_file"`
	// Memory is what a task of each stage held beyond the base, mapped files
	// apart, bytes.
	Memory map[task.Stage]int64 `json:"memory_bytes"`
}

// Line is a cost: Each for a task, and Whole for all that the sample has of what
// the cost grows with.
type Line struct {
	Each  float64 `json:"each"`
	Whole float64 `json:"whole"`
}

// Written are bytes of files that the rehearsal wrote.
type Written struct {
	Documents int64 `json:"documents"` // by scan
	Keys      int64 `json:"keys"`
	Outlines  int64 `json:"outlines"`
	Exact     int64 `json:"exact_groups"` // by match
	Buckets   int64 `json:"buckets"`
	Decisions int64 `json:"decisions"` // by resolve
	Private   int64 `json:"sums"`      // by tally, for seal
	Output    int64 `json:"output"`    // by tally, of the run
	Tally     int64 `json:"tally"`     // by seal
}

// Options say how to rehearse.
type Options struct {
	Size    int64       // bytes of the sample; 0: DefaultSize
	Repeats int         // of which the fastest counts; 0: DefaultRepeats
	Dir     string      // folder for a temporary folder; empty: the system's
	Out     store.Store // output folder of the run: how fast files are made there
	Parser  string
	Files   func(i int) plan.File // input i of the plan, as it can be opened here
	Longest []corpus.LongLine     // the longest lines of the inputs, the longest first
	// Report writes what describes a finished run; may be nil.
	Report func(ctx context.Context, job *task.Job) error

	expansion float64
}

const (
	// DefaultSize of a sample takes about two seconds.
	DefaultSize = 64 << 20
	// DefaultRepeats of a rehearsal.
	DefaultRepeats = 3
	// sampleBlocks are enough to see how sharing grows, and few enough to hold
	// neighbours.
	sampleBlocks = 32
	// A second sample, so much smaller, tells what every task takes.
	smallPart   = 32
	smallBlocks = 4
	partitions  = 4 // of the rehearsal
)

// Rehearse does all stages with a sample of a plan's corpus. It needs the
// machine for itself as much as its figures are to be believed.
func Rehearse(ctx context.Context, p plan.Plan, counters []task.Counter, o Options) (Sample, error) {
	if p.Scope == plan.ScopeReference || len(p.Earlier) > 0 {
		return Sample{}, fmt.Errorf("%w: an estimate is of a delivery alone: not with --reference or --against", doc.ErrUsage)
	}
	if bytesOf(&p) == 0 {
		return Sample{}, fmt.Errorf("%w: nothing is in the inputs: there is nothing to estimate", doc.ErrUsage)
	}
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Repeats == 0 {
		o.Repeats = DefaultRepeats
	}
	dir, err := os.MkdirTemp(o.Dir, "tallystick-estimate-")
	if err != nil {
		return Sample{}, fmt.Errorf("estimate: %w", err)
	}
	defer os.RemoveAll(dir)
	o.Dir = dir
	var seconds float64
	var held int64
	if o.expansion, seconds, held, err = expand(ctx, &p, o.Files); err != nil {
		return Sample{}, err
	}
	o.takeLongest(bytesOf(&p), p.MaxLine)
	longest := lengthOf(o.Longest)
	sampled := func(size int64, blocks int) (*rehearsal, Sample, error) {
		return rehearse(ctx, p, counters, o, func() (*sampler, []string, error) {
			return copySample(ctx, &p, o.Files, size, blocks, o.Longest, o.Dir)
		})
	}
	big, s, err := sampled(o.Size-longest, sampleBlocks)
	if err != nil {
		return Sample{}, err
	}
	small, part, err := sampled(max(1, min(o.Size-longest, bytesOf(&p))/smallPart), smallBlocks)
	if errors.Is(err, errNoLine) { // so few lines that what every task takes cannot be told from what they take
		small, part = big, s
	} else if err != nil {
		return Sample{}, err
	}
	s.Longest.Memory = map[task.Stage]int64{}
	for name := range s.Cost.Memory {
		s.Longest.Memory[name] = 0
	}
	if longest > 0 {
		if s.Longest, err = rehearseLongest(ctx, p, counters, o); err != nil {
			return Sample{}, err
		}
	}
	s.Cost.Expand, s.Cost.ExpandMemory = seconds, held
	s.fit(big, small, &part)
	if o.Out != nil {
		if err := timeFiles(ctx, o.Out, &s.Cost); err != nil {
			return Sample{}, fmt.Errorf("estimate: %w", err)
		}
	}
	return s, nil
}

var errNoLine = fmt.Errorf("%w: no line begins in a sample of so few bytes: take a larger one", doc.ErrUsage)

// rehearse does all stages a few times with a sample.
func rehearse(ctx context.Context, p plan.Plan, counters []task.Counter, o Options, sample func() (*sampler, []string, error)) (*rehearsal, Sample, error) {
	copied, names, err := sample()
	if err != nil {
		return nil, Sample{}, err
	}
	if copied.bytes == 0 {
		return nil, Sample{}, errNoLine
	}
	r := &rehearsal{plan: p, counters: counters, o: o, sampler: copied, seconds: map[task.Stage][]float64{}}
	if err := r.planSample(ctx, names); err != nil {
		return nil, Sample{}, err
	}
	s := Sample{Bytes: copied.bytes, Expansion: o.expansion, Probes: r.plan.AuditLeast, Cost: Cost{Memory: map[task.Stage]int64{}}}
	for range o.Repeats {
		if err := r.once(ctx, &s); err != nil {
			return nil, Sample{}, fmt.Errorf("estimate: %w", err)
		}
	}
	return r, s, nil
}

// rehearsal is a run over a sample, done a few times.
type rehearsal struct {
	plan     plan.Plan // of the corpus, then of the sample
	counters []task.Counter
	o        Options
	sampler  *sampler

	seconds map[task.Stage][]float64 // CPU, by time
	report  []float64
	first   []float64          // of the first shard
	steps   map[string]float64 // of the fastest resolve
}

// planSample makes the plan of the sample.
func (r *rehearsal) planSample(ctx context.Context, names []string) error {
	p := &r.plan
	scale := (float64(bytesOf(p))*r.o.expansion - float64(lengthOf(r.o.Longest))) / float64(r.sampler.bytes)
	var err error
	if p.Files, p.Shards, err = corpus.Plan(ctx, names, corpus.PlanOptions{ShardSize: 1 << 40, Workers: 1, SkipDigest: true}); err != nil {
		return err
	}
	p.Partitions, p.DecideTasks, p.Index = partitions, 0, false
	if p.AuditPPM > 0 {
		// As many texts are compared with all others as in the whole corpus.
		probes := auditProbes(p, float64(r.sampler.lines[0]+r.sampler.lines[1])*scale)
		p.AuditLeast, p.AuditMost = probes, probes
	}
	p.RunID, err = p.ComputeRunID()
	return err
}

// auditProbes is how many texts an audit samples of so many documents.
func auditProbes(p *plan.Plan, documents float64) int64 {
	n := max(int64(documents*float64(p.AuditPPM)/1e6), min(p.AuditLeast, int64(documents)))
	if p.AuditMost > 0 {
		n = min(n, p.AuditMost)
	}
	return n
}

// once does the run, from its beginning to its end.
func (r *rehearsal) once(ctx context.Context, s *Sample) error {
	dir := filepath.Join(r.o.Dir, "run")
	if err := os.MkdirAll(filepath.Join(dir, task.WorkDir), 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out := store.NewLocal(dir)
	if err := task.WriteJSON(ctx, out, task.PlanFile, r.plan); err != nil {
		return err
	}
	job := &task.Job{Plan: r.plan, Out: out, Dir: dir, Counters: r.counters, Parser: r.o.Parser, Workers: 1, Known: new(sync.Map)}
	again := len(r.first) > 0
	// Code that stages run for the first time is read then, and stays. Whoever does one
	// of them alone reads it too: what was held before is told without it.
	code := usage.Memory() - usage.Held()
	records := map[task.Stage][]task.Record{}
	for _, name := range job.Stages() {
		var base int64
		if !again {
			corpus.DropDecoders() // of who copied the sample
			debug.FreeOSMemory()
			base = usage.Held() + code
			usage.ResetPeak()
		}
		total, first, err := r.stage(ctx, job, name, records)
		if err != nil {
			return err
		}
		if name == task.Seal && !again {
			if err := r.describe(ctx, job); err != nil {
				return err
			}
		}
		held := usage.PeakMemory() - base
		r.seconds[name] = append(r.seconds[name], total)
		switch name {
		case task.Scan:
			r.first = append(r.first, first)
			var mapped int64
			for _, shard := range r.plan.Shards {
				mapped = max(mapped, shard.Length)
			}
			held -= mapped
			if !again {
				s.BaseMemory = base
			}
		case task.Resolve:
			if total == slices.Min(r.seconds[name]) {
				r.steps = steps(&records[name][0], total)
			}
		}
		if !again {
			s.Cost.Memory[name] = max(0, held)
		}
	}
	for range reports {
		if err := r.describe(ctx, job); err != nil {
			return err
		}
	}
	if again {
		return nil
	}
	s.note(records)
	return s.survey(ctx, job, r.sampler)
}

// reports are made so often: they take little, and what they take is little of it.
const reports = 3

// describe writes what describes a finished run.
func (r *rehearsal) describe(ctx context.Context, job *task.Job) error {
	if r.o.Report == nil {
		r.report = append(r.report, 0)
		return nil
	}
	cpu := usage.CPUSeconds()
	err := r.o.Report(ctx, job)
	r.report = append(r.report, usage.CPUSeconds()-cpu)
	return err
}

// stage does all tasks of a stage and returns the seconds of all, and of the
// first.
func (r *rehearsal) stage(ctx context.Context, job *task.Job, name task.Stage, records map[task.Stage][]task.Record) (total, first float64, err error) {
	tasks, err := job.Tasks(name)
	if err != nil {
		return 0, 0, err
	}
	for task := range tasks {
		cpu, begun := usage.CPUSeconds(), time.Now()
		rec, _, err := stage.Do(ctx, job, name, task)
		if err != nil {
			return 0, 0, err
		}
		took := usage.CPUSeconds() - cpu
		if took <= 0 { // a system that does not tell
			took = time.Since(begun).Seconds()
		}
		if task == 0 {
			first = took
		}
		total += took
		records[name] = append(records[name], rec)
	}
	return total, first, nil
}

// steps shares the seconds of a task among its steps, which know their time on
// the clock.
func steps(rec *task.Record, seconds float64) map[string]float64 {
	whole := 0.0
	for _, s := range rec.Steps {
		whole += s.Seconds
	}
	out := map[string]float64{}
	for _, s := range rec.Steps {
		if whole > 0 {
			out[s.Name] += s.Seconds / whole * seconds
		}
	}
	return out
}

// fit makes costs of what two samples took, the least of each: all else that a
// machine does only adds to it. The first scan is cold.
func (s *Sample) fit(big, small *rehearsal, part *Sample) {
	c := &s.Cost
	warm := func(seconds []float64) float64 { return slices.Min(seconds[min(1, len(seconds)-1):]) }
	c.Cold = max(0, big.first[0]-warm(big.first))
	tasks := func(r *rehearsal) float64 { return float64(len(r.plan.Shards)) }
	line := func(y1, y2, x1, x2, tasks1, tasks2 float64) Line {
		// y = each·tasks + whole·x
		l := Line{Whole: y2}
		if x1 < x2/2 {
			if det := tasks1*x2 - tasks2*x1; det > 0 {
				l.Each = max(0, (y1*x2-y2*x1)/det)
			}
			l.Whole = max(0, y2-l.Each*tasks2)
		}
		return l
	}
	bytes1, bytes2 := float64(part.Bytes), float64(s.Bytes)
	c.Scan = line(warm(small.seconds[task.Scan]), warm(big.seconds[task.Scan]), bytes1, bytes2, tasks(small), tasks(big))
	c.Match = line(slices.Min(small.seconds[task.Match]), slices.Min(big.seconds[task.Match]), bytes1, bytes2, partitions, partitions)
	c.Tally = line(slices.Min(small.seconds[task.Tally]), slices.Min(big.seconds[task.Tally]), bytes1, bytes2, tasks(small), tasks(big))
	c.Seal = line(slices.Min(small.seconds[task.Seal]), slices.Min(big.seconds[task.Seal]), part.rows(), s.rows(), 1, 1)
	c.Report = line(slices.Min(small.report), slices.Min(big.report), part.dropped(), s.dropped(), tasks(small), tasks(big))
	c.Resolve = map[string]Line{}
	for name, y := range big.steps {
		c.Resolve[name] = line(small.steps[name], y, bytes1, bytes2, 1, 1)
	}
}

// dropped are the documents that were not kept.
func (s *Sample) dropped() float64 {
	return max(0, float64(s.Documents)-s.Growth.Kept.Number)
}

// rows are those that seal reads: a contributor in each shard, and in all.
func (s *Sample) rows() float64 {
	return s.contributors(1) + 2*s.contributors(0.5)
}

// note keeps what the records tell of files and numbers.
func (s *Sample) note(records map[task.Stage][]task.Record) {
	kinds := map[string]*int64{
		"docs": &s.Files.Documents, "keys": &s.Files.Keys, "outlines": &s.Files.Outlines,
		"exact": &s.Files.Exact, "buckets": &s.Files.Buckets, "decisions": &s.Files.Decisions,
	}
	for name, recs := range records {
		for _, rec := range recs {
			for _, f := range rec.Work {
				kind := strings.TrimPrefix(path.Ext(f.Path), ".")
				switch to := kinds[kind]; {
				case to != nil:
					*to += f.Size
				case name == task.Tally:
					s.Files.Private += f.Size
				}
			}
			for _, f := range rec.Files {
				switch name {
				case task.Tally:
					s.Files.Output += f.Size
				case task.Seal:
					s.Files.Tally += f.Size
				}
			}
			switch name {
			case task.Scan:
				s.Rejected += rec.Numbers["rejected"]
				s.Documents += rec.Numbers["documents"] - rec.Numbers["rejected"]
			case task.Match:
				s.BandKeys += rec.Numbers["band_records"]
			}
		}
	}
	resolved := &records[task.Resolve][0]
	s.Compared = resolved.Numbers["compared_documents"]
	s.NearDups = resolved.Numbers["near_dup_documents"]
	s.Shingles = resolved.Numbers["compared_shingles"]
	s.Stored = resolved.Numbers["stored_shingles"]
	s.Audited = resolved.Numbers["audit_compared"]
	s.ComparedText = resolved.Bytes
}

// survey looks into the files of a run over the sample.
func (s *Sample) survey(ctx context.Context, job *task.Job, from *sampler) error {
	v := &survey{job: job, blocks: len(from.starts[0]) + len(from.starts[1])}
	for _, shard := range job.Plan.Shards { // one of the two is missing where it has no line
		v.starts = append(v.starts, from.starts[shard.File])
		v.odd = append(v.odd, shard.File)
	}
	var err error
	s.Growth, err = v.growth(ctx, s.BandKeys)
	for i := range v.docs {
		if v.docs[i].used {
			s.Text += int64(v.docs[i].bytes)
		}
	}
	return err
}

// fileTries is how many files are made to learn how long one takes.
const fileTries = 8

// timeFiles measures how long a small file takes in the output folder.
func timeFiles(ctx context.Context, out store.Store, c *Cost) error {
	var create, open []float64
	name := task.WorkDir + "/estimate"
	for range fileTries {
		begun := time.Now()
		if err := task.WriteJSON(ctx, out, name, "for plan --estimate"); err != nil {
			return err
		}
		create = append(create, time.Since(begun).Seconds())
		begun = time.Now()
		if _, err := task.Digest(ctx, out, name); err != nil {
			return err
		}
		open = append(open, time.Since(begun).Seconds())
	}
	slices.Sort(create)
	slices.Sort(open)
	c.Create, c.Open = create[fileTries/2], open[fileTries/2]
	return out.Remove(ctx, name)
}
