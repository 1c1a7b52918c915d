package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/tokenize"
)

var metamorphicSeed = flag.Uint64("metamorphic-seed", 0, "seed of the metamorphic test; 0 draws one")

// TestMetamorphic is Law 4: a run is a function of its documents. It runs the
// real program over one random corpus in many ways and compares every byte.
func TestMetamorphic(t *testing.T) {
	if testing.Short() {
		t.Skip("short: runs the program a few dozen times")
	}
	seed := *metamorphicSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (repeat with -metamorphic-seed %d)", seed, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	lines := randomCorpus(t, rng)
	asm, pure := buildProgram(t), buildProgram(t, "-tags", "purego")
	hf := ""
	if tokenize.HFAvailable {
		hf = buildProgram(t, "-tags", "hf")
	}

	dir := t.TempDir()
	one := filepath.Join(dir, "one")
	writeLines(t, filepath.Join(one, "all.jsonl"), lines, plain)
	base := runTool(t, asm, nil, one, filepath.Join(dir, "base"), "--workers", "1")

	t.Run("same plan", func(t *testing.T) {
		for _, v := range []struct {
			name string
			tool string
			env  []string
			args []string
		}{
			{"2 workers", asm, nil, []string{"--workers", "2"}},
			{"7 workers", asm, nil, []string{"--workers", "7"}},
			{"simdjson", asm, nil, []string{"--parser", "simdjson"}},
			{"generic kernels", asm, []string{"TALLYSTICK_KERNELS=generic"}, nil},
			{"AVX2 kernels", asm, []string{"TALLYSTICK_KERNELS=avx2"}, nil},
			{"purego", pure, nil, []string{"--workers", "3"}},
			{"hf", hf, nil, []string{"--engine", "hf"}},
			{"small caches", asm, nil, []string{"--cache", "64KiB"}},
		} {
			t.Run(v.name, func(t *testing.T) {
				if v.tool == "" {
					t.Skip("NOTICE: skipped: needs the engine hf (make hf, then go test -tags hf)")
				}
				if v.name == "simdjson" && !simdjsonHere() {
					t.Skip("this CPU cannot run simdjson")
				}
				got := runTool(t, v.tool, v.env, one, filepath.Join(t.TempDir(), "out"), v.args...)
				sameFolder(t, base, got)
			})
		}
	})

	t.Run("sweepable", func(t *testing.T) {
		kept := runTool(t, asm, nil, one, filepath.Join(t.TempDir(), "out"), "--workers", "1", "--floor", "0.6")
		sameFolder(t, kept, runTool(t, asm, []string{"TALLYSTICK_KERNELS=generic"}, one, filepath.Join(t.TempDir(), "out"), "--workers", "3", "--floor", "0.6", "--memory", "64MiB"))
		sameFolder(t, kept, runTool(t, asm, []string{"TALLYSTICK_KERNELS=avx2"}, one, filepath.Join(t.TempDir(), "out"), "--workers", "2", "--floor", "0.6"))
		sameFolder(t, kept, runTool(t, pure, nil, one, filepath.Join(t.TempDir(), "out"), "--workers", "7", "--floor", "0.6"))
		low, back := filepath.Join(t.TempDir(), "low"), filepath.Join(t.TempDir(), "back")
		command(t, asm, nil, "rethreshold", kept, "--threshold", "0.6", "--out", low)
		sameFolder(t, low, runTool(t, asm, nil, one, filepath.Join(t.TempDir(), "out"), "--floor", "0.6", "--threshold", "0.6"))
		command(t, pure, nil, "rethreshold", low, "--threshold", "0.8", "--out", back, "--workers", "3")
		sameFolder(t, kept, back)
		bounded := filepath.Join(t.TempDir(), "bounded")
		command(t, asm, nil, "rethreshold", low, "--threshold", "0.8", "--out", bounded, "--memory", "64MiB")
		sameFolder(t, kept, bounded)
	})

	t.Run("tasks one at a time, in any order", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		command(t, asm, nil, "plan", one, "--tokenizer", "gpt2", "--tokenizer", bytesTokenizer, "--out", out, "--shard-size", shardSize)
		for _, s := range []struct {
			name  string
			tasks int
		}{{"scan", countShards(t, out)}, {"match", countPartitions(t, out)}, {"resolve", 1}, {"tally", countShards(t, out)}, {"seal", 1}} {
			for _, i := range rng.Perm(s.tasks) {
				command(t, asm, nil, "stage", s.name, "--plan", filepath.Join(out, "plan.json"), "--task", fmt.Sprint(i), "--max-rejects", "1000")
			}
		}
		sameFolder(t, base, out)
	})

	t.Run("killed and resumed", func(t *testing.T) {
		for range 3 {
			out := filepath.Join(t.TempDir(), "out")
			kills := killedRun(t, rng, asm, one, out)
			t.Logf("killed %d times before it finished", kills)
			if kills == 0 {
				t.Error("no run was killed: nothing was tested")
			}
			sameFolder(t, base, out)
		}
	})

	t.Run("tokenizers alone, and turned", func(t *testing.T) {
		turned := filepath.Join(t.TempDir(), "turned")
		command(t, asm, nil, "run", one, "--tokenizer", bytesTokenizer, "--tokenizer", "gpt2", "--out", turned, "--shard-size", shardSize, "--max-rejects", "1000")
		for spec, at := range map[string][2]string{"gpt2": {base, turned}, bytesTokenizer: {turned, base}} {
			alone := filepath.Join(t.TempDir(), "alone")
			command(t, asm, nil, "run", one, "--tokenizer", spec, "--out", alone, "--shard-size", shardSize, "--max-rejects", "1000")
			main, further := tallyTokens(t, alone, "")
			if further != nil {
				t.Errorf("%s alone: further tokenizers in the tally", spec)
			}
			name := strings.TrimSuffix(filepath.Base(spec), ".json")
			if got, _ := tallyTokens(t, at[0], name); !slices.Equal(got, main) {
				t.Errorf("%s: other tokens as the main tokenizer of two than alone", name)
			}
			if _, got := tallyTokens(t, at[1], name); !slices.Equal(got, main) {
				t.Errorf("%s: other tokens as the further tokenizer than alone", name)
			}
		}
	})

	t.Run("other files, order and compression", func(t *testing.T) {
		want := readDecisions(t, base)
		for _, v := range []struct {
			name  string
			files int
			form  func(io.Writer) io.WriteCloser
		}{
			{"50 shuffled files", 50, plain},
			{"7 shuffled gzip files", 7, gzipped},
			{"one shuffled zstd file", 1, zstded},
		} {
			t.Run(v.name, func(t *testing.T) {
				shuffled := slices.Clone(lines)
				rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				in := t.TempDir()
				for i := range v.files {
					from, to := i*len(shuffled)/v.files, (i+1)*len(shuffled)/v.files
					writeLines(t, filepath.Join(in, fmt.Sprintf("%02d.jsonl", rng.IntN(50)*100+i)), shuffled[from:to], v.form)
				}
				got := runTool(t, asm, nil, in, filepath.Join(t.TempDir(), "out"))
				for _, name := range []string{"tally.jsonl", "tally.parquet"} {
					if !bytes.Equal(readFile(t, filepath.Join(base, name)), readFile(t, filepath.Join(got, name))) {
						t.Errorf("%s differs", name)
					}
				}
				if diff := gocmp.Diff(want, readDecisions(t, got)); diff != "" {
					t.Errorf("decisions differ in more than places:\n%s", diff)
				}
				command(t, asm, nil, "verify", got, "--inputs")
			})
		}
	})
}

