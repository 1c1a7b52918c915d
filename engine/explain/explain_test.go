package explain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/explain"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
)

const first = "the old lamp in the hall was lit every evening by a man who never gave his name"

// corpus is in lines of in.jsonl; "near" shares 13 of 15 shingles with "first", as
// only the last word is another.
var corpus = []string{
	`{"id":"first","text":"` + first + `","contributor":"Ann","created":"2020-01-01"}`,
	`{"id":"near","text":"` + strings.Replace(first, "his name", "his age", 1) + `","contributor":"Bob","created":"2021-01-01"}`,
	`{"id":"copy","text":"` + first + `","contributor":"Bob","created":"2022-01-01"}`,
	`{"id":"twins","text":"quite another matter","contributor":"Eve\u001b[31m"}`,
	`{"id":"twins","text":"and yet another one","contributor":"Eve\u001b[31m"}`,
	`{"id":"broken","text":5,"contributor":"Bob"}`,
	`{"text":"somebody without a name"}`,
}

// run writes the corpus and runs on it, in a folder of its own that becomes the
// current one.
func run(t *testing.T, r request.Rules, m request.Means) (dir string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.jsonl", []byte(strings.Join(corpus, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Run(t.Context(), r, m, engine.RunOptions{Out: "out"}); err != nil {
		t.Fatal(err)
	}
	return "out"
}

func options(t *testing.T) explain.Options {
	return explain.Options{Step: "0.1", Neighbours: 5, Scratch: t.TempDir()}
}

func find(t *testing.T, dir, id string) (plan.Plan, []explain.Explanation) {
	t.Helper()
	p, found, err := explain.Find(t.Context(), dir, id, options(t), requesttest.Means)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return p, found
}

// told is an explanation in a line: what it is of, and what became of it.
func told(e *explain.Explanation) string {
	text := fmt.Sprintf("%s:%d %q by %q %s", e.File, e.Line, e.ID, e.Contributor, e.Class)
	if d := e.Decision; d != nil {
		text += fmt.Sprintf(" of %q %d/%d", d.WitnessID, d.Overlap, d.Union)
	}
	if e.Reason != doc.OK {
		text += " " + string(e.Reason)
	}
	for _, w := range e.Witnessed {
		text += " <" + w.ID
	}
	return text
}

// TestFind: every document by its id and by its place, whatever the run was made
// with.
func TestFind(t *testing.T) {
	want := map[string][]string{
		"first": {`in.jsonl:1 "first" by "Ann" kept <near <copy`},
		"near":  {`in.jsonl:2 "near" by "Bob" near_dup of "first" 13/15`},
		"copy":  {`in.jsonl:3 "copy" by "Bob" exact_dup of "first" 0/0`},
		"twins": {`in.jsonl:4 "twins" by "Eve\x1b[31m" kept`, `in.jsonl:5 "twins" by "Eve\x1b[31m" kept`},
		// A rejected line has no id that could be relied on.
		"in.jsonl:6": {`in.jsonl:6 "" by "Bob" rejected text_not_string`},
		"in.jsonl:7": {`in.jsonl:7 "" by "(unattributed)" kept`},
	}
	for i, id := range []string{"first", "near", "copy"} {
		want[fmt.Sprintf("in.jsonl:%d", i+1)] = want[id]
	}
	for name, change := range map[string]func(r *request.Rules, m *request.Means){
		"plain":              func(*request.Rules, *request.Means) {},
		"many shards":        func(r *request.Rules, _ *request.Means) { r.ShardSize = 1 },
		"bounded":            func(_ *request.Rules, m *request.Means) { m.Memory = 64 << 20 },
		"sweepable":          func(r *request.Rules, _ *request.Means) { r.Floor = "0.5" },
		"bounded, sweepable": func(r *request.Rules, m *request.Means) { r.Floor, m.Memory, r.ShardSize = "0.5", 64<<20, 100 },
	} {
		t.Run(name, func(t *testing.T) {
			r, m := requesttest.Rules("in.jsonl"), requesttest.Means
			change(&r, &m)
			dir := run(t, r, m)
			for id, want := range want {
				_, found := find(t, dir, id)
				var got []string
				for i := range found {
					got = append(got, told(&found[i]))
				}
				if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
					t.Errorf("%s:\n%s\nwant\n%s", id, g, w)
				}
			}
			for _, id := range []string{"", "First", "nobody", "in.jsonl:8", "in.jsonl:0", "in.jsonl:", "other.jsonl:1"} {
				if _, found, err := explain.Find(t.Context(), dir, id, options(t), m); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "FILE:LINE") {
					t.Errorf("%q: %v, %v", id, found, err)
				}
			}
		})
	}
}

