package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/store"
)

// TestBadInput runs the program, built as users get it (the race detector
// would make it slow and large), on input that is not as it should be.
func TestBadInput(t *testing.T) {
	useProgram(t)
	t.Run("bad lines", testBadLines)
	t.Run("gigabyte line", testGigabyteLine)
	t.Run("truncated streams", testTruncatedStreams)
	t.Run("standard input", testStandardInput)
	t.Run("leftovers", testLeftovers)
	t.Run("input changed", testInputChanged)
	t.Run("many contributors", testManyContributors)
}

// useProgram builds the program and puts it first in the path.
func useProgram(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", filepath.Dir(buildProgram(t))+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// outcome is what one run of the program left to see.
type outcome struct {
	code           int
	stdout, stderr string
}

// program prepares the tallystick of the path to run in folder dir.
func program(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tallystick", args...)
	cmd.Dir = dir
	return cmd
}

// finish runs a prepared program to its end, whatever that is.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "goroutine ") {
		t.Fatalf("%q panicked:\n%s", cmd.Args, &stderr)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// expect runs the program in folder dir and wants an exit code and, on
// standard error, every one of the texts.
func expect(t *testing.T, dir string, code int, args []string, texts ...string) outcome {
	t.Helper()
	o := finish(t, program(t, dir, args...))
	o.want(t, code, texts...)
	return o
}

func (o outcome) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(o.stderr, text) {
			t.Errorf("standard error does not say %q:\n%s", text, o.stderr)
		}
	}
}

func job(in, out string, more ...string) []string {
	return append([]string{"run", in, "--tokenizer", "gpt2", "--quiet", "--out", out}, more...)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// jsonLines reads a JSONL file into a slice of T.
func jsonLines[T any](t *testing.T, path string) []T {
	t.Helper()
	var all []T
	for line := range bytes.Lines(readFile(t, path)) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, v)
	}
	return all
}

type reject struct {
	File        string `json:"file"`
	Line        int64  `json:"line"`
	Offset      int64  `json:"offset"`
	Column      int64  `json:"column"`
	Reason      string `json:"reason"`
	Contributor string `json:"contributor"`
}

type tallyRow struct {
	Contributor string `json:"contributor"`
	In, Kept    struct{ Documents, Tokens int64 }
	Rejected    struct{ Documents, Tokens int64 }
}

// noTemporaries wants no file that a killed or failed process did not finish.
func noTemporaries(t *testing.T, dir string) {
	t.Helper()
	if left := temporaries(t, dir); len(left) != 0 {
		t.Errorf("half-written files are left: %q", left)
	}
}

