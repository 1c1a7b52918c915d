package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
)

// TestAgainstIsOneRun: deliveries one after the other, each against what was
// kept before, are decided as in one run over all, where each is later than
// the ones before it.
func TestAgainstIsOneRun(t *testing.T) {
	rank := []string{"books", "web"}
	for name, p := range map[string]request.Policy{
		"default": {}, "within a source": {Scope: plan.ScopeSource},
		"longest": {Priority: plan.PriorityLongest}, "ranking": {Priority: plan.PrioritySource, SourceRank: rank},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 1))
			docs := policyCorpus(rng, 240, "d")
			if p.Priority != "" {
				laterByPolicy(docs, p)
			}
			dir := t.TempDir()
			all := runPolicy(t, policyRules(p, 7, writeDocs(t, filepath.Join(dir, "all"), docs, 2, rng)), policyMeans(2), filepath.Join(dir, "one"))
			want := fatesOf(t, all.Dir)

			for _, deliveries := range []int{2, 3} {
				got := map[string]fate{}
				var before string
				var paid uint64
				for i := range deliveries {
					part := docs[i*len(docs)/deliveries : (i+1)*len(docs)/deliveries]
					in := writeDocs(t, filepath.Join(dir, fmt.Sprintf("in%d-%d", deliveries, i)), part, 1+i, rng)
					p := p
					p.Index = true
					if before != "" {
						p.Against = []string{before}
					}
					before = filepath.Join(dir, fmt.Sprintf("out%d-%d", deliveries, i))
					res := runPolicy(t, policyRules(p, 7, in), policyMeans(1+i), before)
					maps.Copy(got, fatesOf(t, before))
					paid += res.Manifest.Totals.Kept.Tokens
					if in := res.Manifest.Totals.In.Documents; in != uint64(len(part)) {
						t.Errorf("%d documents in, of %d", in, len(part))
					}
				}
				if d := gocmp.Diff(want, got); d != "" {
					t.Fatalf("seed %d, %d deliveries (-one run +deliveries):\n%s", seed, deliveries, d)
				}
				if one := all.Manifest.Totals.Kept.Tokens; paid != one {
					t.Errorf("%d tokens kept in %d deliveries, %d in one run", paid, deliveries, one)
				}
			}
		})
	}
}

// laterByPolicy makes every document later in priority order than the ones
// before it, by the policy first: shorter, or of a source ranked no earlier.
func laterByPolicy(docs []policyDoc, p request.Policy) {
	if p.Priority == plan.PriorityLongest {
		slices.SortStableFunc(docs, func(a, b policyDoc) int { return cmp.Compare(len(b.Text), len(a.Text)) })
	}
	names := append(slices.Clone(p.SourceRank), "other")
	for i := range docs {
		docs[i].Created = int64(1_000_000 + i)
		if p.Priority == plan.PrioritySource {
			docs[i].Source = &names[i*len(names)/len(docs)]
		}
	}
}

// TestCopyOfADroppedDocument: the copy of a text that an earlier run dropped
// has the same witness as that one, though a better one was kept after it.
func TestCopyOfADroppedDocument(t *testing.T) {
	words := func(n int, edits ...int) string {
		var w []string
		for i := range n {
			w = append(w, fmt.Sprintf("w%d", i))
		}
		for _, e := range edits {
			w[e] = "edited"
		}
		return strings.Join(w, " ")
	}
	// b is dropped for a; c, which is nearer to b, but not near a, is kept after
	// it. e is b once more.
	docs := []policyDoc{
		{ID: "a", Text: words(200, 0, 50), Created: 1},
		{ID: "b", Text: words(200), Created: 2},
		{ID: "c", Text: words(200, 120), Created: 3},
		{ID: "e", Text: words(200), Created: 5},
	}
	dir := t.TempDir()
	r := func(p request.Policy, name string, docs ...policyDoc) request.Rules {
		r := policyRules(p, 7, writeDocs(t, filepath.Join(dir, "in-"+name), docs, 1, nil))
		r.Threshold = "0.9"
		return r
	}
	one := runPolicy(t, r(request.Policy{}, "all", docs...), policyMeans(1), filepath.Join(dir, "all"))
	want := fatesOf(t, one.Dir)
	if _, dropped := want["c"]; dropped || want["b"].Witness != "a" || want["e"] != want["b"] {
		t.Fatalf("the test shows nothing: %v", want)
	}
	first := runPolicy(t, r(request.Policy{Index: true}, "first", docs[:3]...), policyMeans(1), filepath.Join(dir, "first"))
	second := runPolicy(t, r(request.Policy{Against: []string{first.Dir}, Index: true}, "second"), policyMeans(1), filepath.Join(dir, "second"))
	for _, earlier := range []string{first.Dir, second.Dir} {
		last := runPolicy(t, r(request.Policy{Against: []string{earlier}}, "last-"+filepath.Base(earlier), docs[3]), policyMeans(1), filepath.Join(dir, "last-"+filepath.Base(earlier)))
		if got := fatesOf(t, last.Dir); got["e"] != want["e"] {
			t.Errorf("against %s: %v, want %v", earlier, got["e"], want["e"])
		}
	}
}

