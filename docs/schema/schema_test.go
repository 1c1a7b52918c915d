package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/plan"
)

const zero = `{"documents": 0, "bytes": 0, "tokens": 0}`

var (
	digest   = strings.Repeat("0123456789abcdef", 4)
	further  = `{"llama3": {"in": 9, "kept": 9, "exact_dup": 0, "near_dup": 0, "excluded": 0, "rejected": 0}}`
	limits   = `{"loss_ppm": 500000, "loss_excess_ppm": 2000000, "documents": 100, "group": 1000, "neighbours_ppm": 1000000, "component_ppm": 100000, "bucket": 5000, "candidates": 10000}`
	between  = `{"low": 1, "expected": 2.5, "high": 3}`
	cost     = `{"each": 0.001, "whole": 0.2}`
	curve    = `{"blocks": 32, "one": 0.1, "half": 0.2, "all": 0.3}`
	families = `{"parts": ` + curve + `, "block": 2.5, "number": 60}`
	memory   = `{"scan": 1, "match": 1, "resolve": 1, "tally": 1, "seal": 1}`
	credit   = `{"tokens": 7, "numerator": "1", "denominator": "3"}`
	classes  = `"in": {"documents": 2, "bytes": 20, "tokens": 7}, "kept": {"documents": 2, "bytes": 20, "tokens": 7}, "exact_dup": ` +
		zero + `, "near_dup": ` + zero + `, "excluded": ` + zero + `, "rejected": ` + zero
)

// classesOfSweep are those that a sweep tells apart.
const classesOfSweep = `"in": ` + zero + `, "kept": ` + zero + `, "exact_dup": ` + zero + `, "near_dup": ` + zero + `, "rejected": ` + zero

// example is a valid instance of a schema.
type example struct{ name, json string }