func temporaries(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), store.TempPrefix) {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

// testBadLines: every kind of line that cannot be used is a reject record with
// its exact place, the good lines between are all counted, and the form of the
// file makes no difference but for the offsets.
func testBadLines(t *testing.T) {
	bad := []struct {
		line   string
		reason string
		column int64
	}{
		{`{"text":"broken`, "invalid_json", 16},
		{`{"text":"a"`, "invalid_json", 12},
		{`{"text":"a",}`, "invalid_json", 13},
		{`{'text':'a'}`, "invalid_json", 2},
		{`{"text":"a"} {"text":"b"}`, "invalid_json", 14},
		{`{"text":"a","n":01}`, "invalid_json", 18},
		{`{"text":"a","n":NaN}`, "invalid_json", 17},
		{`{"text":"a\x"}`, "invalid_json", 12},
		{`{"text":"\u12g4"}`, "invalid_json", 14},
		{"\x00", "invalid_json", 1},
		{"\ufeff{\"text\":\"a byte order mark\"}", "invalid_json", 1},
		{`[{"text":"a"}]`, "not_object", 1},
		{`"text"`, "not_object", 1},
		{`null`, "not_object", 1},
		{`{"text":null}`, "text_not_string", 9},
		{`{"text":{"text":"a"}}`, "text_not_string", 9},
		{`{"text":["a"]}`, "text_not_string", 9},
		{`{"Text":"a"}`, "text_missing", 1},
		{`{}`, "text_missing", 1},
		{"{\"text\":\"a\x00b\"}", "control_character", 11},
		{"{\"text\":\"a\tb\"}", "control_character", 11},
		{"{\"other\":\"\x1f\",\"text\":\"a\"}", "control_character", 11},
		{`{"text":"\ud800"}`, "lone_surrogate", 10},
		{`{"text":"x\udc00"}`, "lone_surrogate", 11},
		{`{"text":"\ud800\ud800"}`, "lone_surrogate", 10},
		{`{"text":"\ud83d \ude00"}`, "lone_surrogate", 10},
		{"{\"text\":\"ab\xff\"}", "invalid_utf8", 12},
		{"{\"text\":\"\xc0\x80\"}", "invalid_utf8", 10},
		{"{\"text\":\"\xed\xa0\x80\"}", "invalid_utf8", 10},
		{"{\"text\":\"\xf4\x90\x80\x80\"}", "invalid_utf8", 10},
		{"{\"text\":\"ab\xe4\xb8\"}", "invalid_utf8", 12},
		{"{\"text\":\"a\",\"k\xff\":1}", "invalid_utf8", 15},
		{`{"text":"a","text":"b"}`, "duplicate_key", 13},
		{`{"text":"a","\u0074ext":"b"}`, "duplicate_key", 13},
		{`{"text":"a","x":` + strings.Repeat("[", 200_000), "invalid_json", 0},
	}
	var lines []string
	for i, b := range bad {
		lines = append(lines, fmt.Sprintf(`{"text":"good line %d, which nothing above or below may cost","contributor":"Ann"}`, i), b.line)
	}
	lines = append(lines, `{"text":"the last one","contributor":"Ann"}`)
	asIs := func(data []byte) []byte { return data }
	for _, form := range []struct {
		name, end string
		of        func([]byte) []byte
	}{{"plain", "\n", asIs}, {"plain", "\r\n", asIs}, {"gzip", "\n", gzipOf}, {"zstd", "\r\n", zstdOf}} {
		t.Run(fmt.Sprintf("%s %q", form.name, form.end), func(t *testing.T) {
			dir := t.TempDir()
			text := strings.Join(lines, form.end) // the last line has no end
			write(t, filepath.Join(dir, "in.jsonl"), form.of([]byte(text)))
			expect(t, dir, exitRejects, job("in.jsonl", "out"), fmt.Sprintf("%d lines rejected, 0 allowed", len(bad)))
			got := jsonLines[reject](t, filepath.Join(dir, "out", "rejects.jsonl"))
			if len(got) != len(bad) {
				t.Fatalf("%d rejects, want %d", len(got), len(bad))
			}
			offset := int64(0)
			for i, line := range lines {
				if i%2 == 1 {
					b := bad[i/2]
					want := reject{"in.jsonl", int64(i + 1), offset, b.column, b.reason, "(unattributed)"}
					if b.column == 0 { // where nesting is too deep is the parser's business
						want.Column = got[i/2].Column
					}
					if got[i/2] != want {
						t.Errorf("%.60q\n got %+v\nwant %+v", b.line, got[i/2], want)
					}
				}
				offset += int64(len(line) + len(form.end))
			}
			rows := jsonLines[tallyRow](t, filepath.Join(dir, "out", "tally.jsonl"))
			if len(rows) != 2 || rows[1].Contributor != "Ann" || rows[1].Kept.Documents != int64(len(bad)+1) ||
				rows[0].Rejected.Documents != int64(len(bad)) || rows[0].Rejected.Tokens != 0 {
				t.Errorf("tally: %+v", rows)
			}
			expect(t, dir, exitDone, []string{"verify", "out", "--inputs", "--quiet"})
		})
	}
}

// testGigabyteLine: a line of a gigabyte is one reject, its neighbours are
// counted, and the memory that the process allocates stays below 400 MB.
func testGigabyteLine(t *testing.T) {
	if testing.Short() {
		t.Skip("short: reads a gigabyte three times")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs ulimit -d as Linux has it")
	}
	dir := t.TempDir()
	sparse := filepath.Join(dir, "plain.jsonl")
	head, tail := []byte(`{"text":"before"}`+"\n"), []byte("\n"+`{"text":"after"}`+"\n")
	write(t, sparse, head)
	if err := os.Truncate(sparse, int64(len(head))+1<<30); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(sparse, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(tail); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// One compressed block of 16 MiB, 64 times: members and frames follow one
	// another without a seam.
	var stretch bytes.Buffer
	for name, form := range map[string]func(data []byte) []byte{"gzip.jsonl": gzipOf, "zstd.jsonl": zstdOf} {
		stretch.Reset()
		stretch.Write(form(head))
		block := form(bytes.Repeat([]byte("abcdefghijklmnop"), 1<<20))
		for range 64 {
			stretch.Write(block)
		}
		stretch.Write(form(tail))
		write(t, filepath.Join(dir, name), stretch.Bytes())
	}
	for _, name := range []string{"plain.jsonl", "gzip.jsonl", "zstd.jsonl"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", `ulimit -d 400000 && exec tallystick "$@"`, "sh", "run", name,
				"--tokenizer", "gpt2", "--quiet", "--out", "out-"+name, "--max-line", "64MiB", "--max-rejects", "1")
			cmd.Dir = dir
			finish(t, cmd).want(t, exitDone)
			got := jsonLines[reject](t, filepath.Join(dir, "out-"+name, "rejects.jsonl"))
			want := []reject{{name, 2, int64(len(head)), 0, "line_too_long", "(unattributed)"}}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
			rows := jsonLines[tallyRow](t, filepath.Join(dir, "out-"+name, "tally.jsonl"))
			if len(rows) != 1 || rows[0].Kept.Documents != 2 {
				t.Errorf("tally: %+v", rows)
			}
		})
	}
}