// TestAgainstIsAFunctionOfThePlan: the same bytes from one process, from tasks
// one at a time, from a run that was broken off, and with other workers.
func TestAgainstIsAFunctionOfThePlan(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	docs := policyCorpus(rng, 120, "d")
	dir := t.TempDir()
	first := runPolicy(t, policyRules(request.Policy{Index: true}, 7, writeDocs(t, filepath.Join(dir, "a"), docs[:60], 2, rng)), policyMeans(2), filepath.Join(dir, "first"))
	r := policyRules(request.Policy{Against: []string{first.Dir}, Index: true}, 7, writeDocs(t, filepath.Join(dir, "b"), docs[60:], 3, rng))
	r.DecideTasks = 3
	one := runPolicy(t, r, policyMeans(1), filepath.Join(dir, "one"))
	runPolicy(t, r, policyMeans(7), filepath.Join(dir, "seven"))

	tasks := RunOptions{Out: filepath.Join(dir, "tasks")}
	prepared, err := Prepare(t.Context(), r, policyMeans(1), tasks)
	if err != nil {
		t.Fatal(err)
	}
	broken := RunOptions{Out: filepath.Join(dir, "broken"), Resume: true}
	if _, err := Prepare(t.Context(), r, policyMeans(1), RunOptions{Out: broken.Out}); err != nil {
		t.Fatal(err)
	}
	for _, name := range task.Order {
		n, err := (&task.Job{Plan: prepared.Plan}).Tasks(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := n - 1; i >= 0; i-- {
			if _, err := RunTasks(t.Context(), prepared.Plan, prepared.Counters, policyMeans(1), tasks, name, i, 1); err != nil {
				t.Fatal(err)
			}
			if name == task.Scan && i%2 == 0 {
				if _, err := RunTasks(t.Context(), prepared.Plan, prepared.Counters, policyMeans(1), broken, name, i, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := Run(t.Context(), r, policyMeans(2), broken); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"seven", "tasks", "broken"} {
		sameBytes(t, filepath.Join(one.Dir, "manifest.json"), filepath.Join(dir, other, "manifest.json"))
	}
}

func TestAgainstRefuses(t *testing.T) {
	docs := policyCorpus(rand.New(rand.NewPCG(5, 6)), 40, "d")
	dir := t.TempDir()
	in := writeDocs(t, filepath.Join(dir, "in"), docs, 1, nil)
	first := runPolicy(t, policyRules(request.Policy{Index: true}, 7, in), policyMeans(1), filepath.Join(dir, "first")).Dir
	bare := runPolicy(t, policyRules(request.Policy{}, 7, in), policyMeans(1), filepath.Join(dir, "bare")).Dir
	against := func(folders ...string) request.Rules { return policyRules(request.Policy{Against: folders}, 7, in) }
	for _, c := range []struct {
		name string
		r    func() request.Rules
		err  error
		text string
	}{
		{"no index", func() request.Rules { return against(bare) }, doc.ErrUsage, "run it again with --index"},
		{"no run", func() request.Rules { return against(in) }, doc.ErrInput, "holds no finished run"},
		{"twice", func() request.Rules { return against(first, first) }, doc.ErrUsage, "given twice"},
		{"seed", func() request.Rules { r := against(first); r.Seed = 8; return r }, doc.ErrUsage, "its seed differs: 7 there, 8 here"},
		{"threshold", func() request.Rules { r := against(first); r.Threshold = "0.79"; return r }, doc.ErrUsage, "threshold"},
		{"bands", func() request.Rules { r := against(first); r.Recall = 0.9999; return r }, doc.ErrUsage, "number of bands and rows"},
		{"scope", func() request.Rules { r := against(first); r.Policy.Scope = plan.ScopeSource; return r }, doc.ErrUsage, "its scope differs: corpus there, source here"},
		{"reference", func() request.Rules { r := against(first); r.Policy.Reference = []string{in}; return r }, doc.ErrUsage, "exclude each other"},
		{"standard input", func() request.Rules { return policyRules(request.Policy{Index: true}, 7, "-") }, doc.ErrUsage, "standard input"},
		{"index of a reference run", func() request.Rules { return policyRules(request.Policy{Index: true, Reference: []string{in}}, 7, in) }, doc.ErrUsage, "--index"},
		{"both", func() request.Rules { return policyRules(request.Policy{Reference: []string{in}}, 7, in) }, doc.ErrUsage, "in the delivery and in the reference corpus"},
		{"rank", func() request.Rules {
			return policyRules(request.Policy{Priority: plan.PrioritySource, SourceRank: []string{"a", "b", "a"}}, 7, in)
		}, doc.ErrUsage, "twice"},
	} {
		_, err := request.MakePlan(t.Context(), c.r(), policyMeans(1), filepath.Join(dir, "out"))
		if !errors.Is(err, c.err) || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	// An index that is not the one that was planned with.
	r := policyRules(request.Policy{Against: []string{first}}, 7, writeDocs(t, filepath.Join(dir, "later"), docs[:9], 1, nil))
	index := filepath.Join(first, stage.IndexPath(0))
	whole, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	for i, damaged := range [][]byte{whole[:len(whole)-1], append([]byte(string(whole)), 'd'), []byte(strings.Replace(string(whole), "d7", "d8", 1)), nil} {
		if err := os.WriteFile(index, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), r, policyMeans(1), RunOptions{Out: filepath.Join(dir, fmt.Sprintf("damaged%d", i))})
		if !errors.Is(err, doc.ErrInputChanged) && !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("damage %d: %v", i, err)
		}
	}
	if err := os.WriteFile(index, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	// An input of the earlier run that is gone, and one that was edited in place.
	input := filepath.Join(in, "0.jsonl")
	text, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.ReplaceAll(string(text), `"text":"w1`, `"text":"w2`)
	if err := os.WriteFile(input, []byte(edited), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), r, policyMeans(1), RunOptions{Out: filepath.Join(dir, "edited")}); !errors.Is(err, doc.ErrInputChanged) || !strings.Contains(err.Error(), "the earlier run") {
		t.Errorf("edited input: %v", err)
	}
	if err := os.Remove(input); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), r, policyMeans(1), RunOptions{Out: filepath.Join(dir, "gone")}); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "read again to prove") {
		t.Errorf("input that is gone: %v", err)
	}
}