var examples = []example{
	{"tally", `{"contributor": "ann", ` + classes + `}`},
	{"tally", `{"contributor": "ann", ` + classes + `, "further_tokens": ` + further + `}`},
	{"manifest", `{"version": 2, "run_id": "` + digest + `", "tool": "tallystick", "files": [{"path": "tally.jsonl", "size": 3, "sha256": "` + digest + `"}], "totals": {` + classes + `, "further_tokens": ` + further + `}, "created_unreadable": 0, "standing": {"documents": 3, "rejected": 1}, "sha256": "` + digest + `"}`},
	{"tally", `{"contributor": "ann", ` + classes + `, "further_tokens": ` + further + `, "credit": ` + credit + `, "further_credit": {"llama3": ` + credit + `}}`},
	{"rejects", `{"file": "a.jsonl", "shard": 0, "line": 3, "offset": 120, "column": 0, "reason": "line_too_long", "contributor": "(unattributed)"}`},
	{"plan", `{"version": 1, "run_id": "` + digest + `",
		"rules": {"document": "json-line-v1", "token": "hf-tokenizers-0.22.2-v1", "shingle": "w5-v1", "word_hash": "aes3-v1", "sketch": "oph-fallback-prefix-v2", "exact_key": "xxh64-len-sha256-v1", "priority": "created-content-contributor-id-v1", "credit": "shared-v1"},
		"fields": {"text": "text", "id": "id", "contributor": "meta.author", "created": "", "require_contributor": false},
		"tokenizer": {"name": "gpt2", "sha256": "` + digest + `", "added_tokens": "match", "label": "gpt2"},
		"further_tokenizers": [{"name": "l/tokenizer.json", "sha256": "` + digest + `", "added_tokens": "match", "label": "llama3"}],
		"near_dup": {"threshold_num": 4, "threshold_den": 5, "recall": "0.99", "bands": 16, "rows": 5, "prefix_up_to": 8, "predicted_recall": [{"jaccard_percent": 80, "recall_ppm": 998000}], "floor_num": 1, "floor_den": 2},
		"alarms": ` + limits + `, "audit_ppm": 1000,
		"seed": 18446744073709551615, "shard_size": 67108864, "max_line": 16777216, "partitions": 4,
		"files": [{"path": "a.jsonl", "size": 10, "sha256": "` + digest + `", "compression": "none"}],
		"shards": [{"file": 0, "offset": 0, "length": 10, "first_line": 1, "xxh64": "0123456789abcdef"}]}`},
	{"plan", `{"version": 1, "run_id": "` + digest + `",
		"rules": {"document": "json-line-v1", "token": "hf-tokenizers-0.22.2-v1", "shingle": "w5-v1", "word_hash": "aes3-v1", "sketch": "oph-fallback-prefix-v2", "exact_key": "xxh64-len-sha256-v1", "priority": "source-created-content-contributor-id-v1"},
		"fields": {"text": "text", "id": "id", "contributor": "meta.author", "created": "", "require_contributor": false, "source": "meta.source"},
		"tokenizer": {"name": "gpt2", "sha256": "` + digest + `", "added_tokens": "match"},
		"near_dup": {"threshold_num": 4, "threshold_den": 5, "recall": "0.99", "bands": 16, "rows": 5, "prefix_up_to": 8, "predicted_recall": []},
		"seed": 1, "shard_size": 67108864, "max_line": 16777216, "partitions": 4, "decide_tasks": 3,
		"source_rank": ["wiki", "web"], "scope": "source", "earlier_runs": [{"folder": "jan", "run_id": "` + digest + `", "first_shard": 1, "shards": 1}], "index": true,
		"files": [{"path": "a.jsonl", "size": 10, "sha256": "` + digest + `", "compression": "none", "reference": false, "run": "` + digest + `"}],
		"shards": [{"file": 0, "offset": 0, "length": 10, "first_line": 1, "xxh64": "0123456789abcdef", "index": "` + digest + `"}]}`},
	{"estimate", `{"version": 1, "run_id": "` + digest + `", "cpu": "a processor",
		"fleet": {"machines": 8, "cores": 4, "network_bytes_per_second": 1250000000, "process_memory_bytes": 0, "output_in_store": false},
		"corpus": {"bytes": 1000, "documents": 10, "contributors": 3, "sharing": ` + between + `, "copies": ` + between + `, "sampled": 0.1},
		"stages": [{"stage": "scan", "tasks": 17, "at_once": 17, "memory_bytes": 1, "mapped_bytes": 1, "input_bytes": 1, "work_bytes_read": 0, "bytes_written": 1, "scratch_bytes": 0,
			"files_written": 68, "files_read": 0, "cpu_seconds": ` + between + `, "seconds": ` + between + `, "longest_task_seconds": 0.5, "bound_by": "CPU"}],
		"work_folder_bytes": 1, "seconds": ` + between + `, "assumptions": ["disks and network keep up"],
		"sample": {"bytes": 100, "documents": 1, "rejected": 0, "text_bytes": 90, "expansion": 1, "band_keys": 16, "compared_documents": 0, "compared_text_bytes": 0, "compared_shingles": 0, "stored_shingles": 0, "near_dup_documents": 0,
			"growth": {"sharing_documents": ` + curve + `, "copies": ` + curve + `, "copy_text": ` + curve + `, "compared_documents": ` + curve + `, "compared_text": ` + curve + `, "keys": ` + curve + `, "kept_documents": ` + families + `, "kept_text": ` + families + `, "contributors": ` + families + `},
			"audit_probes": 1, "audited_documents": 2, "base_memory_bytes": 1,
			"longest": {"bytes": 10, "documents": 1, "text_bytes": 9, "compared_text_bytes": 0, "stored_shingles": 0, "memory_bytes": ` + memory + `}, "cost": {"expand": 0, "expand_memory_bytes": 0, "cold": 0.1, "scan": ` + cost + `, "match": ` + cost + `, "resolve": {"index": ` + cost + `}, "tally": ` + cost + `, "seal": ` + cost + `, "report": ` + cost + `,
				"create_file": 0.01, "read_file": 0.01, "memory_bytes": ` + memory + `},
			"files": {"documents": 1, "keys": 1, "outlines": 0, "exact_groups": 1, "buckets": 1, "decisions": 1, "sums": 1, "output": 1, "tally": 1}}, "sha256": "` + digest + `"}`},
	{"alarms", `{"version": 1, "run_id": "` + digest + `", "limits": ` + limits + `,
		"measured": {"kept": 9, "kept_pairs": 1, "component": 2, "largest_bucket": 2, "hot_buckets": 0, "most_candidates": 3, "largest_group": 2, "lost": 1, "parties": 4, "parties_compared": 1},
		"alarms": [{"kind": "percolation", "count": 8, "of": 9, "message": "too many"}],
		"omitted": 0}`},
	{"audit", `{"version": 1, "run_id": "` + digest + `", "sample_ppm": 1000, "documents": 10, "probes": 3, "pairs": 4, "found": 3, "recall_ppm": 750000, "predicted_ppm": 999000,
		"interval_pairs": {"low_ppm": 1, "high_ppm": 999999}, "families": 2, "interval_families": {"low_ppm": 0, "high_ppm": 1000000}, "probes_dropped": 1, "probes_missed": 1,
		"bins": [{"jaccard_percent": 80, "pairs": 4, "found": 3, "predicted_ppm": 999000}],
		"examples": [{"a": {"shard": 0, "line": 3, "id": "", "contributor": "bob"}, "b": {"shard": 1, "line": 1, "id": "x", "contributor": "ann"}, "overlap": 8, "union": 10}]}`},
	{"timings", `{"version": 2, "run_id": "` + digest + `",
		"machine": {"cpu": "a CPU", "cores": 2, "os": "linux", "arch": "amd64", "go": "go1.26", "kernels": {"wordhash": "aesni"}, "engine": "native", "parser": "native", "workers": 2},
		"stages": [{"stage": "scan", "tasks": 3, "seconds": 1.5, "cpu_seconds": 2.75, "bytes": 1000, "mb_per_second": 0.1, "peak_memory_bytes": 0}],
		"wall_seconds": 1.5, "sha256": "` + digest + `"}`},
	{"pay", `{"record": "statement", "version": 1, "run_id": "` + digest + `", "currency": "USD", "exponent": 2, "unit": "1e-9 minor units",
		"pool": "50000000000000000000", "share": "0.2", "payable": "10000000000000000000", "minimum": "0", "carry_in_sha256": "", "tokens": "300",
		"carry_in": "0", "paid": "9", "carried": "1", "rows": 2}`},
	{"sweep", `{"threshold": "0.8", "recall_ppm": 998000, ` + classesOfSweep + `, "contributors": {"all": 3, "losing": 2, "losing_all": 1},
		"groups": {"count": 1, "largest": 3, "sizes": [{"from": 3, "to": 4, "groups": 1}]},
		"losers": [{"contributor": "ann", "in": ` + zero + `, "exact_dup": ` + zero + `, "near_dup": ` + zero + `}],
		"samples": [{"dropped": {"id": "a", "file": "a.jsonl", "line": 2, "contributor": "ann"}, "witness": {"id": "", "file": "a.jsonl", "line": 1, "contributor": "bob"},
			"overlap": 8, "union": 10, "jaccard": 0.8, "diff": [{"kind": "removed", "text": "old", "words": 1}]}]}`},
	{"explain", `{"id": "a", "file": "a.jsonl", "line": 2, "contributor": "ann", "class": "near_dup", "dropped_tokens": 7,
		"witness": {"id": "", "file": "a.jsonl", "line": 1, "contributor": "bob"}, "score": {"overlap": 8, "union": 10, "jaccard": 0.8}, "threshold": "0.8",
		"shared_buckets": 1, "bands": 72, "bucket_keys": ["0123456789abcdef"], "diff": [{"kind": "removed", "text": "old", "words": 1}],
		"witness_of": [{"id": "", "file": "a.jsonl", "line": 1, "contributor": "bob", "class": "exact_dup"}],
		"neighbours": [{"id": "", "file": "a.jsonl", "line": 1, "contributor": "bob", "class": "kept", "score": {"overlap": 7, "union": 10, "jaccard": 0.7}}],
		"at": [{"from": "0.5", "to": "0.8", "class": "near_dup", "witness": {"id": "", "file": "a.jsonl", "line": 1, "contributor": "bob"}, "score": {"overlap": 8, "union": 10, "jaccard": 0.8}}]}`},
	{"status", `{"run_id": "` + digest + `", "finished": false, "stage": "scan", "tasks": 9, "done": 4, "running": 1, "missing": 4, "progress_ppm": 444444, "bytes": 100, "bytes_done": 40, "seconds": 1.5,
		"missing_tasks": "0-2,7", "running_tasks": [{"task": 3, "host": "node1", "pid": 12, "job": "77_3", "started": "2026-01-02T03:04:05Z"}],
		"lost_tasks": [{"task": 2, "host": "node1", "pid": 11, "job": "", "started": "2026-01-02T03:04:05Z"}]}`},
	{"count", `{"bytes": 20, "tokens": 7}`},
	{"task", `{"stage": "scan", "task": 0, "run_id": "` + digest + `", "files": [{"path": "tally.jsonl", "size": 3, "sha256": "` + digest + `"}],
		"work": [{"path": ".work/scan/00000.docs", "size": 3, "xxh64": "0123456789abcdef"}], "numbers": {"wordhash": 9}, "seconds": 0.5, "steps": [{"name": "exact", "seconds": 0.1}],
		"bytes": 10, "engines": ["native"], "unsynced": true, "xxh64": "0123456789abcdef"}`},
	{"explain", `{"id": "", "file": "a.jsonl", "line": 2, "contributor": "ann", "class": "rejected", "reason": "invalid_json", "threshold": "0.8", "bands": 72}`},
	{"pay", `{"record": "row", "kind": "contributor", "contributor": "ann", "tokens": 130, "carry_in": "0", "amount": "9", "paid": "9", "carried": "0",
		"amount_major": "0.00000000009", "paid_major": "0.00"}`},
	{"pay", `{"record": "row", "kind": "contributor", "contributor": "bob", "tokens": 6, "fraction": "5/6", "carry_in": "0", "amount": "9", "paid": "9", "carried": "0",
		"amount_major": "0.00000000009", "paid_major": "0.00"}`},
}