func gzipOf(data []byte) []byte { return compressed(gzipped, data) }
func zstdOf(data []byte) []byte { return compressed(zstded, data) }

// testTruncatedStreams: of a compressed file that was cut, the lines that are
// whole are kept and the rest is one reject.
func testTruncatedStreams(t *testing.T) {
	var text bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&text, `{"id":"%d","text":"document %d of a delivery whose upload broke off %x","contributor":"Ann"}`+"\n", i, i, i*i*7919)
	}
	for _, form := range []struct {
		name string
		of   func([]byte) []byte
	}{{"gzip", gzipOf}, {"zstd", zstdOf}} {
		t.Run(form.name, func(t *testing.T) {
			dir := t.TempDir()
			// Two members: the first is whole, so it must be counted in full.
			first, second := form.of(text.Bytes()[:text.Len()/2]), form.of(text.Bytes()[text.Len()/2:])
			whole := append(slices.Clone(first), second...)
			write(t, filepath.Join(dir, "cut.jsonl"), whole[:len(first)+len(second)*3/4])
			expect(t, dir, exitRejects, job("cut.jsonl", "out"), " rejected, 0 allowed")
			rejects := jsonLines[reject](t, filepath.Join(dir, "out", "rejects.jsonl"))
			rows := jsonLines[tallyRow](t, filepath.Join(dir, "out", "tally.jsonl"))
			if len(rejects) != 1 || len(rows) != 2 {
				t.Fatalf("rejects %+v, tally %+v", rejects, rows)
			}
			kept := rows[1].Kept.Documents
			if kept < 1500 || kept >= 3000 {
				t.Errorf("%d documents kept of the 1500 before the cut member and the half of the 1500 in it", kept)
			}
			lines := bytes.SplitAfter(text.Bytes(), []byte("\n"))
			offset := int64(len(bytes.Join(lines[:kept], nil)))
			want := reject{"cut.jsonl", kept + 1, offset, 0, "corrupt_stream", "(unattributed)"}
			if rejects[0] != want {
				t.Errorf("reject %+v, want %+v", rejects[0], want)
			}
			expect(t, dir, exitDone, []string{"verify", "out", "--inputs", "--quiet"})

			// A checksum that fails is the same kind of end.
			flipped := slices.Clone(whole)
			flipped[len(flipped)-3] ^= 0xff
			write(t, filepath.Join(dir, "flipped.jsonl"), flipped)
			expect(t, dir, exitRejects, job("flipped.jsonl", "flipped"), " rejected, 0 allowed")
			expect(t, dir, exitDone, []string{"verify", "flipped", "--inputs", "--quiet"})
		})
	}
}

func compressed(form func(io.Writer) io.WriteCloser, data []byte) []byte {
	var b bytes.Buffer
	w := form(&b)
	w.Write(data) // into memory: neither this nor Close fails
	w.Close()
	return b.Bytes()
}

// deliver writes a corpus of n short documents, every tenth a copy, and
// returns its path.
func deliver(t *testing.T, dir string, n int) string {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		k := i - i%10/9*5 // the tenth of ten repeats the fifth
		fmt.Fprintf(&b, `{"id":"%d","contributor":"c%d","text":"%s number %d of a delivery, %x"}`+"\n",
			i, i%7, strings.Repeat("some words about nothing in particular ", 4+k%5), k, k*k*k)
	}
	path := filepath.Join(dir, "in.jsonl")
	write(t, path, b.Bytes())
	return path
}

