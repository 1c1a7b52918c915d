package auditor_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/audit"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/task/tasktest"
)

// An audit of all texts by several workers writes the same bytes as by one. The plan is
// one that is not made here but could be read: sources are kept apart, so buckets find no
// pair, every document of a pair is described, and its source numbered, by the worker
// of its shard; the race detector sees whether those mind each other.
func TestWorkersNumberSources(t *testing.T) {
	const shards, families = 8, 40
	dir := t.TempDir()
	var contents []string
	for s := range shards {
		var b strings.Builder
		for f := range families {
			words := make([]string, 30)
			for i := range words {
				words[i] = fmt.Sprintf("w%d", f*1000+i)
			}
			fmt.Fprintf(&b, `{"id":"%d-%d","source":"s%d-%d","text":"%s by %d"}`+"\n", s, f, s, f, strings.Join(words, " "), s)
		}
		contents = append(contents, b.String())
	}
	p := tasktest.Plan(t, dir, contents, func(p *plan.Plan) {
		p.Scope, p.Rules.Priority, p.Fields.Source = plan.ScopeSource, plan.RulePriority, "source"
		p.NearDup.Recall, p.Seed, p.Partitions, p.AuditPPM = "0.99", 1, 3, 1e6
	})
	var want string
	for _, workers := range []int{1, 2, shards} {
		j := tasktest.Job(t, p, filepath.Join(dir, fmt.Sprint("out", workers)))
		j.Workers = workers
		tasktest.Run(t, stage.Do, j, task.Scan, task.Match, task.Resolve)
		got := tasktest.Contents(t, j)[audit.Name]
		if workers > 1 {
			if got != want {
				t.Errorf("%d workers:\n%s\none:\n%s", workers, got, want)
			}
			continue
		}
		want = got
		f, err := audit.Parse([]byte(got))
		if err != nil {
			t.Fatal(err)
		}
		if f.Probes != shards*families || f.Pairs != families*shards*(shards-1) || f.Found != 0 || f.Families != families || len(f.Examples) != 20 {
			t.Errorf("%s, %d examples", f.Sentence(), len(f.Examples))
		}
	}
}