func load(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := Files.ReadFile(name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, string(data)).(map[string]any)
}

func decode(t *testing.T, s string) any {
	t.Helper()
	v, err := decodeExactly([]byte(s))
	if err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

func TestEverySchemaHasAnExample(t *testing.T) {
	files, err := Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name, _ := strings.CutSuffix(file.Name(), ".schema.json")
		if !slices.ContainsFunc(examples, func(e example) bool { return e.name == name }) {
			t.Errorf("%s has no example", file.Name())
		}
	}
	for _, e := range examples {
		name := e.name
		schema := load(t, name)
		if schema["$schema"] != "https://json-schema.org/draft/2020-12/schema" || !strings.HasSuffix(fmt.Sprint(schema["$id"]), name+".schema.json") {
			t.Errorf("%s: $schema %v, $id %v", name, schema["$schema"], schema["$id"])
		}
		v := validator{root: schema}
		if err := v.check(schema, decode(t, e.json), name); err != nil {
			t.Error(err)
		}
	}
}

// An example is written by hand; this is what the program writes.
func TestEstimateAsWritten(t *testing.T) {
	var sample estimate.Sample
	i := slices.IndexFunc(examples, func(e example) bool { return e.name == "estimate" })
	var of struct{ Sample json.RawMessage }
	if err := json.Unmarshal([]byte(examples[i].json), &of); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(of.Sample, &sample); err != nil {
		t.Fatal(err)
	}
	p := plan.Plan{RunID: digest, Partitions: 4, Files: []plan.File{{Compression: "none"}}, Shards: []plan.Shard{{Length: 1000}}}
	var b bytes.Buffer
	if err := estimate.New(p, sample, estimate.Fleet{Machines: 2, Cores: 2}, "a processor").Write(&b); err != nil {
		t.Fatal(err)
	}
	schema := load(t, "estimate")
	if err := (validator{root: schema}).check(schema, decode(t, b.String()), "estimate"); err != nil {
		t.Error(err)
	}
}