// testStandardInput: the same bytes give the same figures through a pipe,
// compressed or not, and the copy that is kept of them serves one run.
func testStandardInput(t *testing.T) {
	dir := t.TempDir()
	data := readFile(t, deliver(t, dir, 60))
	expect(t, dir, exitDone, job("in.jsonl", "file"))
	want := string(readFile(t, filepath.Join(dir, "file", "tally.jsonl")))
	pipe := func(out string, data []byte, more ...string) outcome {
		cmd := program(t, dir, job("-", out, more...)...)
		cmd.Stdin = struct{ io.Reader }{bytes.NewReader(data)} // not a file: a pipe
		return finish(t, cmd)
	}
	for name, form := range map[string]func([]byte) []byte{"gzip": gzipOf, "zstd": zstdOf, "plain": bytes.Clone} {
		pipe(name, form(data)).want(t, exitDone)
		if got := string(readFile(t, filepath.Join(dir, name, "tally.jsonl"))); got != want {
			t.Errorf("%s: tally differs:\n%s", name, got)
		}
		expect(t, dir, exitDone, []string{"verify", name, "--quiet"})
		noTemporaries(t, filepath.Join(dir, name))
	}
	pipe("gzip", gzipOf(data)[:500], "--force").want(t, exitRejects)

	// A finished run is found finished by the same bytes, and only by them.
	pipe("plain", data, "--resume").want(t, exitDone)
	pipe("plain", data[:len(data)-100], "--resume").want(t, exitFailed, "made from other inputs or rules")
	pipe("plain", data, "--resume").want(t, exitDone)

	// A dropped document can be explained, a kept one is gone.
	o := expect(t, dir, exitDone, []string{"explain", "plain", "4"}, "kept documents are not shown")
	if !strings.Contains(o.stdout, "exact_dup") {
		t.Errorf("explanation: %s", o.stdout)
	}
	expect(t, dir, exitFailed, []string{"explain", "plain", "9"}, "standard input is not there any more")

	// An unfinished run needs its standard input no more, but its rules.
	expect(t, dir, exitDone, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--quiet", "--out", "planned"})
	cmd := program(t, dir, "plan", "-", "--tokenizer", "gpt2", "--quiet", "--out", "half")
	cmd.Stdin = struct{ io.Reader }{bytes.NewReader(data)}
	finish(t, cmd).want(t, exitDone)
	pipe("half", nil, "--resume", "--threshold", "0.7").want(t, exitFailed, "made from other inputs or rules")
	pipe("half", nil, "--resume").want(t, exitDone)
	if got := string(readFile(t, filepath.Join(dir, "half", "tally.jsonl"))); got != want {
		t.Errorf("resumed: tally differs:\n%s", got)
	}
}

// testLeftovers: what a killed process leaves is swept when the run goes on,
// also where it was killed before it had a plan.
func testLeftovers(t *testing.T) {
	dir := t.TempDir()
	deliver(t, dir, 60)
	expect(t, dir, exitDone, job("in.jsonl", "whole"))
	out := filepath.Join(dir, "out")
	plant := func(places ...string) {
		for _, p := range places {
			if err := os.MkdirAll(filepath.Join(out, p), 0o777); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(out, p, store.TempPrefix+"LEFT"), []byte("half a fi"))
		}
	}
	for _, flags := range [][]string{nil, {"--resume"}} {
		plant("", ".work", ".work/scan")
		expect(t, dir, exitDone, job("in.jsonl", "out", flags...))
		noTemporaries(t, out)
		sameFolder(t, filepath.Join(dir, "whole"), out)
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, dir, exitDone, job("in.jsonl", "out"))
	plant("", "decisions", ".work/match")
	if err := os.Remove(filepath.Join(out, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, exitDone, job("in.jsonl", "out", "--resume"))
	noTemporaries(t, out)
	sameFolder(t, filepath.Join(dir, "whole"), out)
	plant("", "decisions", "bitmaps", ".work/scan")
	expect(t, dir, exitDone, job("in.jsonl", "out", "--force", "--keep-work"))
	noTemporaries(t, out)

	// Killed while the work folder was being removed: nothing is done again.
	if err := os.RemoveAll(filepath.Join(out, ".work", "scan")); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, filepath.Join(out, "timings.json"))
	expect(t, dir, exitDone, []string{"run", "in.jsonl", "--tokenizer", "gpt2", "--out", "out", "--resume"}, "is finished and whole")
	sameFolder(t, filepath.Join(dir, "whole"), out)
	var was, is struct{ Stages any }
	if json.Unmarshal(before, &was) != nil || json.Unmarshal(readFile(t, filepath.Join(out, "timings.json")), &is) != nil {
		t.Fatal("timings.json is no JSON")
	}
	if diff := gocmp.Diff(was, is); diff != "" || is.Stages == nil {
		t.Errorf("timings of the stages (-then +now):\n%s", diff)
	}
}

