// Package tasktest makes jobs for the tests of packages that do tasks.
package tasktest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/task"
)

// words stands for a tokenizer: a token is a word between spaces.
type words struct{}

func (words) TryCount(text []byte) (int, error) { return len(bytes.Fields(text)), nil }
func (words) Engine() string                    { return "words" }

// Plan is a plan of files with the contents given, in dir, after change. Its
// tokens are words.
func Plan(t *testing.T, dir string, contents []string, change func(*plan.Plan)) plan.Plan {
	t.Helper()
	paths := make([]string, len(contents))
	for i, text := range contents {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		if err := os.WriteFile(paths[i], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := plan.Plan{
		Version: plan.Version, Rules: plan.Rules{Shingle: plan.RuleShingle}, Fields: plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		NearDup:   plan.NearDup{ThresholdNum: 4, ThresholdDen: 5, Bands: 16, Rows: 5},
		Tokenizer: plan.Tokenizer{Name: "words", SHA256: strings.Repeat("0", 64), AddedTokens: "match"},
		ShardSize: 1 << 20, MaxLine: 1 << 20, Partitions: 4,
	}
	change(&p)
	var err error
	if p.Files, p.Shards, err = corpus.Plan(t.Context(), paths, corpus.PlanOptions{ShardSize: p.ShardSize}); err != nil {
		t.Fatal(err)
	}
	if p.RunID, err = p.ComputeRunID(); err != nil {
		t.Fatal(err)
	}
	return p
}

// Job is a job of a plan whose tokens are words, in folder dir.
func Job(t *testing.T, p plan.Plan, dir string) *task.Job {
	t.Helper()
	j := &task.Job{Plan: p, Out: store.NewLocal(dir), Dir: dir, Counters: []task.Counter{words{}}, Parser: "native", Workers: 2}
	if err := task.WriteJSON(t.Context(), j.Out, task.PlanFile, p); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, task.WorkDir), 0o777); err != nil {
		t.Fatal(err)
	}
	return j
}

// Run does all tasks of some stages, which is what do (stage.Do) is for, and returns
// how many were not done before.
func Run(t *testing.T, do func(context.Context, *task.Job, task.Stage, int) (task.Record, bool, error), j *task.Job, stages ...task.Stage) (fresh int) {
	t.Helper()
	for _, name := range stages {
		tasks, err := j.Tasks(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tasks {
			_, isFresh, err := do(t.Context(), j, name, i)
			if err != nil {
				t.Fatal(err)
			}
			if isFresh {
				fresh++
			}
		}
	}
	return fresh
}

// Contents are the files of a job by name; records are left out: they hold
// timings.
func Contents(t *testing.T, j *task.Job) map[string]string {
	t.Helper()
	entries, err := j.Out.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name, ".done.json") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(j.Dir, e.Name))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name] = string(b)
	}
	return out
}