// What a schema does not name must be refused, or it would name nothing.
func TestSchemasAreClosed(t *testing.T) {
	files, err := Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case map[string]any:
			properties, isObject := v["properties"].(map[string]any)
			if isObject && v["additionalProperties"] != false {
				t.Errorf("%s: takes any property", at)
			}
			required, _ := v["required"].([]any)
			for _, name := range required {
				if properties[name.(string)] == nil {
					t.Errorf("%s: asks for %s, which it does not describe", at, name)
				}
			}
			for key, sub := range v {
				walk(sub, at+"/"+key)
			}
		case []any:
			for i, sub := range v {
				walk(sub, fmt.Sprint(at, "/", i))
			}
		}
	}
	for _, file := range files {
		name, _ := strings.CutSuffix(file.Name(), ".schema.json")
		walk(load(t, name), name)
	}
}

// Each schema refuses its example with one thing wrong: any value of another
// type, any key missing, a key too many.
func TestSchemasRefuse(t *testing.T) {
	for _, e := range examples {
		name := e.name
		schema := load(t, name)
		v := validator{root: schema}
		good := decode(t, e.json)
		spoil(good, func(what string) {
			if v.check(schema, good, name) == nil {
				t.Errorf("%s: accepted with %s", name, what)
			}
		})
		if err := v.check(schema, good, name); err != nil {
			t.Errorf("the example was not put back: %v", err)
		}
	}
	for name, bad := range map[string][2]string{
		"pay":      {`"carried": "1"`, `"carried": "-1"`},
		"plan":     {`"seed": 18446744073709551615`, `"seed": 18446744073709551616`},
		"manifest": {`"size": 3`, `"size": -3`},
		"alarms":   {`"percolation"`, `"evaporation"`},
		"audit":    {`"sample_ppm": 1000`, `"sample_ppm": 1000001`},
		"rejects":  {`"line_too_long"`, `"too_dull"`},
		"tally":    {`"documents": 0`, `"documents": 0.5`},
		"timings":  {`"native", "parser"`, `"abacus", "parser"`},
	} {
		i := slices.IndexFunc(examples, func(e example) bool { return e.name == name })
		changed := strings.Replace(examples[i].json, bad[0], bad[1], 1)
		if changed == examples[i].json {
			t.Fatalf("%s: nothing was changed", name)
		}
		schema := load(t, name)
		v := validator{root: schema}
		if v.check(schema, decode(t, changed), name) == nil {
			t.Errorf("%s: accepted with %s", name, bad[1])
		}
	}
}

