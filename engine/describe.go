package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/internal/selfsum"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/kernels"
)

// What describes a run on a machine lives outside Law 4, in these files.
const (
	timingsFile = "timings.json"
	reportFile  = "report.html"

	timingsVersion = 2
)

// Timings is the content of timings.json.
type Timings struct {
	Version     int               `json:"version"`
	RunID       string            `json:"run_id"`
	Machine     Machine           `json:"machine"`
	Stages      []progress.Timing `json:"stages"`
	WallSeconds float64           `json:"wall_seconds"` // sum over the stages
	SHA256      string            `json:"sha256"`       // of this file without these digits
}

// Machine is where and with what a run was done.
type Machine struct {
	CPU     string            `json:"cpu"`
	Cores   int               `json:"cores"`
	OS      string            `json:"os"`
	Arch    string            `json:"arch"`
	Go      string            `json:"go"`
	Kernels map[string]string `json:"kernels"`
	Engine  string            `json:"engine"`
	Parser  string            `json:"parser"`
	Workers int               `json:"workers"`
}

// reportContributors is how many contributors of a large run the report shows.
const reportContributors = stage.LargestRows

// describe writes timings.json and report.html of a sealed run.
func describe(ctx context.Context, job *task.Job, m request.Means, res *Result) error {
	engine, err := engineOf(ctx, job)
	if err != nil {
		return err
	}
	t := Timings{
		Version: timingsVersion, RunID: job.Plan.RunID, Stages: res.Timings,
		Machine: Machine{
			CPU: kernels.Features().Name, Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH,
			Go: runtime.Version(), Kernels: map[string]string{}, Engine: engine, Parser: m.Parser, Workers: m.Workers,
		},
	}
	for _, k := range kernels.Chosen() {
		t.Machine.Kernels[k.Kernel] = k.Implementation
	}
	for _, s := range t.Stages {
		t.WallSeconds += s.Seconds
	}
	if err := writeTimings(ctx, job.Dir, t); err != nil {
		return err
	}
	if res.report, err = reportData(ctx, job, t, res); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return store.WriteFile(ctx, filepath.Join(job.Dir, reportFile), func(w io.Writer) error {
		return report.Write(w, res.report)
	})
}

// engineOf names the engine that counts here or, where the scan was done by
// other processes, that counted there.
func engineOf(ctx context.Context, job *task.Job) (string, error) {
	if len(job.Counters) > 0 {
		return strings.Join(stage.Engines(job.Counters), ", "), nil
	}
	scanned, err := job.Records(ctx, task.Scan)
	if err != nil {
		return "", err
	}
	var names []string
	for _, r := range scanned {
		for _, e := range r.Engines {
			if !slices.Contains(names, e) {
				names = append(names, e)
			}
		}
	}
	return strings.Join(names, ", "), nil
}

func writeTimings(ctx context.Context, dir string, t Timings) error {
	t.SHA256 = ""
	b, err := jsonfile.Marshal(t)
	if err == nil {
		b, err = selfsum.Fill(b, selfsum.JSONEnd)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", timingsFile, err)
	}
	return task.WriteBytes(ctx, store.NewLocal(dir), timingsFile, b)
}

func readTimings(dir string) (t Timings, err error) {
	path := filepath.Join(dir, timingsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return t, err
	}
	if err := jsonfile.Parse(b, path, timingsVersion, &t); err != nil {
		return t, err
	}
	if !selfsum.Whole(b, selfsum.JSONEnd) {
		return t, fmt.Errorf("%w: %s: it does not have the digest that it ends in", doc.ErrCorrupt, path)
	}
	return t, nil
}

// WriteSummary prints what a finished run found, for people. width is that of
// their terminal in columns.
func WriteSummary(w io.Writer, res Result, width int) error {
	return report.Summary(w, res.report, width)
}

func reportData(ctx context.Context, job *task.Job, t Timings, res *Result) (report.Data, error) {
	dir := job.Dir
	d := report.Data{
		Dir: dir, Version: ToolVersion, Plan: res.Plan, Seconds: t.WallSeconds,
		Machine: fmt.Sprintf("%s, %d cores", t.Machine.CPU, t.Machine.Cores), Engine: t.Machine.Engine,
	}
	for _, name := range slices.Sorted(maps.Keys(t.Machine.Kernels)) {
		d.Kernels = strings.TrimPrefix(d.Kernels+", "+name+" "+t.Machine.Kernels[name], ", ")
	}
	for _, s := range t.Stages {
		d.Stages = append(d.Stages, report.StageTiming{
			Name: s.Stage, Seconds: s.Seconds, Bytes: uint64(s.Bytes), Peak: uint64(s.PeakMemory), Tasks: s.Tasks,
		})
	}
	sum := job.Sealed
	if sum == nil {
		var err error
		if sum, err = folder.ReadSummary(ctx, dir, d.Plan, reportContributors); err != nil {
			return d, err
		}
	}
	d.ContributorCount = sum.Rows
	for i, t := range d.Plan.Further {
		further := report.TokenizerTotals{Name: t.Label}
		if sum.Rows > 0 { // no rows do not say how many tokenizers there are
			further.Tokens = sum.Total.Further[i]
		}
		d.Further = append(d.Further, further)
	}
	d.Classes = sum.Total.Class
	for _, r := range sum.Largest {
		d.Contributors = append(d.Contributors, report.ContributorRow{Name: r.Contributor, Classes: r.Class})
	}
	var err error
	flows := job.Flows
	if flows == nil { // another process sealed the run
		if flows, err = flowsOf(job); err != nil {
			return d, err
		}
	}
	flows.Show(&d)
	if d.Rejects, err = rejectReasons(dir); err != nil {
		return d, err
	}
	if n := res.Manifest.CreatedUnreadable; n > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("The created field of %d documents could not be read; they count as undated and come last in priority order.", n))
	}
	if note := unseenNote(res.Manifest.UnseenSources); note != "" {
		d.Notes = append(d.Notes, note)
	}
	notes, err := alarmNotes(dir, d.Plan.NearDup.Sweepable())
	if err != nil {
		return d, err
	}
	d.Notes = append(d.Notes, notes...)
	if d.Plan.AuditPPM > 0 {
		b, err := os.ReadFile(filepath.Join(dir, audit.Name))
		if err != nil {
			return d, err
		}
		f, err := audit.Parse(b)
		if err != nil {
			return d, err
		}
		d.Notes = append(d.Notes, f.Sentence())
	} else if why := d.Plan.Unaudited(); why != "" {
		d.Notes = append(d.Notes, "No audit: the recall was not measured, "+why+".")
	} else {
		d.Notes = append(d.Notes, "No audit: the recall was not measured, as the run was made with --audit off.")
	}
	if d.Plan.SharesCredit() {
		d.Notes = append(d.Notes, "Credit is shared: the tokens of a kept document are split among the contributors of it and of its duplicates, and paid so. The figures here are of whose documents were kept; credits are in the tally.")
	}
	if s := res.Manifest.Standing; s != nil {
		d.Notes = append(d.Notes, standingNote(&d.Plan, s))
	}
	d.Files, err = listFiles(dir)
	return d, err
}

