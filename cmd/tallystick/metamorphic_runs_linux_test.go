package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/s3"
	"github.com/tallystick/tallystick/engine/store/s3server"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// ways are the kinds of runs that TestMetamorphicRuns draws from, each as often as
// its weight says.
var ways = []struct {
	name   string
	weight int
	do     func(*metamorphicRun)
}{
	{"run", 2, (*metamorphicRun).inOne},
	{"run, killed and resumed", 2, (*metamorphicRun).resumed},
	{"tasks of processes", 3, (*metamorphicRun).processes},
	{"tasks in process", 4, (*metamorphicRun).inProcess},
	{"tasks in process, in a store that fails", 4, (*metamorphicRun).failingStore},
	{"run or tasks in an S3 server", 1, (*metamorphicRun).bucketRun},
}

// TestMetamorphicRuns does the same corpus in ways drawn by lot, each run with its
// own files, shards, partitions, tasks that decide, what other thresholds need, workers, memory
// bounds, kernels, parsers, stores, kills and repeats, and compares every byte with a plain run of
// the same plan, the tally and decisions with those of all plans of its bands, and what other
// thresholds need with that of plans with other tasks that decide. TALLYSTICK_METAMORPHIC says how
// many (make metamorphic: 500). What a failed run left is kept.
func TestMetamorphicRuns(t *testing.T) {
	runs, only := 8, -1
	if text := os.Getenv("TALLYSTICK_METAMORPHIC"); text != "" {
		first, rest, one := strings.Cut(text, "#") // "500" runs, or run "#7" alone
		n, err := strconv.Atoi(cmp.Or(first, rest))
		if err != nil {
			t.Fatalf("TALLYSTICK_METAMORPHIC=%q: %v", text, err)
		}
		if runs = n; one {
			runs, only = n+1, n
		}
	} else if testing.Short() {
		t.Skip("short: runs the program a few dozen times")
	}
	seed := *metamorphicSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (repeat with -metamorphic-seed %d, one run of it with TALLYSTICK_METAMORPHIC=#N)", seed, seed)
	m := newMetamorphic(t, seed)
	counts := map[string]int{}
	for i := max(0, only); i < runs; i++ {
		rng := rand.New(rand.NewPCG(seed, uint64(i)+100))
		way := m.draw(rng)
		counts[ways[way].name]++
		if !t.Run(fmt.Sprint(i), func(t *testing.T) { m.one(t, rng, way) }) {
			t.Fatalf("run %d of seed %d: %s", i, seed, ways[way].name)
		}
	}
	t.Logf("%v; %d plans, one answer", counts, len(m.bases))
}

// metamorphic is what the runs share.
type metamorphic struct {
	dir   string
	tools []string         // programs
	forms []string         // folders with the documents
	bases map[string]files // plain runs by folder, shard size, tasks that decide and floor
	first map[string]first // of all of them, by floor
	kept  map[string]files // what they keep for other thresholds, by folder, shard size and floor
	s3    *s3server.Server // nil: none is there
}

// first is what the first run of some bands tallied and decided.
type first struct {
	tally []byte
	kept  []decision.Row
}

// files are those of a run by name.
type files = map[string][]byte

func newMetamorphic(t *testing.T, seed uint64) *metamorphic {
	t.Helper()
	m := &metamorphic{dir: t.TempDir(), bases: map[string]files{}, first: map[string]first{}, kept: map[string]files{}}
	m.tools = []string{buildProgram(t), buildProgram(t, "-tags", "purego")}
	rng := rand.New(rand.NewPCG(seed, 2))
	lines := randomLines(t, rng, 250)
	for i, form := range []struct {
		files int
		write func(io.Writer) io.WriteCloser
	}{{1, plain}, {9, plain}, {4, gzipped}, {2, zstded}} {
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		in := filepath.Join(m.dir, fmt.Sprint("in", i))
		for f := range form.files {
			from, to := f*len(lines)/form.files, (f+1)*len(lines)/form.files
			writeLines(t, filepath.Join(in, fmt.Sprintf("%02d.jsonl", f)), lines[from:to], form.write)
		}
		m.forms = append(m.forms, in)
	}
	if os.Getenv("TALLYSTICK_TEST_S3") != "" {
		server := s3server.Start(t)
		server.Bucket(t, "runs")
		for k, v := range server.Environment() {
			t.Setenv(k, v)
		}
		s3.Register()
		m.s3 = &server
	}
	return m
}

// draw returns the number of a way.
func (m *metamorphic) draw(rng *rand.Rand) int {
	total := 0
	for _, w := range ways {
		total += w.weight
	}
	n := rng.IntN(total)
	for i, w := range ways {
		if n -= w.weight; n < 0 {
			return i
		}
	}
	return 0
}

// metamorphicRun is one run.
type metamorphicRun struct {
	*metamorphic
	*testing.T
	rng     *rand.Rand
	in      string
	shard   string
	decide  int    // tasks that decide
	floor   string // of a sweepable run
	dir     string // of the run's own files
	out     string
	mem     *store.Mem // with faults, in place of out
	left    bool       // work files, or unfinished ones of killed processes, may be left
	history strings.Builder
}

func (m *metamorphic) one(t *testing.T, rng *rand.Rand, way int) {
	dir, err := os.MkdirTemp("", "metamorphic-")
	if err != nil {
		t.Fatal(err)
	}
	r := &metamorphicRun{metamorphic: m, T: t, rng: rng, dir: dir, out: filepath.Join(dir, "out")}
	r.in = m.forms[rng.IntN(len(m.forms))]
	r.shard = []string{"20KB", "50KB", "150KB", "10MB"}[rng.IntN(4)]
	r.decide = []int{1, 1, 2, 3, 9}[rng.IntN(5)]
	if rng.IntN(3) == 0 {
		r.floor = "0.6"
	}
	base := r.base()
	defer func() {
		if t.Failed() {
			t.Logf("%s of %s in shards of %s, kept in %s:\n%s", ways[way].name, r.in, r.shard, dir, &r.history)
			return
		}
		os.RemoveAll(dir)
	}()
	if ways[way].do(r); t.Failed() {
		return
	}
	r.compare(base)
}

// base returns what a plain run of the same plan wrote.
func (r *metamorphicRun) base() files {
	r.Helper()
	name := fmt.Sprintf("%s-%s-%d%s", filepath.Base(r.in), r.shard, r.decide, r.floor)
	if b, ok := r.bases[name]; ok {
		return b
	}
	out := filepath.Join(r.metamorphic.dir, name)
	command(r.T, r.tools[0], nil, r.args("run", r.in, out, "--workers", "1", "--max-rejects", "1000")...)
	b := snapshot(r.T, out)
	got := first{b["tally.jsonl"], readDecisions(r.T, out)}
	want, known := r.first[r.floor]
	if !known {
		r.first[r.floor], want = got, got
	}
	if !bytes.Equal(want.tally, got.tally) {
		r.Fatalf("%s: another tally than that of the first plan", name)
	}
	if diff := gocmp.Diff(want.kept, got.kept); diff != "" {
		r.Fatalf("%s: other decisions than those of the first plan:\n%s", name, diff)
	}
	r.bases[name] = b
	if r.decide > 1 && r.floor != "" { // so that there is one to compare with
		decide := r.decide
		r.decide = 1
		r.base()
		r.decide = decide
	}
	kept := maps.Clone(b)
	maps.DeleteFunc(kept, func(name string, _ []byte) bool { return !strings.HasPrefix(name, sweepable.Dir+"/") })
	of := fmt.Sprintf("%s-%s-%s", filepath.Base(r.in), r.shard, r.floor)
	if other, known := r.kept[of]; !known {
		r.kept[of] = kept
	} else if !maps.EqualFunc(other, kept, bytes.Equal) {
		r.Fatalf("%s: keeps something else for other thresholds than another number of tasks that decide", name)
	}
	if (len(kept) > 0) != (r.floor != "") {
		r.Fatalf("%s: keeps %d files for other thresholds", name, len(kept))
	}
	return b
}

func (r *metamorphicRun) args(verb, in, out string, more ...string) []string {
	args := []string{
		verb, in, "--tokenizer", "gpt2", "--tokenizer", bytesTokenizer, "--out", out, "--shard-size", r.shard,
		"--decide-tasks", fmt.Sprint(r.decide), "--quiet",
	}
	if r.floor != "" {
		args = append(args, "--floor", r.floor)
	}
	return append(args, more...)
}

func (r *metamorphicRun) compare(base files) {
	r.Helper()
	var got files
	if r.mem != nil {
		got = r.snapshotStore(r.mem)
	} else if !object.IsName(r.out) {
		got = snapshot(r.T, r.out)
	} else {
		s, err := s3.NewStore(r.client(), r.out)
		if err != nil {
			r.Fatal(err)
		}
		got = r.snapshotStore(s)
	}
	for name := range base {
		if !bytes.Equal(base[name], got[name]) {
			r.Errorf("%s differs (%d bytes, %d in a plain run)", name, len(got[name]), len(base[name]))
		}
	}
	for name := range got {
		if _, ok := base[name]; ok || r.left && (strings.HasPrefix(name, task.WorkDir+"/") || strings.HasPrefix(filepath.Base(name), store.TempPrefix)) {
			continue
		}
		r.Errorf("%s is there in one run only", name)
	}
}

func (r *metamorphicRun) snapshotStore(s store.Store) files {
	r.Helper()
	all := files{}
	entries, err := s.List(context.Background(), "")
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range entries {
		if e.Name == "timings.json" || e.Name == "report.html" {
			continue
		}
		f, err := s.Open(context.Background(), e.Name)
		if err != nil {
			r.Fatal(err)
		}
		if all[e.Name], err = io.ReadAll(f); err != nil {
			r.Fatal(err)
		}
		f.Close()
	}
	return all
}