// A key may be optional in one schema and required in another.
func TestStatementMayNameItsTokenizer(t *testing.T) {
	schema := load(t, "pay")
	i := slices.IndexFunc(examples, func(e example) bool { return e.name == "pay" })
	for with, valid := range map[string]bool{`"tokenizer": "llama3", "currency"`: true, `"tokenizer": 3, "currency"`: false} {
		statement := decode(t, strings.Replace(examples[i].json, `"currency"`, with, 1))
		if err := (validator{root: schema}).check(schema, statement, "pay"); (err == nil) != valid {
			t.Errorf("%s: %v", with, err)
		}
	}
}

// What an alarm is about depends on its kind.
func TestSubjectsOfAlarms(t *testing.T) {
	schema := load(t, "alarms")
	i := slices.IndexFunc(examples, func(e example) bool { return e.name == "alarms" })
	for subject, valid := range map[string]bool{
		`"contributor": "ann", "measure": "tokens"`:                                             true,
		`"file": "a.jsonl", "measure": "documents"`:                                             true,
		`"document": {"shard": 0, "line": 3, "id": "", "contributor": "ann"}`:                   true,
		`"document": {"shard": 0, "line": 0, "id": "", "contributor": "ann"}`:                   false,
		`"file": "a.jsonl", "measure": "bytes"`:                                                 false,
		`"document": {"shard": 0, "line": 3, "id": "", "contributor": "ann", "source": "here"}`: false,
	} {
		v := decode(t, strings.Replace(examples[i].json, `"percolation",`, `"percolation", `+subject+`,`, 1))
		if err := (validator{root: schema}).check(schema, v, "alarms"); (err == nil) != valid {
			t.Errorf("%s: %v", subject, err)
		}
	}
}

// optional are keys that need not be there: names of kernels and of further
// tokenizers are free, and most runs have no such tokenizers, and no policy.
var optional = map[string]bool{
	"wordhash": true, "llama3": true, "further_tokens": true, "further_tokenizers": true, "label": true,
	"floor_num": true, "floor_den": true,
	// Of what sweep and explain print.
	"diff": true, "witness": true, "score": true, "shared_buckets": true, "bucket_keys": true, "witness_of": true, "neighbours": true, "at": true, "reason": true, "dropped_tokens": true,
	"source": true, "source_rank": true, "scope": true, "earlier_runs": true, "index": true, "reference": true, "run": true, "standing": true,
	"credit": true, "further_credit": true, "fraction": true,
	"alarms": true, "of": true, "audit_ppm": true, "decide_tasks": true,
	// Of the record of a task.
	"work": true, "numbers": true, "steps": true, "engines": true, "unsynced": true,
}

// spoil changes one thing in v after the other, calls fn, and puts it back.
func spoil(v any, fn func(what string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			old := v[key]
			delete(v, key)
			_, isName := old.(string)
			if !optional[key] {
				fn("no " + key)
			}
			v[key] = []any{nil}
			fn(key + " of another type")
			if isName {
				v[key] = json.Number("1")
				fn(key + " a number")
			}
			v[key] = old
			spoil(old, fn)
		}
		if v["wordhash"] == nil && v["llama3"] == nil {
			v["unknown key"] = json.Number("1")
			fn("unknown key")
			delete(v, "unknown key")
		}
	case []any:
		for i := range v {
			old := v[i]
			v[i] = "text"
			if _, isText := old.(string); isText {
				v[i] = json.Number("1")
			}
			fn("an item of another type")
			v[i] = old
			spoil(old, fn)
		}
	}
}
