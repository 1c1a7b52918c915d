package estimate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/headroom"
	"github.com/tallystick/tallystick/engine/internal/usage"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// TestMain makes an estimate, or does one stage of a plan, where the environment says so:
// in a process of its own, as the program does.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TALLYSTICK_STAGE_IN"); dir != "" {
		headroom.Bound(headroom.Least)
		do := func() error { return doStage(dir, task.Stage(os.Getenv("TALLYSTICK_STAGE"))) }
		if file := os.Getenv("TALLYSTICK_ESTIMATE_OF"); file != "" {
			do = func() error { return doEstimate(dir, file) }
		}
		if err := do(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// used is what a stage took.
type used struct {
	Seconds, Written, Peak float64
}

// bytesWritten are those of this process, by any means.
func bytesWritten() float64 {
	b, _ := os.ReadFile("/proc/self/io")
	_, rest, _ := strings.Cut(string(b), "wchar: ")
	n, _ := strconv.ParseFloat(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 64)
	return n
}

// means are those of all that is measured.
var means = request.Means{Engine: "auto", Parser: "native", Workers: 1}

// doEstimate plans a corpus into a folder, and estimates the plan.
func doEstimate(dir, file string) error {
	size, _ := strconv.ParseInt(os.Getenv("TALLYSTICK_SAMPLE"), 10, 64)
	begun := time.Now()
	if _, err := estimateOf(dir, file, size); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(used{Seconds: time.Since(begun).Seconds()})
}

func estimateOf(dir, file string, size int64) (estimate.File, error) {
	ctx := context.Background()
	r := request.Rules{
		Inputs: []string{file}, Tokenizers: []string{"gpt2"}, AddedTokens: "match", Threshold: "0.8", Recall: 0.99, Seed: 1,
		ShardSize: 64 << 20, MaxLine: 256 << 20, Audit: true,
		Fields: plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
	}
	prepared, err := engine.Prepare(ctx, r, means, engine.RunOptions{Out: dir})
	if err != nil {
		return estimate.File{}, err
	}
	return engine.Estimate(ctx, prepared, means, dir, engine.EstimateOptions{Fleet: estimate.Fleet{Machines: 1, Cores: 1}, SampleSize: size})
}

// TestWindow: that of who decompressed the sample is no memory of stages but of those that
// do so.
func TestWindow(t *testing.T) {
	const window = 64 << 20
	var lines bytes.Buffer
	for i := 0; lines.Len() < window; i++ {
		fmt.Fprintf(&lines, "{\"id\":\"%d\",\"text\":\"%s\",\"contributor\":\"ada\"}\n", i, strings.Repeat("as before ", 1e4))
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(window), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	var base [2]int64
	for i, content := range [][]byte{lines.Bytes()[:bytes.IndexByte(lines.Bytes(), '\n')], encoder.EncodeAll(lines.Bytes(), nil)} {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, content, 0o666); err != nil {
			t.Fatal(err)
		}
		e, err := estimateOf(t.TempDir(), file, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		base[i] = e.Sample.BaseMemory
		if held := e.Sample.Cost.ExpandMemory; (held > window/2) != (i == 1) || e.Stages[0].Memory < held {
			t.Errorf("file %d: %d MB held to decompress it, %d by scan", i, held>>20, e.Stages[0].Memory>>20)
		}
	}
	if more := base[1] - base[0]; more > window/2 {
		t.Errorf("after decompression %d MB more are held", more>>20)
	}
	runtime.KeepAlive(encoder) // whose memory is in both
}

func doStage(dir string, name task.Stage) error {
	ctx := context.Background()
	p, err := folder.LoadPlan(filepath.Join(dir, task.PlanFile))
	if err != nil {
		return err
	}
	counters, err := request.OpenCounters(p, nil, means)
	if err != nil {
		return err
	}
	tasks, err := (&task.Job{Plan: p}).Tasks(name)
	if err != nil {
		return err
	}
	usage.ResetPeak()
	written, begun := bytesWritten(), usage.CPUSeconds()
	if _, err = engine.RunTasks(ctx, p, counters, means, engine.RunOptions{Out: dir, KeepWork: true}, name, 0, tasks); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(used{Seconds: usage.CPUSeconds() - begun, Written: bytesWritten() - written, Peak: float64(usage.PeakMemory())})
}

// counted is a store that counts what goes through it.
type counted struct {
	store.Store
	read, written atomic.Int64
}

func (c *counted) Open(ctx context.Context, name string) (store.File, error) {
	f, err := c.Store.Open(ctx, name)
	return &countedFile{f, &c.read}, err
}

func (c *counted) Create(ctx context.Context, name string) (store.Writer, error) {
	w, err := c.Store.Create(ctx, name)
	return &countedWriter{w, &c.written}, err
}

type countedFile struct {
	store.File
	n *atomic.Int64
}

func (f *countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.n.Add(int64(n))
	return n, err
}

func (f *countedFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	f.n.Add(int64(n))
	return n, err
}

type countedWriter struct {
	store.Writer
	n *atomic.Int64
}

func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n.Add(int64(n))
	return n, err
}

// TestMeasured compares estimates with real runs: each stage in a process of
// its own, on one core. TALLYSTICK_ESTIMATE names the corpora.
func TestMeasured(t *testing.T) {
	if os.Getenv("TALLYSTICK_ESTIMATE") == "" {
		t.Skip("estimates are compared with real runs by make estimate-check")
	}
	size, _ := strconv.ParseInt(os.Getenv("TALLYSTICK_SAMPLE"), 10, 64)
	if size == 0 {
		size = estimate.DefaultSize
	}
	corpora := strings.Fields(os.Getenv("TALLYSTICK_ESTIMATE"))
	fmt.Printf("sample of %d MiB; estimated / measured\n\n", size>>20)
	fmt.Printf("| corpus | stage | s | peak MB | read MB | written MB | scratch MB |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, file := range corpora {
		measure(t, file)
	}
}

// rounds are made of estimate and run by turns; their medians are compared.
const rounds = 3

func measure(t *testing.T, file string) {
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	var estimates []estimate.File
	runs := map[task.Stage][]used{}
	var p plan.Plan
	var total, took []float64
	for range rounds {
		dir := t.TempDir()
		took = append(took, apart(t, dir, "TALLYSTICK_ESTIMATE_OF="+file).Seconds)
		planFile := filepath.Join(dir, task.PlanFile)
		if p, err = folder.LoadPlan(planFile); err != nil {
			t.Fatal(err)
		}
		e, found, err := estimate.Load(planFile, &p)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		estimates = append(estimates, e)
		sum := 0.0
		for _, name := range (&task.Job{Plan: p}).Stages() {
			u := apart(t, dir, "TALLYSTICK_STAGE="+string(name))
			runs[name] = append(runs[name], u)
			sum += u.Seconds
		}
		total = append(total, sum)
	}
	if os.Getenv("TALLYSTICK_VERBOSE") != "" {
		b, _ := json.Marshal(estimates[0].Sample)
		fmt.Fprintf(os.Stderr, "%s\n%+v\n", b, estimates[0].Corpus)
	}
	cell := func(estimated, measured, unit float64, digits int) string {
		if measured < unit/10 && estimated < unit/10 {
			return "–"
		}
		both := fmt.Sprintf("%.*f / %.*f", digits, estimated/unit, digits, measured/unit)
		if measured < unit/10 {
			return both
		}
		return fmt.Sprintf("%s %+.0f %%", both, 100*(estimated/measured-1))
	}
	name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
	moved := through(t, p)
	for i, st := range estimates[0].Stages {
		of := func(figure func(*estimate.Stage) float64) float64 {
			var all []float64
			for k := range estimates {
				all = append(all, figure(&estimates[k].Stages[i]))
			}
			return median(all)
		}
		real := func(figure func(used) float64) float64 {
			var all []float64
			for _, u := range runs[st.Name] {
				all = append(all, figure(u))
			}
			return median(all)
		}
		at := moved[st.Name]
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s |\n", name, st.Name,
			cell(of(func(s *estimate.Stage) float64 { return s.CPU.Expected }), real(func(u used) float64 { return u.Seconds }), 1, 3),
			cell(of(func(s *estimate.Stage) float64 { return float64(s.Memory + s.Mapped) }), real(func(u used) float64 { return u.Peak }), 1e6, 0),
			cell(float64(st.Reads+st.Work), at[0], 1e6, 1), cell(float64(st.Writes), at[1], 1e6, 1),
			cell(float64(st.Scratch), real(func(u used) float64 { return math.Max(0, u.Written-at[1]) }), 1e6, 1))
		name = ""
	}
	var all []float64
	for _, e := range estimates {
		sum := 0.0
		for _, st := range e.Stages {
			sum += st.CPU.Expected
		}
		all = append(all, sum)
	}
	fmt.Printf("| | all | %s | | | | |\n", cell(median(all), median(total), 1, 3))
	fmt.Fprintf(os.Stderr, "%s: an estimate took %.1f s\n", filepath.Base(file), median(took))
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// through runs a plan and returns the bytes that every stage reads and writes by
// its store, inputs included.
func through(t *testing.T, p plan.Plan) map[task.Stage][2]float64 {
	ctx := context.Background()
	dir := t.TempDir()
	counters, err := request.OpenCounters(p, nil, means)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, task.WorkDir), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := task.WriteJSON(ctx, store.NewLocal(dir), task.PlanFile, p); err != nil {
		t.Fatal(err)
	}
	moved := map[task.Stage][2]float64{}
	for _, name := range task.Order {
		through := &counted{Store: store.NewLocal(dir)}
		job := &task.Job{Plan: p, Out: through, Dir: dir, Parser: means.Parser, Workers: means.Workers}
		for _, c := range counters {
			job.Counters = append(job.Counters, c)
		}
		tasks, err := job.Tasks(name)
		if err != nil {
			t.Fatal(err)
		}
		input := int64(0)
		for task := range tasks {
			rec, _, err := stage.Do(ctx, job, name, task)
			if err != nil {
				t.Fatal(err)
			}
			input += rec.Bytes
		}
		moved[name] = [2]float64{float64(through.read.Load() + input), float64(through.written.Load())}
	}
	return moved
}

