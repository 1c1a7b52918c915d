package folder_test

import (
	"github.com/tallystick/tallystick/engine/folder"

	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/jsonfile"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
)

// planned is the plan.json of a small corpus.
func planned(t testing.TB) []byte {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(in, []byte("{\"text\":\"a\"}\n{\"text\":\"b\"}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := request.Rules{
		Inputs: []string{in}, Tokenizers: []string{"../../testdata/tokenizers/bytes.json"}, AddedTokens: "match",
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		Threshold: "0.8", Recall: 0.99, Seed: 7, ShardSize: 10, MaxLine: 1 << 20,
	}
	m := request.Means{Engine: "auto", Parser: "native", Workers: 1}
	p, err := request.MakePlan(t.Context(), r, m, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b, err := jsonfile.Marshal(p.Plan)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A plan is taken as it was written, and only if it makes sense: a run id shows
// damage, but anybody can compute one.
func TestParsePlan(t *testing.T) {
	good := planned(t)
	p, err := folder.ParsePlan(good, "plan.json")
	if err != nil || len(p.Shards) != 2 {
		t.Fatalf("%d shards, %v", len(p.Shards), err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if _, err := folder.ParsePlan(bad, "plan.json"); err == nil {
			t.Errorf("byte %d: %q instead of %q was taken", i, bad[i], good[i])
		}
	}
	for name, forge := range map[string]func(p *plan.Plan){
		"shard of no file":    func(p *plan.Plan) { p.Shards[1].File = 1 },
		"negative partitions": func(p *plan.Plan) { p.Partitions = -1 },
		"threshold 0/0":       func(p *plan.Plan) { p.NearDup.ThresholdNum, p.NearDup.ThresholdDen = 0, 0 },
		"tokenizer":           func(p *plan.Plan) { p.Tokenizer.SHA256 = "x" },
	} {
		forged := p
		forged.Shards = append([]plan.Shard(nil), p.Shards...)
		forge(&forged)
		if forged.RunID, err = forged.ComputeRunID(); err != nil {
			t.Fatal(err)
		}
		b, err := jsonfile.Marshal(forged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := folder.ParsePlan(b, "plan.json"); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]string{
		"other spelling": string(compacted(t, good)),
		"unknown key":    strings.Replace(string(good), "{", "{\n  \"thresold\": 1,", 1),
		"more":           string(good) + "{}",
		"version":        strings.Replace(string(good), `"version": 1`, `"version": 9`, 1),
	} {
		if _, err := folder.ParsePlan([]byte(bad), "plan.json"); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func compacted(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzParsePlan gives every plan the run id and the spelling that it needs, so that
// what is in it decides.
func FuzzParsePlan(f *testing.F) {
	f.Add(planned(f))
	f.Add([]byte(`{"version": 1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p plan.Plan
		if json.Unmarshal(data, &p) != nil {
			return
		}
		p.Version = plan.Version
		var err error
		if p.RunID, err = p.ComputeRunID(); err != nil {
			return
		}
		b, err := jsonfile.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := folder.ParsePlan(b, "plan.json")
		switch {
		case err != nil && !errors.Is(err, doc.ErrCorrupt):
			t.Error(err)
		case err == nil && got.Check() != nil:
			t.Error("taken, but not sound")
		}
	})
}