const (
	shardSize = "300KB"
	// bytesTokenizer counts beside GPT-2 in every run.
	bytesTokenizer = "../../testdata/tokenizers/bytes.json"
)

func randomCorpus(t *testing.T, rng *rand.Rand) []string { return randomLines(t, rng, 700) }

// randomLines draws so many documents from the bundled corpus, copies and edits some
// by other contributors, and adds lines that must be rejected.
func randomLines(t *testing.T, rng *rand.Rand, documents int) []string {
	type document struct {
		ID          string `json:"id,omitempty"`
		Text        string `json:"text"`
		Contributor string `json:"contributor,omitempty"`
		Created     string `json:"created,omitempty"`
	}
	var pool []document
	for _, name := range plainCorpora(t) {
		for _, l := range bytes.Split(readFile(t, name), []byte("\n")) {
			var d document
			if len(l) > 0 && json.Unmarshal(l, &d) == nil {
				pool = append(pool, d)
			}
		}
	}
	if len(pool) < 50 {
		t.Fatalf("only %d documents to draw from", len(pool))
	}
	var lines []string
	for i := range documents {
		d := pool[rng.IntN(len(pool))]
		if len(d.Text) > 6000 {
			d.Text = strings.ToValidUTF8(d.Text[:6000], "")
		}
		switch rng.IntN(6) {
		case 0: // another contributor's copy
			d.Contributor = fmt.Sprintf("copyist %d", rng.IntN(5))
		case 1: // an edited copy
			words := strings.Fields(d.Text)
			for range 1 + len(words)/100 {
				if len(words) > 0 {
					words[rng.IntN(len(words))] = fmt.Sprintf("edit%d", rng.IntN(1000))
				}
			}
			d.Text = strings.Join(words, " ")
			d.Contributor = fmt.Sprintf("editor %d", rng.IntN(5))
		case 2:
			d.Created = ""
		case 3:
			d.ID = ""
		case 4: // tiny documents
			d.Text = strings.Join(strings.Fields(d.Text)[:min(rng.IntN(4), len(strings.Fields(d.Text)))], " ")
		}
		if rng.IntN(3) > 0 && d.ID != "" {
			d.ID = fmt.Sprintf("%s#%d", d.ID, i)
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	for range 12 {
		bad := []string{`{"text":1,"contributor":"c"}`, `{"text":"a`, `[1]`, "{\"text\":\"\xff\"}", `{"text":"\ud800"}`, `{"text":"a","text":"b"}`}
		lines = append(lines, bad[rng.IntN(len(bad))])
	}
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

func plainCorpora(t *testing.T) []string {
	found, err := filepath.Glob(filepath.Join("..", "..", "testdata", "corpus", "*.jsonl"))
	if err != nil || len(found) == 0 {
		t.Fatal("no plain corpus in testdata/corpus")
	}
	return found
}

// tallyTokens returns the tokens of every class and contributor of a tally, by
// the main tokenizer and by that of the label.
func tallyTokens(t *testing.T, dir, label string) (main, further []uint64) {
	t.Helper()
	for line := range bytes.Lines(readFile(t, filepath.Join(dir, "tally.jsonl"))) {
		var row map[string]json.RawMessage
		var by map[string]map[string]uint64
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if raw, ok := row["further_tokens"]; ok {
			if err := json.Unmarshal(raw, &by); err != nil {
				t.Fatal(err)
			}
		}
		for _, class := range []string{"in", "kept", "exact_dup", "near_dup", "excluded", "rejected"} {
			var counts struct{ Tokens uint64 }
			if err := json.Unmarshal(row[class], &counts); err != nil {
				t.Fatal(err)
			}
			main = append(main, counts.Tokens)
			if tokens, ok := by[label]; ok {
				further = append(further, tokens[class])
			}
		}
	}
	return main, further
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func plain(w io.Writer) io.WriteCloser   { return nopCloser{w} }
func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zstded(w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w)
	if err != nil {
		panic(err)
	}
	return z
}

// writeLines writes lines in two members or frames, so that readers which
// stop after the first lose documents.
func writeLines(t *testing.T, path string, lines []string, form func(io.Writer) io.WriteCloser) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, part := range [][]string{lines[:len(lines)/2], lines[len(lines)/2:]} {
		w := form(&b)
		for _, l := range part {
			fmt.Fprintln(w, l)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func buildProgram(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tallystick")
	cmd := exec.Command("go", append(append([]string{"build"}, args...), "-o", path, ".")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func runArgs(in, out string, args ...string) []string {
	return append([]string{
		"run", in, "--tokenizer", "gpt2", "--tokenizer", bytesTokenizer, "--out", out, "--shard-size", shardSize, "--max-rejects", "1000",
	}, args...)
}

func runTool(t *testing.T, tool string, env []string, in, out string, args ...string) string {
	t.Helper()
	command(t, tool, env, runArgs(in, out, args...)...)
	return out
}

func command(t *testing.T, tool string, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tallystick %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// killedRun kills runs after random times until one gets through.
func killedRun(t *testing.T, rng *rand.Rand, tool, in, out string) (kills int) {
	t.Helper()
	for limit := 20 * time.Millisecond; ; limit = limit * 5 / 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Int64N(int64(limit))))
		cmd := exec.CommandContext(ctx, tool, runArgs(in, out, "--resume")...)
		output, err := cmd.CombinedOutput()
		cancel()
		if err == nil {
			return kills
		}
		var exit *exec.ExitError
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			continue // time was up before it began, or just as it ended
		case !errors.As(err, &exit) || exit.ExitCode() != -1:
			t.Fatalf("%v\n%s", err, output) // not killed: it failed by itself
		}
		kills++
		if kills > 200 {
			t.Fatal("200 kills and no end")
		}
	}
}

// sameFolder compares every file but those outside Law 4.
func sameFolder(t *testing.T, want, got string) {
	t.Helper()
	a, b := snapshot(t, want), snapshot(t, got)
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			t.Errorf("%s is there in one run only", name)
		}
	}
}

func snapshot(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if base := d.Name(); base == "timings.json" || base == "report.html" {
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		files[rel] = readFile(t, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 6 {
		t.Fatalf("%s holds %d files: no run", dir, len(files))
	}
	return files
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readDecisions returns all decisions without the columns that name a place,
// sorted.
func readDecisions(t *testing.T, dir string) []decision.Row {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "decisions", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []decision.Row
	for shard, name := range names {
		b := readFile(t, name)
		r, err := decision.NewReader(bytes.NewReader(b), int64(len(b)), shard, plan.Tokenizer{Label: "bytes"})
		if err != nil {
			t.Fatal(err)
		}
		for {
			row, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			own := *row
			own.Shard, own.Line, own.Offset, own.WitnessShard, own.WitnessLine = 0, 0, 0, 0, 0
			rows = append(rows, own)
		}
	}
	if len(rows) == 0 {
		t.Fatal("nothing was dropped: the corpus is too tame to test with")
	}
	// By every column: two edited copies without an id can be alike in all but
	// their shared buckets.
	slices.SortFunc(rows, func(a, b decision.Row) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return rows
}

func planOf(t *testing.T, out string) (p struct {
	Partitions int               `json:"partitions"`
	Shards     []json.RawMessage `json:"shards"`
}) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, filepath.Join(out, "plan.json")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func countShards(t *testing.T, out string) int     { return len(planOf(t, out).Shards) }
func countPartitions(t *testing.T, out string) int { return planOf(t, out).Partitions }