// TestAgainstOnRevisions does it with histories of real documents, where most
// are near duplicates of several kept ones.
func TestAgainstOnRevisions(t *testing.T) {
	corpora := []string{"../testdata/corpus/peps-history.jsonl.gz", "../testdata/corpus/powershell-docs-history.jsonl.zst"}
	var docs []policyDoc
	parser, err := task.NewParser(plan.Fields{Text: "text", Contributor: "contributor", Created: "created", Source: "source"}, "native")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range corpora {
		b, err := corpus.ReadText(t.Context(), name, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var rec jsonl.Record
			if reason := parser.Parse(bytes.TrimSpace(line), &rec); reason != doc.OK {
				t.Fatal(name, reason)
			}
			source := string(rec.Source)
			docs = append(docs, policyDoc{
				ID: fmt.Sprint(len(docs)), Contributor: string(rec.Contributor), Source: &source, Created: rec.Created.Sec, Text: string(rec.Text),
			})
		}
	}
	slices.SortStableFunc(docs, func(a, b policyDoc) int { return cmp.Compare(a.Created, b.Created) })
	// A delivery begins where the time does change.
	cut := func(i int) int {
		for i > 0 && i < len(docs) && docs[i].Created == docs[i-1].Created {
			i++
		}
		return i
	}
	dir := t.TempDir()
	p := request.Policy{Index: true}
	all := runPolicy(t, policyRules(p, 3, writeDocs(t, filepath.Join(dir, "all"), docs, 1, nil)), policyMeans(2), filepath.Join(dir, "one"))
	want := fatesOf(t, all.Dir)
	got := map[string]fate{}
	for i := range 3 {
		part := docs[cut(i*len(docs)/3):cut((i+1)*len(docs)/3)]
		out := filepath.Join(dir, fmt.Sprint(i))
		runPolicy(t, policyRules(p, 3, writeDocs(t, filepath.Join(dir, fmt.Sprint("in", i)), part, 1, nil)), policyMeans(2), out)
		maps.Copy(got, fatesOf(t, out))
		p.Against = []string{out}
	}
	if d := gocmp.Diff(want, got); d != "" || len(want) < 100 {
		t.Fatalf("of %d documents %d are dropped (-one run +deliveries):\n%s", len(docs), len(want), d)
	}
}
