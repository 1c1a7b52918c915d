package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/docs/schema"
	"github.com/tallystick/tallystick/engine/lease"
)

// notSeen are properties of schemas that this test does not make the program write,
// with the reason.
var notSeen = map[string]string{
	"plan.files.etag": "of inputs in a store, which TestS3Scripts has",
}

// TestEveryFileHasItsSchema runs all commands that write JSON, in enough ways that
// they write all they can, and holds every file and line against its schema: a field
// that no schema names fails, and so do a file without a schema, a schema that no
// file has, and a property that nothing has.
func TestEveryFileHasItsSchema(t *testing.T) {
	if testing.Short() {
		t.Skip("short: runs the program a few dozen times")
	}
	corpus, err := filepath.Abs("../../testdata/corpus/tldr.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	c := schemaChecker{t, map[string]*schema.Checker{}}
	for name, data := range documentsForSchemas() {
		writeTestFile(t, name, data)
	}
	writeTestFile(t, "reference.jsonl", `{"text":"a text that the delivery should not have, with some more words","contributor":"nobody"}`+"\nnot JSON\n")
	tool := func(args ...string) []byte {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Main(append(args, "--quiet"), &stdout, &stderr); code != 0 {
			t.Fatalf("tallystick %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.Bytes())
		}
		return stdout.Bytes()
	}
	run := func(args ...string) []byte {
		t.Helper()
		return tool(append([]string{"run", "in", "--tokenizer", "gpt2", "--max-rejects", "100"}, args...)...)
	}

	// A cluster's tasks, half done, then done.
	c.one("estimate", tool("plan", corpus, "--tokenizer", "gpt2", "--out", "tasks", "--json", "--machines", "3", "--memory", "512MiB", "--decide-tasks", "2"))
	tool("stage", "scan", "--plan", "tasks/plan.json", "--task", "0")
	living, err := lease.Take("tasks/.work/running/match.00001.LIVING", "match task 1")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLURM_JOB_ID", "77")
	writeTestFile(t, "tasks/.work/running/match.00002.DEAD", fmt.Sprintf(`{"command":"match task 2","host":"elsewhere","pid":1,"job":"76","started":%q}`+"\n", time.Now().Add(-time.Hour).Format(time.RFC3339)))
	if err := os.Chtimes("tasks/.work/running/match.00002.DEAD", time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.lines("status", tool("status", "tasks", "--format", "jsonl"))
	living.Release()
	for task := range 4 {
		tool("stage", "match", "--plan", "tasks/plan.json", "--task", fmt.Sprint(task))
	}
	tool("stage", "decide", "--plan", "tasks/plan.json", "--tasks-per-job", "2")
	tool("stage", "resolve", "--plan", "tasks/plan.json", "--task", "0")
	tool("stage", "tally", "--plan", "tasks/plan.json", "--task", "0")
	tool("stage", "seal", "--plan", "tasks/plan.json", "--keep-work")

	// Every rule that leaves something in a file.
	run("--out", "first", "--tokenizer", "cl100k_base", "--credit", "shared", "--index", "--keep-work", "--audit", "100%", "--decide-tasks", "3",
		"--priority", "source", "--source-rank", "wiki,absent", "--alarm-documents", "2", "--alarm-loss", "1%",
		"--alarm-loss-excess", "0.1", "--alarm-group", "1", "--alarm-bucket", "1", "--alarm-candidates", "1")
	run("--out", "index", "--index")
	run("--out", "against", "--against", "index")
	run("--out", "reference", "--reference", "reference.jsonl")
	run("--out", "by-source", "--scope", "source")
	run("--out", "sweepable", "--sweepable", "--memory", "256MiB")
	tool("rethreshold", "sweepable", "--threshold", "0.6", "--out", "rethreshold")

	// Bands that miss much, for examples of what was missed.
	tool("run", corpus, "--tokenizer", "gpt2", "--out", "missed", "--threshold", "0.5", "--recall", "0.5", "--audit", "100%")

	// What commands print.
	c.lines("sweep", tool("sweep", "sweepable", "--format", "jsonl"))
	for _, folder := range []string{"first", "sweepable", "against"} {
		for _, id := range []string{"first", "copy", "near", "in/a.jsonl:6"} {
			if folder == "against" && id != "near" {
				continue
			}
			var each []json.RawMessage
			if err := json.Unmarshal(tool("explain", folder, id, "--format", "json"), &each); err != nil {
				t.Fatal(err)
			}
			for _, one := range each {
				c.one("explain", one)
			}
		}
	}
	writeTestFile(t, "pay1.jsonl", string(tool("pay", "first", "--pool", "1000", "--currency", "EUR", "--minimum", "1", "--share", "0.2", "--format", "jsonl")))
	tool("pay", "first", "--pool", "1000", "--currency", "EUR", "--tokenizer", "cl100k_base", "--carry-in", "pay1.jsonl", "--format", "jsonl", "-o", "pay2.jsonl")
	for _, by := range []string{"document", "file", "contributor", "total"} {
		c.lines("count", tool("count", "in", "--tokenizer", "gpt2", "--tokenizer", "cl100k_base", "--by", by, "--format", "jsonl", "--max-rejects", "100"))
	}

	c.folder(".")
	for name, checker := range c.known {
		for _, property := range checker.Unseen() {
			if notSeen[property] == "" {
				t.Errorf("%s: nothing that was written here has %s", name, property)
			}
		}
	}
	schemas, err := fs.Glob(schema.Files, "*.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range schemas {
		if name := strings.TrimSuffix(file, ".schema.json"); c.known[name] == nil {
			t.Errorf("%s: nothing that was written here is of this schema", file)
		}
	}
}

func documentsForSchemas() map[string]string {
	text := "the first words of a text that is long enough for many shingles, and for two who say nearly the same; " +
		"it goes on about the sea, the sky, some ships that pass in the night, a lamp on the shore and whoever keeps it lit"
	return map[string]string{
		"in/a.jsonl": strings.Join([]string{
			`{"id":"first","contributor":"ann","created":"2020-01-01","source":"wiki","text":"` + text + `"}`,
			`{"id":"copy","contributor":"bob","created":"2021-01-01","source":"wiki","text":"` + text + `"}`,
			`{"id":"far","contributor":"cy","created":"soon","source":"web","text":"` + strings.Replace(text, "sky, some ships", "sky; no boats", 1) + ` tomorrow too, they say"}`,
			`{"contributor":"cy","text":"of nothing else"}`,
			`{"contributor":"bob","text":"of nothing else"}`,
			`{"id":"bad","contributor":"bob","text":7}`,
			"not JSON",
		}, "\n"),
		"in/b.jsonl": strings.Join([]string{
			`{"id":"near","contributor":"bob","created":"2022-01-01","source":"wiki","text":"` + text + ` today"}`,
			`{"id":"nearer","contributor":"dee","created":"2023-01-01","source":"wiki","text":"` + text + ` now"}`,
		}, "\n"),
	}
}

func writeTestFile(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o666); err != nil {
		t.Fatal(err)
	}
}

// schemaChecker holds files against the schemas of their names.
type schemaChecker struct {
	t     *testing.T
	known map[string]*schema.Checker
}

func (c *schemaChecker) one(name string, data []byte) {
	c.t.Helper()
	if c.known[name] == nil {
		checker, err := schema.NewChecker(name)
		if err != nil {
			c.t.Fatal(err)
		}
		c.known[name] = checker
	}
	if err := c.known[name].Check(data); err != nil {
		c.t.Error(err)
	}
}

func (c *schemaChecker) lines(name string, data []byte) {
	c.t.Helper()
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		c.one(name, lines.Bytes())
	}
}

// folder checks all JSON files below a folder but the inputs of this test.
func (c *schemaChecker) folder(dir string) {
	inputs := []string{"in/a.jsonl", "in/b.jsonl", "reference.jsonl"}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains(inputs, filepath.ToSlash(name)) {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		base := filepath.Base(name)
		stem, isLines := strings.CutSuffix(base, ".jsonl")
		stem, isJSON := strings.CutSuffix(stem, ".json")
		switch {
		case !isLines && !isJSON:
			return nil
		case strings.HasSuffix(stem, ".done"):
			stem = "task"
		case strings.HasPrefix(stem, "pay"):
			stem = "pay"
		}
		if _, err := fs.Stat(schema.Files, stem+".schema.json"); err != nil {
			c.t.Errorf("%s: docs/schema has no schema for it", name)
		} else if isLines {
			c.lines(stem, data)
		} else {
			c.one(stem, data)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}
