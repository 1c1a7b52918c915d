package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/tokenize"
)

func run(t *testing.T, dir string, inputs bool) Report {
	t.Helper()
	r, err := Run(context.Background(), dir, Options{Inputs: inputs, Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(r Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%s: ok=%v %s\n", c.Name, c.OK, c.Detail)
		for _, f := range c.Failures {
			fmt.Fprintf(&b, "    %s\n", f)
		}
	}
	return b.String()
}

func TestValidRun(t *testing.T) {
	a := build(t)
	dir := a.write(t)
	ending := func(before, after string) string {
		return fmt.Sprintf("%s%x%s", before, sha256.Sum256([]byte(before+after)), after)
	}
	for name, content := range map[string]string{
		"timings.json": ending(fmt.Sprintf("{\n  \"run_id\": %q,\n  \"sha256\": \"", a.plan.RunID), "\"\n}\n"),
		"report.html":  ending("<p>"+a.plan.RunID+"</p>\n<!-- ", " -->\n"),
		".work/scan/x": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for inputs, names := range map[bool]string{
		false: "manifest files plan layout tally bitmaps decisions alarms rejects",
		true:  "manifest files plan layout tally bitmaps decisions alarms rejects inputs recount kept texts proofs",
	} {
		r := run(t, dir, inputs)
		if !r.OK() {
			t.Errorf("inputs %v: a valid run fails:\n%s", inputs, text(r))
		}
		var got []string
		for _, c := range r.Checks {
			got = append(got, c.Name)
		}
		if s := strings.Join(got, " "); s != names {
			t.Errorf("inputs %v: checks %s, want %s", inputs, s, names)
		}
	}
}

func TestReportDoesNotDependOnWorkers(t *testing.T) {
	a := build(t)
	a.dropped("a4").WitnessLine = 5
	a.dropped("b1").ID = "other"
	a.credit("ann", doc.Kept, 0, 0, 1)
	dir := a.write(t)
	var want Report
	for i, workers := range []int{1, 2, 7} {
		got, err := Run(context.Background(), dir, Options{Inputs: true, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers: %s", workers, diff)
		}
	}
}

// forgeries change one thing in a run and seal the rest. The check named must
// fail, with a failure that contains all the strings.
var forgeries = []struct {
	name   string
	inputs bool
	forge  func(a *artefacts)
	check  string
	says   []string
}{
	{"run id", false, func(a *artefacts) { a.plan.RunID, a.badRunID = strings.Repeat("00", 32), true }, "plan", []string{"plan.json", "run_id"}},
	{"rule version", false, func(a *artefacts) { a.plan.Rules.Shingle = "w5-v9" }, "plan", []string{"plan.json", "w5-v9"}},
	{"threshold above one", false, func(a *artefacts) { a.plan.NearDup.ThresholdNum = 6 }, "plan", []string{"6/5"}},
	{"bytes in no shard", false, func(a *artefacts) { a.plan.Shards[1].Length-- }, "plan", []string{"plain.jsonl", "cover"}},
	{"bytes in two shards", false, func(a *artefacts) { a.plan.Shards[1].Offset-- }, "plan", []string{"shard 1"}},
	{"part of a gzip file", false, func(a *artefacts) { a.plan.Shards[2].Length-- }, "plan", []string{"packed.jsonl.gz"}},
	{"unknown priority", false, func(a *artefacts) { a.plan.Rules.Priority = "alphabet-v1" }, "plan", []string{"alphabet-v1"}},
	{"ranking that nothing asks for", false, func(a *artefacts) { a.plan.SourceRank = []string{"wiki"} }, "plan", []string{"makes no sense"}},
	{"unknown scope", false, func(a *artefacts) { a.plan.Scope = "planet" }, "plan", []string{`"planet"`}},
	{"earlier run before the delivery", false, func(a *artefacts) { a.plan.Files[0].Run = strings.Repeat("00", 32) }, "plan", []string{"packed.jsonl.gz", "follows"}},
	{"earlier run that is not named", false, func(a *artefacts) { a.plan.Files[1].Run = strings.Repeat("00", 32) }, "plan", []string{"packed.jsonl.gz", "no earlier run"}},
	{"reference corpus without its scope", false, func(a *artefacts) { a.plan.Files[1].Reference = true }, "plan", []string{"packed.jsonl.gz", "no use"}},
	{"index that is missing", false, func(a *artefacts) { a.plan.Index = true }, "layout", []string{"index/00000.bin"}},
	{"first line", false, func(a *artefacts) { a.plan.Shards[1].FirstLine = 1 }, "plan", []string{"shard 1", "first line 1"}},
	{"stray file", false, func(a *artefacts) { a.trailing["decisions/00009.parquet"] = "x" }, "layout", []string{"decisions/00009.parquet"}},
	{"other tokenizer digest", true, func(a *artefacts) { a.plan.Tokenizer.SHA256 = strings.Repeat("00", 32) }, "recount", []string{"tokenizer gpt2"}},

	{"row not conserved", false, func(a *artefacts) { a.row("bob").In.Tokens++ }, "tally", []string{"tally.jsonl: line", `"bob"`}},
	{"rejected with tokens", false, func(a *artefacts) { a.credit("bob", doc.Rejected, 0, 0, 1) }, "tally", []string{`"bob"`, "rejected"}},
	{"tokens moved in tally.jsonl", false, func(a *artefacts) {
		a.parquet = slices.Clone(a.tally)
		a.credit("ann", doc.Kept, 0, 0, 5)
		a.credit("bob", doc.Kept, 0, 0, -5)
	}, "tally", []string{"tally.parquet: row 2", `"ann"`}},
	{"row only in tally.parquet", false, func(a *artefacts) {
		a.parquet = append(slices.Clone(a.tally), tallyRow{Contributor: "zzz"})
	}, "tally", []string{"tally.parquet: row 5"}},
	{"row only in tally.jsonl", false, func(a *artefacts) { a.parquet = slices.Clone(a.tally[:3]) }, "tally", []string{"tally.parquet: has 3 rows"}},
	{"rows out of order", false, func(a *artefacts) { slices.Reverse(a.tally) }, "tally", []string{"does not sort"}},
	{"contributor twice", false, func(a *artefacts) { a.tally = slices.Insert(a.tally, 1, a.tally[0]) }, "tally", []string{"tally.jsonl: line 2"}},
	{"no last newline", false, func(a *artefacts) { a.trailing["tally.jsonl"] = "{}" }, "tally", []string{"tally.jsonl: line 5"}},
	{"other totals", false, func(a *artefacts) {
		a.totals = &classCounts{In: doc.Counts{Documents: 1}, Kept: doc.Counts{Documents: 1}}
	}, "tally", []string{"manifest.json"}},
	{"totals not conserved", false, func(a *artefacts) { a.totals = &classCounts{In: doc.Counts{Documents: 1}} }, "manifest", []string{"totals"}},
	{"near_dup tokens moved", false, func(a *artefacts) {
		a.credit("ann", doc.NearDup, 0, 0, 5)
		a.credit("zoë", doc.NearDup, 0, 0, -5)
	}, "decisions", []string{"tally.jsonl: line", `"ann"`, "near_dup"}},
	{"exact_dup document moved", false, func(a *artefacts) {
		a.credit("ann", doc.ExactDup, 1, 0, 0)
		a.credit("bob", doc.ExactDup, -1, 0, 0)
	}, "decisions", []string{`"bob"`, "exact_dup"}},
	{"reject moved", false, func(a *artefacts) {
		a.credit("ann", doc.Rejected, 1, 0, 0)
		a.credit("bob", doc.Rejected, -1, 0, 0)
	}, "rejects", []string{"tally.jsonl: line", `"bob"`}},

	{"line in two classes", false, func(a *artefacts) { a.bitmaps[0][doc.NearDup].Add(0) }, "bitmaps", []string{"bitmaps/00000.near_dup.roaring", "line 1"}},
	{"line in no class", false, func(a *artefacts) { a.bitmaps[1][doc.Kept].Remove(0) }, "bitmaps", []string{"kept"}},
	{"line that does not exist", false, func(a *artefacts) { a.bitmaps[0][doc.Kept].Add(6) }, "bitmaps", []string{"bitmaps/00000.kept.roaring", "ordinal 6"}},
	{"bytes after a bitmap", false, func(a *artefacts) { a.trailing["bitmaps/00001.kept.roaring"] = "x" }, "bitmaps", []string{"bitmaps/00001.kept.roaring"}},
	{"not a bitmap", false, func(a *artefacts) { a.trailing["bitmaps/00001.exact_dup.roaring"] = "hello" }, "bitmaps", []string{"bitmaps/00001.exact_dup.roaring"}},
	{"excluded without a rule", false, func(a *artefacts) { a.reclass(a.lines["a5"], doc.Excluded) }, "bitmaps", []string{"excluded"}},

	{"row dropped", false, func(a *artefacts) { a.decisions[0] = a.decisions[0][1:] }, "decisions", []string{"decisions/00000.parquet", "bitmaps/00000.exact_dup.roaring"}},
	{"row added", false, func(a *artefacts) {
		row := *a.dropped("a6")
		row.Line, row.Offset = a.lines["a7"].line, a.lines["a7"].offset
		a.decisions[1] = append(a.decisions[1], row)
	}, "decisions", []string{"decisions/00001.parquet: row 2", "bitmaps/00001.near_dup.roaring"}},
	{"row twice", false, func(a *artefacts) { a.decisions[2] = slices.Insert(a.decisions[2], 0, a.decisions[2][0]) }, "decisions", []string{"decisions/00002.parquet: row 2"}},
	{"rows out of order", false, func(a *artefacts) { slices.Reverse(a.decisions[0]) }, "decisions", []string{"decisions/00000.parquet: row 2"}},
	{"row of another shard", false, func(a *artefacts) { a.dropped("b1").Shard = 1 }, "decisions", []string{"decisions/00002.parquet: row 1"}},
	{"other class", false, func(a *artefacts) { a.dropped("a2").Class = "near_dup" }, "decisions", []string{"decisions/00000.parquet: row 1"}},
	{"kept in decisions", false, func(a *artefacts) { a.dropped("a2").Class = "kept" }, "decisions", []string{"decisions/00000.parquet: row 1"}},
	{"unknown class", false, func(a *artefacts) { a.dropped("a2").Class = "lost" }, "decisions", []string{"decisions/00000.parquet: row 1", "lost"}},
	{"unknown contributor", false, func(a *artefacts) { a.dropped("a2").Contributor = "eve" }, "decisions", []string{"row 1", `"eve"`}},
	{"offset of another shard", false, func(a *artefacts) { a.dropped("a6").Offset = 3 }, "decisions", []string{"decisions/00001.parquet: row 1", "offset 3"}},
	{"witness that was dropped", false, func(a *artefacts) { a.dropped("b3").WitnessLine = 2 }, "decisions", []string{"decisions/00002.parquet: row 2", "plain.jsonl, line 2", "bitmaps/00000.kept.roaring"}},
	{"witness that was rejected", false, func(a *artefacts) { a.dropped("b3").WitnessLine = 4 }, "decisions", []string{"decisions/00002.parquet: row 2"}},
	{"witness in no shard", false, func(a *artefacts) { a.dropped("b3").WitnessShard = 3 }, "decisions", []string{"decisions/00002.parquet: row 2", "shard 3"}},
	{"witness before the shard", false, func(a *artefacts) { a.dropped("b1").WitnessLine = 1 }, "decisions", []string{"decisions/00002.parquet: row 1", "line 1"}},
	{"witness contributor without kept documents", false, func(a *artefacts) { a.dropped("b3").WitnessContributor = "zoë" }, "decisions", []string{"row 2", `"zoë"`}},
	{"witness outside the reference corpus", false, func(a *artefacts) { a.plan.Scope = plan.ScopeReference }, "decisions", []string{"decisions/00000.parquet: row 1", "reference corpus"}},
	{"jaccard", false, func(a *artefacts) { a.dropped("a4").Jaccard = 0.99 }, "decisions", []string{"decisions/00000.parquet: row 2", "0.99"}},
	{"below the threshold", false, func(a *artefacts) {
		r := a.dropped("a4")
		r.Overlap, r.Union, r.Jaccard = 79, 100, 0.79
	}, "decisions", []string{"decisions/00000.parquet: row 2", "79 / 100"}},
	{"more overlap than union", false, func(a *artefacts) {
		r := a.dropped("a4")
		r.Overlap, r.Union, r.Jaccard = 5, 4, 1.25
	}, "decisions", []string{"decisions/00000.parquet: row 2"}},
	{"no shared bucket", false, func(a *artefacts) { a.dropped("a4").SharedBuckets = 0 }, "decisions", []string{"decisions/00000.parquet: row 2"}},
	{"more buckets than bands and prefixes", false, func(a *artefacts) { a.dropped("a4").SharedBuckets = 20 }, "decisions", []string{"decisions/00000.parquet: row 2"}},
	{"exact_dup with a score", false, func(a *artefacts) { a.dropped("a2").Jaccard = 0.5 }, "decisions", []string{"decisions/00000.parquet: row 1"}},
	{"tokens of a row", false, func(a *artefacts) { a.dropped("a2").Tokens++ }, "decisions", []string{`"bob"`, "exact_dup"}},
	{"negative tokens", false, func(a *artefacts) { a.dropped("a2").Tokens = -1 }, "decisions", []string{"decisions/00000.parquet: row 1"}},

	{"reject dropped", false, func(a *artefacts) { a.rejects = a.rejects[1:] }, "rejects", []string{"rejects.jsonl", "bitmaps/00000.rejected.roaring"}},
	{"reject twice", false, func(a *artefacts) { a.rejects = slices.Insert(a.rejects, 0, a.rejects[0]) }, "rejects", []string{"rejects.jsonl: line 2"}},
	{"rejects out of order", false, func(a *artefacts) { slices.Reverse(a.rejects) }, "rejects", []string{"rejects.jsonl: line 2"}},
	{"reject of a kept line", false, func(a *artefacts) { a.rejects[0].Line-- }, "rejects", []string{"rejects.jsonl: line 1"}},
	{"reject of another file", false, func(a *artefacts) { a.rejects[0].File = "x" }, "rejects", []string{"rejects.jsonl: line 1"}},
	{"reject for no known reason", false, func(a *artefacts) { a.rejects[0].Reason = "bad mood" }, "rejects", []string{"rejects.jsonl: line 1", "bad mood"}},
	{"reject in no shard", false, func(a *artefacts) { a.rejects[2].Shard = 3 }, "rejects", []string{"rejects.jsonl: line 3"}},
	{"half a reject", false, func(a *artefacts) { a.trailing["rejects.jsonl"] = `{"file":` }, "rejects", []string{"rejects.jsonl: line 4"}},

	{"kept tokens moved", true, func(a *artefacts) {
		a.credit("ann", doc.Kept, 0, 0, 5)
		a.credit("bob", doc.Kept, 0, 0, -5)
	}, "recount", []string{"tally.jsonl: line 2", `"ann"`, "kept"}},
	{"tokens made up", true, func(a *artefacts) { a.credit("ann", doc.Kept, 0, 0, 1) }, "recount", []string{"tally.jsonl: line 2", `"ann"`}},
	{"contributor renamed", true, func(a *artefacts) { a.row("ann").Contributor = "anna"; a.renamed("ann", "anna") }, "recount", []string{`"anna"`, "no line"}},
	{"unreadable dates", true, func(a *artefacts) { a.created++ }, "recount", []string{"manifest.json", "created_unreadable"}},
	{"usable line rejected", true, func(a *artefacts) {
		l := a.lines["a5"]
		a.reclass(l, doc.Rejected)
		a.rejects = slices.Insert(a.rejects, 1, rejected{
			File: a.plan.Files[0].Path, Shard: 1, Line: l.line, Offset: l.offset, Column: 1, Reason: doc.InvalidJSON, Contributor: l.contributor,
		})
	}, "recount", []string{"plain.jsonl: line 7", "can be used"}},
	{"blank line kept", true, func(a *artefacts) {
		a.bitmaps[0][doc.Kept].Add(2)
		a.credit("ann", doc.Kept, 1, 0, 0)
	}, "recount", []string{"bitmaps of shard 0"}},
	{"other reason", true, func(a *artefacts) { a.rejects[0].Reason = doc.TextMissing }, "recount", []string{"rejects.jsonl: line 1"}},
	{"other column", true, func(a *artefacts) { a.rejects[1].Column++ }, "recount", []string{"rejects.jsonl: line 2"}},
	{"other reject offset", true, func(a *artefacts) { a.rejects[2].Offset++ }, "recount", []string{"rejects.jsonl: line 3"}},
	{"other offset", true, func(a *artefacts) { a.dropped("a4").Offset++ }, "recount", []string{"decisions/00000.parquet: row 2"}},
	{"other id", true, func(a *artefacts) { a.dropped("a4").ID = "A4" }, "recount", []string{"decisions/00000.parquet: row 2", `"A4"`}},
	{"tokens of a row and the tally", true, func(a *artefacts) {
		a.dropped("a4").Tokens++
		a.credit("zoë", doc.NearDup, 0, 0, 1)
	}, "recount", []string{"decisions/00000.parquet: row 2"}},
	{"contributor of a row and the tally", true, func(a *artefacts) {
		r := a.dropped("a4")
		a.credit("zoë", doc.NearDup, -1, -int(r.Bytes), -int(r.Tokens))
		a.credit("bob", doc.NearDup, 1, int(r.Bytes), int(r.Tokens))
		r.Contributor = "bob"
	}, "recount", []string{"decisions/00000.parquet: row 2", `"bob"`}},
	{"kept twice", true, func(a *artefacts) {
		a.reclass(a.lines["b1"], doc.Kept)
		a.decisions[2] = a.decisions[2][1:]
	}, "kept texts", []string{"packed.jsonl.gz: line 1", "plain.jsonl: line 10"}},

	{"exact_dup of another text", true, func(a *artefacts) {
		w := a.lines["b2"]
		r := a.dropped("a2")
		r.WitnessShard, r.WitnessLine, r.WitnessID, r.WitnessContributor = int32(w.shard), w.line, w.id, w.contributor
	}, "proofs", []string{"decisions/00000.parquet: row 1", "plain.jsonl, line 2", "packed.jsonl.gz, line 3", "differ"}},
	{"near_dup of another text", true, func(a *artefacts) {
		w := a.lines["b2"]
		r := a.dropped("b3")
		r.WitnessShard, r.WitnessLine, r.WitnessID, r.WitnessContributor = int32(w.shard), w.line, w.id, w.contributor
	}, "proofs", []string{"decisions/00002.parquet: row 2", "0 of"}},
	{"higher score", true, func(a *artefacts) {
		r := a.dropped("a6")
		r.Overlap++
		r.Jaccard = float64(r.Overlap) / float64(r.Union)
	}, "proofs", []string{"decisions/00001.parquet: row 1"}},
	{"exact_dup passed off as near_dup", true, func(a *artefacts) {
		a.reclass(a.lines["a2"], doc.NearDup)
		r := a.dropped("a2")
		r.Class, r.Overlap, r.Union, r.SharedBuckets = "near_dup", 56, 56, 16
	}, "proofs", []string{"decisions/00000.parquet: row 1", "equal"}},
	{"witness id", true, func(a *artefacts) { a.dropped("a6").WitnessID = "a5" }, "proofs", []string{"decisions/00001.parquet: row 1", `"a5"`}},
	{"witness contributor", true, func(a *artefacts) { a.dropped("a6").WitnessContributor = "bob" }, "proofs", []string{"decisions/00001.parquet: row 1", `"bob"`}},
	{"witness of another source", true, func(a *artefacts) {
		a.plan.Scope, a.plan.Fields.Source = plan.ScopeSource, "contributor"
	}, "proofs", []string{"decisions/00000.parquet: row 1", `"bob"`, `"ann"`}},
	{"witness of a source ranked later", true, func(a *artefacts) {
		a.plan.Rules.Priority, a.plan.SourceRank, a.plan.Fields.Source = plan.RulePrioritySource, []string{"bob"}, "contributor"
	}, "proofs", []string{"decisions/00000.parquet: row 1", "later"}},
	{"shorter witness", true, func(a *artefacts) {
		a.plan.Rules.Priority = plan.RulePriorityLongest
		long, short := a.lines["a4"], a.lines["b3"]
		a.reclass(short, doc.Kept)
		a.decisions[2] = a.decisions[2][:1]
		a.decisions[0][1] = a.decide(long, short)
	}, "proofs", []string{"decisions/00000.parquet: row 2", "later"}},
	{"the later one kept", true, func(a *artefacts) {
		early, late := a.lines["a7"], a.lines["b1"]
		a.reclass(late, doc.Kept)
		a.reclass(early, doc.ExactDup)
		a.decisions[2] = a.decisions[2][1:]
		a.decisions[1] = append(a.decisions[1], a.decide(early, late))
	}, "proofs", []string{"decisions/00001.parquet: row 2", "later"}},
}

// renamed gives every record of a contributor another name.
func (a *artefacts) renamed(from, to string) {
	for _, rows := range a.decisions {
		for i := range rows {
			for _, name := range []*string{&rows[i].Contributor, &rows[i].WitnessContributor} {
				if *name == from {
					*name = to
				}
			}
		}
	}
}

func TestForgeries(t *testing.T) {
	openTokenizer = func(string, tokenize.Options) (*tokenize.Counter, tokenize.Info, error) { return gpt2() }
	t.Cleanup(func() { openTokenizer = tokenize.Open })
	for _, forgery := range forgeries {
		t.Run(forgery.name, func(t *testing.T) {
			t.Parallel()
			a := build(t)
			forgery.forge(a)
			r := run(t, a.write(t), forgery.inputs)
			for _, c := range r.Checks {
				if c.Name == "files" && !c.OK {
					t.Errorf("the forged run is not sealed:\n%s", text(r))
				}
				if c.Name != forgery.check || c.OK {
					continue
				}
				for _, failure := range c.Failures {
					if !slices.ContainsFunc(forgery.says, func(s string) bool { return !strings.Contains(failure, s) }) {
						return
					}
				}
			}
			t.Errorf("want a failure of %q that says %q, got:\n%s", forgery.check, forgery.says, text(r))
		})
	}
}

// A forgery that only the inputs show must pass without them: else the test of
// the inputs would prove nothing.
func TestForgeriesOfInputsPassWithoutThem(t *testing.T) {
	for _, forgery := range forgeries {
		if !forgery.inputs {
			continue
		}
		a := build(t)
		forgery.forge(a)
		if r := run(t, a.write(t), false); !r.OK() {
			t.Errorf("%s: found without the inputs:\n%s", forgery.name, text(r))
		}
	}
}

// Any damaged byte of any file is found and the file named.
func TestDamagedFiles(t *testing.T) {
	dir := build(t).write(t)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		good, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		damage := map[string][]byte{"truncated": good[:len(good)-1], "longer": append(slices.Clone(good), 'x'), "empty": {}}
		for i := 0; i < len(good); i += 1 + len(good)/3 {
			flipped := slices.Clone(good)
			flipped[i] ^= 1
			damage[fmt.Sprintf("byte %d", i)] = flipped
		}
		for what, data := range damage {
			if err := os.WriteFile(path, data, 0o666); err != nil {
				return err
			}
			r := run(t, dir, false)
			if !strings.Contains(text(r), "    "+filepath.ToSlash(name)+":") {
				t.Errorf("%s: %s: not found:\n%s", name, what, text(r))
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		if r := run(t, dir, false); !strings.Contains(text(r), "    "+filepath.ToSlash(name)+":") {
			t.Errorf("%s: not missed:\n%s", name, text(r))
		}
		return os.WriteFile(path, good, 0o666)
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, dir, false); !r.OK() {
		t.Errorf("the files were put back:\n%s", text(r))
	}
}

// Every byte of the manifest matters, white space included.
func TestDamagedManifest(t *testing.T) {
	dir := build(t).write(t)
	path := filepath.Join(dir, manifestName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 7 {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		if r := run(t, dir, false); !strings.Contains(text(r), "    "+manifestName+":") {
			t.Errorf("byte %d of %s: not found: %s", i, manifestName, bad[max(0, i-40):min(len(bad), i+10)])
		}
	}
}

func TestUnlistedFile(t *testing.T) {
	dir := build(t).write(t)
	if err := os.WriteFile(filepath.Join(dir, "decisions", "extra.parquet"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if r := run(t, dir, false); !strings.Contains(text(r), "decisions/extra.parquet: is not listed") {
		t.Errorf("not found:\n%s", text(r))
	}
}

func TestChangedInput(t *testing.T) {
	a := build(t)
	dir := a.write(t)
	path := a.plan.Files[0].Path
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	r := run(t, dir, true)
	if r.OK() || !strings.Contains(text(r), "plain.jsonl: has") {
		t.Errorf("not found:\n%s", text(r))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if r := run(t, dir, true); r.OK() || !strings.Contains(text(r), "plain.jsonl: cannot be read") {
		t.Errorf("not missed:\n%s", text(r))
	}
}

func TestRunErrors(t *testing.T) {
	if _, err := Run(context.Background(), filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, doc.ErrInput) {
		t.Errorf("no folder: %v, want ErrInput", err)
	}
	dir := build(t).write(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, dir, Options{Inputs: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if r := run(t, t.TempDir(), true); r.OK() || !strings.Contains(text(r), "not finished") {
		t.Errorf("empty folder:\n%s", text(r))
	}
	if _, err := Run(context.Background(), dir, Options{Inputs: true, Tokenizers: []string{"no such file"}}); !errors.Is(err, doc.ErrInput) {
		t.Errorf("no tokenizer: %v, want ErrInput", err)
	}
}

func TestFailuresAreBounded(t *testing.T) {
	var f, all findings
	for i := range 100 {
		f.add("%d", i)
	}
	all.merge(&f)
	all.merge(&f)
	if len(all.first) != maxFailures || all.count != 200 {
		t.Errorf("%d listed of %d, want %d of 200", len(all.first), all.count, maxFailures)
	}
}

func TestProgress(t *testing.T) {
	dir := build(t).write(t)
	last := make(map[string][2]int64)
	_, err := Run(context.Background(), dir, Options{Inputs: true, Progress: func(stage string, done, total int64) {
		if done < last[stage][0] {
			t.Errorf("%s: goes back from %d to %d", stage, last[stage][0], done)
		}
		last[stage] = [2]int64{done, total}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range []string{"files", "decisions", "inputs", "recount", "proofs"} {
		if p, ok := last[stage]; !ok || p[0] != p[1] {
			t.Errorf("%s: ends at %d of %d", stage, p[0], p[1])
		}
	}
}

func TestLessProduct(t *testing.T) {
	const big = 1<<62 + 1
	for _, c := range []struct {
		a, b, c, d int64
		want       bool
	}{{4, 5, 20, 1, false}, {79, 5, 4, 100, true}, {80, 5, 4, 100, false}, {big, 4, 4, big, false}, {big - 1, 4, 4, big, true}} {
		if got := lessProduct(c.a, c.b, c.c, c.d); got != c.want {
			t.Errorf("%d·%d < %d·%d is %v", c.a, c.b, c.c, c.d, got)
		}
	}
}

// Verification shares no code with what wrote the files.
func TestImports(t *testing.T) {
	const prefix = "github.com/tallystick/tallystick/"
	allowed := []string{"engine/doc", "engine/object", "engine/plan", "engine/corpus", "engine/jsonl", "engine/tokenize", "engine/shingle", "engine/verify/spill", "engine/verify/wary"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			ours, is := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), prefix)
			if is && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	}
}

func TestBitmapsOfManyLines(t *testing.T) {
	a := build(t)
	dense := roaring.New()
	dense.AddRange(0, 1<<20)
	a.bitmaps[2][doc.Kept] = dense
	if r := run(t, a.write(t), false); !strings.Contains(text(r), "bitmaps/") {
		t.Errorf("not found:\n%s", text(r))
	}
}
