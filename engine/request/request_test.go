package request_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
)

const tokenizer = "../../testdata/tokenizers/bytes.json"

// place returns a folder that holds in.jsonl and other.jsonl.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in.jsonl"), "{\"text\":\"a\"}\n{\"text\":\"b\"}\n")
	write(t, filepath.Join(dir, "other.jsonl"), "{\"text\":\"c\"}\n")
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func rulesIn(dir string) request.Rules {
	r := requesttest.Rules(filepath.Join(dir, "in.jsonl"))
	r.Tokenizers, r.Fields.Source = []string{tokenizer}, "source"
	return r
}

func planOf(t *testing.T, r request.Rules, m request.Means) plan.Plan {
	t.Helper()
	p, err := request.MakePlan(t.Context(), r, m, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return p.Plan
}

// TestRefused: what makes no sense is refused before anything is written, with a
// word on what would do.
func TestRefused(t *testing.T) {
	dir := place(t)
	for name, c := range map[string]struct {
		change func(r *request.Rules, m *request.Means)
		want   string
	}{
		"priority":                 {func(r *request.Rules, _ *request.Means) { r.Policy.Priority = "oldest" }, "not created, longest or source"},
		"priority without ranking": {func(r *request.Rules, _ *request.Means) { r.Policy.Priority = plan.PrioritySource }, "--source-rank"},
		"ranking without priority": {func(r *request.Rules, _ *request.Means) { r.Policy.SourceRank = []string{"a"} }, "--priority source"},
		"a source ranked twice": {func(r *request.Rules, _ *request.Means) {
			r.Policy.Priority, r.Policy.SourceRank = plan.PrioritySource, []string{"a", "b", "a"}
		}, `"a" is twice`},
		"scope": {func(r *request.Rules, _ *request.Means) { r.Policy.Scope = "file" }, "not corpus or source"},
		"scope and reference": {func(r *request.Rules, _ *request.Means) {
			r.Policy.Scope, r.Policy.Reference = plan.ScopeSource, []string{dir}
		}, "not with --scope source"},
		"reference and against": {func(r *request.Rules, _ *request.Means) {
			r.Policy.Reference, r.Policy.Against = []string{dir}, []string{dir}
		}, "exclude each other"},
		"reference and index": {func(r *request.Rules, _ *request.Means) {
			r.Policy.Reference, r.Policy.Index = []string{dir}, true
		}, "--index is of no use with --reference"},
		"index of standard input":     {func(r *request.Rules, _ *request.Means) { r.Policy.Index, r.Inputs = true, []string{"-"} }, "read again"},
		"reference of standard input": {func(r *request.Rules, _ *request.Means) { r.Policy.Reference = []string{"-"} }, "cannot be standard input"},
		"sources without field": {func(r *request.Rules, _ *request.Means) {
			r.Policy.Scope, r.Fields.Source = plan.ScopeSource, ""
		}, "source field has no path"},
		"field":       {func(r *request.Rules, _ *request.Means) { r.Fields.Text = "a..b" }, "empty key"},
		"no field":    {func(r *request.Rules, _ *request.Means) { r.Fields.Text = "" }, "empty path"},
		"threshold":   {func(r *request.Rules, _ *request.Means) { r.Threshold = "0" }, "threshold"},
		"recall":      {func(r *request.Rules, _ *request.Means) { r.Recall = 1 }, "recall"},
		"floor":       {func(r *request.Rules, _ *request.Means) { r.Floor = "x" }, "floor"},
		"above floor": {func(r *request.Rules, _ *request.Means) { r.Floor = "0.9" }, "floor"},
		"shingle":     {func(r *request.Rules, _ *request.Means) { r.Shingle = plan.MaxShingleWords + 1 }, "1 to 32 words"},
		"credit":      {func(r *request.Rules, _ *request.Means) { r.Credit = "half" }, "neither first nor shared"},
		"sweepable with index": {func(r *request.Rules, _ *request.Means) {
			r.Floor, r.Policy.Index = "0.5", true
		}, "keeps no index"},
		"sweepable with reference": {func(r *request.Rules, _ *request.Means) {
			r.Floor, r.Policy.Reference = "0.5", []string{filepath.Join(dir, "other.jsonl")}
		}, "nor a reference corpus"},
		"audit within sources": {func(r *request.Rules, _ *request.Means) {
			r.AuditPPM, r.Policy.Scope = 1000, plan.ScopeSource
		}, "whole corpus"},
		"the delivery as reference": {func(r *request.Rules, _ *request.Means) { r.Policy.Reference = []string{dir} }, "in the delivery and in the reference corpus"},
		"an input twice":            {func(r *request.Rules, _ *request.Means) { r.Inputs = append(r.Inputs, r.Inputs[0]) }, "given twice"},
		"tokenizers of one name":    {func(r *request.Rules, _ *request.Means) { r.Tokenizers = []string{"X=" + tokenizer, "x=" + tokenizer} }, "--tokenizer NAME="},
		"longest line":              {func(r *request.Rules, _ *request.Means) { r.MaxLine = 0 }, "line"},
		"parser":                    {func(_ *request.Rules, m *request.Means) { m.Parser = "quick" }, "quick"},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := rulesIn(dir), requesttest.Means
			c.change(&r, &m)
			out := t.TempDir()
			if _, err := request.MakePlan(t.Context(), r, m, out); !errors.Is(err, doc.ErrUsage) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
	r := rulesIn(dir)
	r.Inputs = []string{filepath.Join(dir, "missing.jsonl")}
	if _, err := request.MakePlan(t.Context(), r, requesttest.Means, dir); !errors.Is(err, doc.ErrInput) {
		t.Errorf("no input: %v", err)
	}
	r = rulesIn(dir)
	r.Tokenizers = []string{"nothing"}
	if _, err := request.MakePlan(t.Context(), r, requesttest.Means, dir); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "built in: ") {
		t.Errorf("no tokenizer: %v", err)
	}
}

// TestEarlierRunsThatAreRefused: an earlier run must be finished, whole, decided by
// the same rules, and there as it was.
func TestEarlierRunsThatAreRefused(t *testing.T) {
	dir := place(t)
	early := rulesIn(dir)
	early.Inputs, early.Policy.Index = []string{filepath.Join(dir, "other.jsonl")}, true
	run := func(name string, r request.Rules) string {
		t.Helper()
		out := filepath.Join(dir, name)
		if _, err := engine.Run(t.Context(), r, requesttest.Means, engine.RunOptions{Out: out}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	earlier := run("earlier", early)
	without := early
	without.Policy.Index = false
	plain := run("plain", without)
	for name, c := range map[string]struct {
		change func(r *request.Rules)
		out    string
		is     error
		want   string
	}{
		"the output folder": {func(*request.Rules) {}, earlier, doc.ErrUsage, "it is the output folder"},
		"no run":            {func(r *request.Rules) { r.Policy.Against = []string{dir} }, "", doc.ErrInput, "no finished run"},
		"no index":          {func(r *request.Rules) { r.Policy.Against = []string{plain} }, "", doc.ErrUsage, "--index"},
		"twice":             {func(r *request.Rules) { r.Policy.Against = []string{earlier, earlier} }, "", doc.ErrUsage, "given twice"},
		"threshold":         {func(r *request.Rules) { r.Threshold = "0.7" }, "", doc.ErrUsage, "its threshold differs: 4/5 there, 7/10 here"},
		"seed":              {func(r *request.Rules) { r.Seed = 8 }, "", doc.ErrUsage, "its seed differs"},
		"fields":            {func(r *request.Rules) { r.Fields.ID = "key" }, "", doc.ErrUsage, "choice of fields"},
		"priority":          {func(r *request.Rules) { r.Policy.Priority = plan.PriorityLongest }, "", doc.ErrUsage, "--priority"},
		"scope":             {func(r *request.Rules) { r.Policy.Scope = plan.ScopeSource }, "", doc.ErrUsage, "scope differs"},
		"shingles":          {func(r *request.Rules) { r.Shingle = 3 }, "", doc.ErrUsage, "rule for shingles"},
		"line":              {func(r *request.Rules) { r.MaxLine = 1 << 21 }, "", doc.ErrUsage, "--max-line"},
		"recall":            {func(r *request.Rules) { r.Recall = 0.9999 }, "", doc.ErrUsage, "number of bands and rows"},
		"audit":             {func(r *request.Rules) { r.AuditPPM = 1000 }, "", doc.ErrUsage, "no earlier run"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rulesIn(dir)
			r.Policy.Against = []string{earlier}
			c.change(&r)
			if _, err := request.MakePlan(t.Context(), r, requesttest.Means, c.out); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}

	r := rulesIn(dir)
	r.Policy.Against = []string{earlier}
	p := planOf(t, r, requesttest.Means)
	if len(p.Earlier) != 1 || p.Earlier[0].FirstShard != 1 || p.Delivery() != 1 || p.Files[1].Run != p.Earlier[0].RunID || p.Shards[1].Index == "" {
		t.Errorf("earlier %+v, files %+v, shards %+v", p.Earlier, p.Files, p.Shards)
	}
	write(t, filepath.Join(dir, "other.jsonl"), "{\"text\":\"changed\"}\n")
	if _, err := request.MakePlan(t.Context(), r, requesttest.Means, ""); !errors.Is(err, doc.ErrInput) || !strings.Contains(err.Error(), "not there as it was") {
		t.Errorf("an input that changed: %v", err)
	}
}

// TestPlanIsOfTheRules: means change nothing of a plan, nor does the order of
// inputs but their places; every rule does.
func TestPlanIsOfTheRules(t *testing.T) {
	dir := place(t)
	r := rulesIn(dir)
	p := planOf(t, r, requesttest.Means)
	if diff := gocmp.Diff(p, planOf(t, r, request.Means{Engine: "auto", CacheBytes: 1 << 20, Parser: "simdjson", Workers: 5, Memory: 1 << 30})); diff != "" {
		t.Errorf("by other requesttest.Means (-want +got):\n%s", diff)
	}
	if p.Fields.Source != "" {
		t.Errorf("nobody asks for the source, which is read from %q", p.Fields.Source)
	}
	seen := map[string]string{p.RunID: "default"}
	for name, change := range map[string]func(r *request.Rules){
		"inputs":    func(r *request.Rules) { r.Inputs = []string{dir} },
		"fields":    func(r *request.Rules) { r.Fields.ID = "key" },
		"threshold": func(r *request.Rules) { r.Threshold = "0.81" },
		"floor":     func(r *request.Rules) { r.Floor = "0.5" },
		"shingle":   func(r *request.Rules) { r.Shingle = 4 },
		"recall":    func(r *request.Rules) { r.Recall = 0.9 },
		"seed":      func(r *request.Rules) { r.Seed++ },
		"credit":    func(r *request.Rules) { r.Credit = "shared" },
		"audit":     func(r *request.Rules) { r.AuditPPM = 10 },
		"by itself": func(r *request.Rules) { r.Audit = true },
		"alarms":    func(r *request.Rules) { a := plan.DefaultAlarms; a.Group++; r.Alarms = &a },
		"shards":    func(r *request.Rules) { r.ShardSize = 12 },
		"line":      func(r *request.Rules) { r.MaxLine = 1 << 10 },
		"longest":   func(r *request.Rules) { r.Policy.Priority = plan.PriorityLongest },
		"scope":     func(r *request.Rules) { r.Policy.Scope = plan.ScopeSource },
		"reference": func(r *request.Rules) { r.Policy.Reference = []string{filepath.Join(dir, "other.jsonl")} },
		"index":     func(r *request.Rules) { r.Policy.Index = true },
		"two":       func(r *request.Rules) { r.Tokenizers = []string{"a=" + tokenizer, "b=" + tokenizer} },
		"added":     func(r *request.Rules) { r.AddedTokens = "text" },
	} {
		r := rulesIn(dir)
		change(&r)
		id := planOf(t, r, requesttest.Means).RunID
		if other, taken := seen[id]; taken {
			t.Errorf("%s: the run has the id of %s", name, other)
		}
		seen[id] = name
	}
	for name, same := range map[string]func(r *request.Rules){
		"five words":    func(r *request.Rules) { r.Shingle = 5 },
		"first":         func(r *request.Rules) { r.Credit = "first" },
		"usual alarms":  func(r *request.Rules) { a := plan.DefaultAlarms; r.Alarms = &a },
		"created":       func(r *request.Rules) { r.Policy.Priority = plan.PriorityCreated },
		"unread source": func(r *request.Rules) { r.Fields.Source = "other" },
	} {
		r := rulesIn(dir)
		same(&r)
		if id := planOf(t, r, requesttest.Means).RunID; id != p.RunID {
			t.Errorf("%s: what is the default makes another run", name)
		}
	}
}

// TestReferenceAndInputs: the files of a reference corpus follow the delivery's, and
// FindInputs finds what a plan has, without its digests.
func TestReferenceAndInputs(t *testing.T) {
	dir := place(t)
	r := rulesIn(dir)
	r.Policy.Reference = []string{filepath.Join(dir, "other.jsonl")}
	r.Audit = true // goes with no reference, and is not asked for in so many words
	p := planOf(t, r, requesttest.Means)
	if p.Scope != plan.ScopeReference || p.AuditPPM != 0 || len(p.Files) != 2 || p.Files[0].Reference || !p.Files[1].Reference || p.Shards[1].File != 1 || p.Delivery() != 1 {
		t.Errorf("scope %q, audit %d, files %+v, shards %+v", p.Scope, p.AuditPPM, p.Files, p.Shards)
	}
	in, err := request.FindInputs(t.Context(), r, requesttest.Means, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Files {
		want := p.Files[i]
		want.SHA256 = ""
		if diff := gocmp.Diff(want, in.Files[i]); diff != "" {
			t.Errorf("file %d (-plan +found):\n%s", i, diff)
		}
		if got := in.Open(i).Path; got != want.Path {
			t.Errorf("file %d is opened as %s", i, got)
		}
	}
	if !slices.EqualFunc(p.Shards, in.Shards, func(a, b plan.Shard) bool { return a.File == b.File && a.Offset == b.Offset && a.Length == b.Length }) {
		t.Errorf("shards %+v, found %+v", p.Shards, in.Shards)
	}
}

// TestOpenCounters: the tokenizers of a plan are found again where they are, and no
// other passes for them.
func TestOpenCounters(t *testing.T) {
	dir := place(t)
	r := rulesIn(dir)
	r.Tokenizers = []string{"main=" + tokenizer, "gpt2"}
	p := planOf(t, r, requesttest.Means)
	if p.Tokenizer.Label != "main" || p.Further[0].Label != "gpt2" {
		t.Errorf("labels %q and %q", p.Tokenizer.Label, p.Further[0].Label)
	}
	moved := filepath.Join(dir, "moved.json")
	b, err := os.ReadFile(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	write(t, moved, string(b))
	for _, specs := range [][]string{nil, {moved}, {"main=" + moved}, {moved, "gpt2"}} {
		if counters, err := request.OpenCounters(p, specs, requesttest.Means); err != nil || len(counters) != 2 {
			t.Errorf("%q: %d counters, %v", specs, len(counters), err)
		}
	}
	for _, c := range []struct {
		specs []string
		is    error
	}{
		{[]string{"gpt2"}, doc.ErrInputChanged},
		{[]string{"main=cl100k_base"}, doc.ErrInputChanged},
		{[]string{"other=" + moved}, doc.ErrUsage},
		{[]string{moved, "gpt2", "gpt2"}, doc.ErrUsage},
		{[]string{filepath.Join(dir, "missing.json")}, doc.ErrInput},
	} {
		if _, err := request.OpenCounters(p, c.specs, requesttest.Means); !errors.Is(err, c.is) {
			t.Errorf("%q: %v, want %v", c.specs, err, c.is)
		}
	}
}