// testInputChanged: a run does not go on with other inputs than it began with.
func testInputChanged(t *testing.T) {
	dir := t.TempDir()
	in := deliver(t, dir, 60)
	whole := readFile(t, in)
	begin := func(out string) {
		expect(t, dir, exitDone, []string{"plan", "in.jsonl", "--tokenizer", "gpt2", "--quiet", "--out", out})
	}
	edited := bytes.Replace(whole, []byte("nothing"), []byte("NOTHING"), 1)
	for name, data := range map[string][]byte{"edited": edited, "longer": append(whole[:len(whole):len(whole)], "{}\n"...), "shorter": whole[:len(whole)/2]} {
		write(t, in, whole)
		begin(name)
		write(t, in, data)
		expect(t, dir, exitFailed, job("in.jsonl", name, "--resume"), "input changed since the plan was made", "hint:")
		expect(t, dir, exitFailed, []string{"stage", "scan", "--plan", name + "/plan.json"}, "in.jsonl: input changed")
		noTemporaries(t, filepath.Join(dir, name))
		write(t, in, whole)
		expect(t, dir, exitDone, job("in.jsonl", name, "--resume"))
		write(t, in, data)
		o := expect(t, dir, exitFailed, []string{"verify", name, "--inputs", "--quiet"}, "verification failed")
		if !strings.Contains(o.stdout, "in.jsonl") {
			t.Errorf("verify does not name the input:\n%s", o.stdout)
		}
	}

	// resolve reads texts again: they must be the ones that were counted.
	write(t, in, whole)
	begin("late")
	expect(t, dir, exitDone, []string{"stage", "scan", "--plan", "late/plan.json"})
	for i := range countPartitions(t, filepath.Join(dir, "late")) {
		expect(t, dir, exitDone, []string{"stage", "match", "--plan", "late/plan.json", "--task", fmt.Sprint(i)})
	}
	write(t, in, bytes.ReplaceAll(whole, []byte("nothing"), []byte("NOTHING")))
	expect(t, dir, exitFailed, []string{"stage", "resolve", "--plan", "late/plan.json"}, "in.jsonl: input changed", "not the one that was scanned")

	if err := os.Remove(in); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, exitFailed, job("in.jsonl", "edited", "--resume"), "in.jsonl: unreadable input")
}

// testManyContributors: names of every kind, thousands of them, each with its
// row and its payment; the page shows the largest and stays small.
func testManyContributors(t *testing.T) {
	const contributors = 8000
	dir := t.TempDir()
	var b bytes.Buffer
	names := []string{"line\nbreak", "<script>alert(1)</script>", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🦊", "tab\there", `quote"back\slash`, "\u202eright to left", "nul\x00nul", "a,b;c", " ", "=1+1", strings.Repeat("long", 5000)}
	want := map[string]bool{}
	for i := range contributors {
		name := fmt.Sprintf("contributor %05d", i)
		text := fmt.Sprintf("document number %d of many contributors, %x", i, i*i*i)
		if i < len(names) {
			name, text = names[i], strings.Repeat(text+" ", 50) // among the top, and so on the page
		}
		want[name] = true
		line, err := json.Marshal(map[string]string{"text": text, "contributor": name})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	write(t, filepath.Join(dir, "in.jsonl"), b.Bytes())
	o := expect(t, dir, exitDone, []string{"run", "in.jsonl", "--tokenizer", "gpt2", "--out", "out"})
	for _, c := range o.stdout {
		if c == 0 || c == '\u202e' {
			t.Errorf("the summary prints %q as it is", c)
		}
	}
	if len(o.stdout) > 20_000 {
		t.Errorf("a summary of %d bytes", len(o.stdout))
	}
	rows := jsonLines[tallyRow](t, filepath.Join(dir, "out", "tally.jsonl"))
	for _, r := range rows {
		if !want[r.Contributor] || r.Kept.Documents != 1 {
			t.Fatalf("row %+v", r)
		}
	}
	if len(rows) != contributors {
		t.Fatalf("%d rows, want %d", len(rows), contributors)
	}
	page := string(readFile(t, filepath.Join(dir, "out", "report.html")))
	if len(page) > 1<<20 || strings.Contains(page, "<script>alert") || !strings.Contains(page, "&lt;script&gt;alert") {
		t.Errorf("report.html has %d bytes and shows names unescaped or not at all", len(page))
	}
	expect(t, dir, exitDone, []string{"verify", "out", "--quiet"})
	for _, format := range []string{"jsonl", "csv", "table"} {
		o := expect(t, dir, exitDone, []string{"pay", "out", "--pool", "1000000", "--currency", "USD", "--format", format})
		if lines := strings.Count(o.stdout, "\n"); lines < contributors {
			t.Errorf("pay in %s: %d lines", format, lines)
		}
	}
}