// TestOtherThresholds of a sweepable run: whose duplicate a document would be, and
// what is nearest to a kept one.
func TestOtherThresholds(t *testing.T) {
	r := requesttest.Rules("in.jsonl")
	r.Floor, r.Threshold = "0.5", "0.9" // near is kept
	dir := run(t, r, requesttest.Means)
	_, found := find(t, dir, "near")
	e := &found[0]
	if len(found) != 1 || e.Class != doc.Kept {
		t.Fatalf("%d found, the first %s", len(found), told(e))
	}
	if len(e.At) != 2 || e.At[0].From != "0.5" || e.At[0].To != "0.8" || e.At[0].Class != doc.NearDup || e.At[0].Witness.ID != "first" || e.At[0].Overlap != 13 || e.At[0].Union != 15 ||
		e.At[1].From != "0.9" || e.At[1].To != "1" || e.At[1].Class != doc.Kept || e.At[1].Witness != nil {
		t.Errorf("at other thresholds: %+v", e.At)
	}
	if len(e.Neighbours) != 1 || e.Neighbours[0].Ref.ID != "first" || e.Neighbours[0].Overlap != 13 || e.Neighbours[0].Union != 15 {
		t.Errorf("neighbours: %+v", e.Neighbours)
	}
	o := options(t)
	o.Neighbours = 0
	if _, found, err := explain.Find(t.Context(), dir, "near", o, requesttest.Means); err != nil || len(found[0].Neighbours) > 0 {
		t.Errorf("no neighbours wanted: %v, %v", found, err)
	}
	o.Step = "0"
	if _, _, err := explain.Find(t.Context(), dir, "near", o, requesttest.Means); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("a step of 0: %v", err)
	}
}

// TestWithoutInputs: decisions are told without the corpus, with why their texts are
// missing; a kept document is only found in it.
func TestWithoutInputs(t *testing.T) {
	dir := run(t, requesttest.Rules("in.jsonl"), requesttest.Means)
	if err := os.Rename("in.jsonl", "away.jsonl"); err != nil {
		t.Fatal(err)
	}
	_, found, err := explain.Find(t.Context(), dir, "near", options(t), requesttest.Means)
	if err == nil || len(found) != 1 || found[0].NoText == nil || len(found[0].Diff) > 0 || found[0].Decision.Overlap != 13 {
		t.Errorf("a dropped document: %v, %v", found, err)
	}
	if _, found, err := explain.Find(t.Context(), dir, "first", options(t), requesttest.Means); !errors.Is(err, os.ErrNotExist) || len(found) > 0 {
		t.Errorf("a kept document: %v, %v", found, err)
	}
	if err := os.WriteFile("in.jsonl", []byte("{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, found, err := explain.Find(t.Context(), dir, "near", options(t), requesttest.Means); err == nil && found[0].NoText == nil {
		t.Error("another corpus passes for that of the run")
	}
	if _, _, err := explain.Find(t.Context(), "nowhere", "near", options(t), requesttest.Means); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "holds no finished run") {
		t.Errorf("no run: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := explain.Find(ctx, dir, "first", options(t), requesttest.Means); err == nil {
		t.Error("interrupted, and nothing is said")
	}
}

// TestWritten is what people and programs read.
func TestWritten(t *testing.T) {
	dir := run(t, requesttest.Rules("in.jsonl"), requesttest.Means)
	for id, want := range map[string][]string{
		"near": {
			"class        near_dup\n", "witness      in.jsonl:1  first\n", "by Ann, kept: it comes first in priority order",
			"score        0.866667 = 13 / 15 shingles, threshold 4/5\n", " shared: ", "[-name-]{+age+}",
		},
		"copy":       {"class        exact_dup\n", "score        1 (the texts are equal byte for byte)\n"},
		"first":      {"why          no earlier kept document duplicates it\n", "witness of   in.jsonl:2  near  by Bob  near_dup, Jaccard 0.866667\n"},
		"twins":      {"place        in.jsonl:4\n", "\n\ndocument     twins\nplace        in.jsonl:5\n", `contributor  Eve\x1b[31m`},
		"in.jsonl:6": {"class        rejected\nreason       text_not_string\n"},
	} {
		p, found := find(t, dir, id)
		var text, lines bytes.Buffer
		if err := explain.WriteText(&text, p, found); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(text.String(), w) {
				t.Errorf("%s: no %q in\n%s", id, w, text.String())
			}
		}
		if err := explain.WriteJSON(&lines, p, found); err != nil {
			t.Fatal(err)
		}
		var all []struct {
			ID, File, Class, Threshold string
			Line                       int64
			Score                      *struct{ Overlap, Union int64 }
		}
		if err := json.Unmarshal(lines.Bytes(), &all); err != nil || len(all) != len(found) {
			t.Fatalf("%s: %v in\n%s", id, err, lines.String())
		}
		for i, e := range found {
			if j := all[i]; j.ID != e.ID || j.File != e.File || j.Line != e.Line || j.Class != e.Class.String() || j.Threshold != "0.8" || (j.Score != nil) != (e.Class == doc.NearDup) {
				t.Errorf("%s: %+v of %s", id, j, told(&e))
			}
		}
	}
}