// apart does what a variable of the environment says, in a process of its own.
func apart(t *testing.T, dir, what string) (u used) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TALLYSTICK_STAGE_IN="+dir, what)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &u)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestWalk prints what docs/scale.md says of 5 TB on 128 machines, from the
// estimate.json of a mixed corpus that TALLYSTICK_WALK names.
func TestWalk(t *testing.T) {
	name := os.Getenv("TALLYSTICK_WALK")
	if name == "" {
		t.Skip("for docs/scale.md")
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	e, err := estimate.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	const shard = 64 << 20
	p := plan.Plan{
		RunID: e.RunID, Partitions: 256, ShardSize: shard, Files: []plan.File{{Path: "corpus", Compression: "none"}},
		AuditPPM: plan.DefaultAuditPPM, AuditLeast: plan.DefaultAuditLeast, AuditMost: plan.DefaultAuditMost,
	}
	for range int64(5e12) / shard {
		p.Shards = append(p.Shards, plan.Shard{Length: shard})
	}
	for _, f := range []estimate.Fleet{{Machines: 128, Cores: 16, Network: 1.25e9}, {Machines: 128, Cores: 16, Network: 1.25e9, Store: true}} {
		walked := estimate.New(p, e.Sample, f, e.CPU)
		if err := walked.WriteTable(os.Stdout); err != nil {
			t.Fatal(err)
		}
	}
}