// unseenNote is about ranked sources that no document has; empty if there are none.
func unseenNote(sources []string) string {
	if len(sources) == 0 {
		return ""
	}
	return fmt.Sprintf("No document has the source %q of --source-rank: check its spelling, and what --source-field reads.", sources)
}

// standingNote says what the delivery was compared with.
func standingNote(p *plan.Plan, s *manifest.Standing) string {
	if p.Scope != plan.ScopeReference {
		return fmt.Sprintf("Documents that earlier runs kept: %d. They come first and are not tallied again.", s.Documents)
	}
	note := fmt.Sprintf("Documents of the reference corpus: %d. Only what duplicates one of them is dropped, and they are not tallied.", s.Documents-s.Rejected)
	if s.Rejected > 0 {
		note += fmt.Sprintf(" Lines of it that could not be used: %d.", s.Rejected)
	}
	return note
}

// flowsOf reads the decisions of a finished run for who duplicates whom, and the scores.
func flowsOf(job *task.Job) (*report.Flows, error) {
	by := tally.Tally{Room: job.Room(), Dir: job.Dir}
	defer by.Close()
	flows := &report.Flows{}
	var key []byte
	err := folder.EachDecision(job.Dir, job.Plan, func(row *decision.Row) error {
		key = binary.AppendUvarint(key[:0], uint64(len(row.Contributor)))
		key = append(append(key, row.Contributor...), row.WitnessContributor...)
		class := doc.NearDup
		if row.Class == doc.ExactDup.String() {
			class = doc.ExactDup
		} else {
			flows.Scores[100*row.Overlap/row.Union]++
		}
		by.Add(key, class, uint64(row.Bytes), uint64(row.Tokens))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return flows, by.Each(func(r *tally.Row) {
		n, size := binary.Uvarint([]byte(r.Contributor))
		from, to := r.Contributor[size:size+int(n)], r.Contributor[size+int(n):]
		flows.Add(report.Flow{From: from, To: to, Exact: r.Class[doc.ExactDup], Near: r.Class[doc.NearDup]})
	})
}

func rejectReasons(dir string) ([]report.RejectReason, error) {
	f, err := os.Open(filepath.Join(dir, "rejects.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at := map[doc.Reason]int{}
	var out []report.RejectReason
	for r := decision.NewRejectReader(f); ; {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		i, seen := at[rec.Reason]
		if !seen {
			i = len(out)
			at[rec.Reason] = i
			out = append(out, report.RejectReason{Reason: rec.Reason, File: rec.File, Line: rec.Line, Offset: rec.Offset})
		}
		out[i].Lines++
	}
	slices.SortStableFunc(out, func(a, b report.RejectReason) int { return cmp.Compare(b.Lines, a.Lines) })
	return out, nil
}

// listFiles describes the output folder; the files of one kind are one entry.
func listFiles(dir string) ([]report.File, error) {
	var out []report.File
	for _, f := range []report.File{
		{Name: "tally.parquet", What: "totals per contributor"},
		{Name: "tally.jsonl", What: "the same as JSON lines"},
		{Name: "decisions", What: "every dropped document with its witness and score"},
		{Name: "bitmaps", What: "the lines of each class"},
		{Name: "index", What: "what a later run --against this one needs"},
		{Name: "rejects.jsonl", What: "every line that could not be used"},
		{Name: alarm.Name, What: "what to look at before anyone is paid"},
		{Name: audit.Name, What: "measured recall"},
		{Name: "plan.json", What: "configuration and inputs"},
		{Name: "manifest.json", What: "size and digest of every file"},
		{Name: timingsFile, What: "seconds, bytes and memory per stage"},
	} {
		err := filepath.WalkDir(filepath.Join(dir, f.Name), func(_ string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err == nil {
				f.Size += uint64(info.Size())
			}
			return err
		})
		if errors.Is(err, os.ErrNotExist) {
			continue // no line has a class: an empty corpus has no bitmaps
		}
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
