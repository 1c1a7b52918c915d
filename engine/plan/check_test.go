package plan

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// sound is a plan with everything that Check looks at.
func sound() Plan {
	digest, sum := strings.Repeat("0a", 32), strings.Repeat("0b", 8)
	return Plan{
		Version: Version,
		Rules: Rules{
			Document: RuleDocument, Token: RuleToken, Shingle: RuleShingle, WordHash: RuleWordHash,
			Sketch: RuleSketch, ExactKey: RuleExactKey, Priority: RulePriority,
		},
		Fields:    Fields{Text: "text"},
		Tokenizer: Tokenizer{Name: "a", SHA256: digest, AddedTokens: "match", Label: "a"},
		Further:   []Tokenizer{{Name: "b", SHA256: digest, AddedTokens: "match", Label: "b"}},
		NearDup: NearDup{
			ThresholdNum: 4, ThresholdDen: 5, Recall: "0.99", Bands: 16, Rows: 5, PrefixUpTo: 8,
			FloorNum: 1, FloorDen: 2, Curve: []Point{{JaccardPercent: 80, RecallPPM: 990_000}},
		},
		ShardSize: 1, MaxLine: 1, Partitions: 4, DecideTasks: 2,
		Earlier: []Earlier{{Folder: "feb", RunID: digest, FirstShard: 3, Shards: 1}},
		Files: []File{
			{Path: "a", Size: 10, SHA256: digest, Compression: "none"},
			{Path: "b", Size: 7, SHA256: digest, Compression: "gzip"},
			{Path: "c", Size: 5, SHA256: digest, Compression: "none", Run: digest},
		},
		Shards: []Shard{
			{File: 0, Offset: 0, Length: 4, FirstLine: 1, XXH64: sum},
			{File: 0, Offset: 4, Length: 6, FirstLine: 3, XXH64: sum},
			{File: 1, Offset: 0, Length: 7, FirstLine: 1, XXH64: sum},
			{File: 2, Offset: 0, Length: 5, FirstLine: 1, XXH64: sum, Index: digest},
		},
	}
}

// audited is a sound plan that has an audit, and so nothing that stands.
func audited() Plan {
	p := sound()
	p.AuditPPM, p.AuditLeast, p.AuditMost = 1000, 100, 1000
	p.Earlier, p.Files, p.Shards = nil, p.Files[:2], p.Shards[:3]
	return p
}

func TestCheckTakesASoundPlan(t *testing.T) {
	p := sound()
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	p = audited()
	if err := p.Check(); err != nil {
		t.Errorf("with an audit: %v", err)
	}
	p.Shards, p.Files, p.Earlier = nil, nil, nil
	if err := p.Check(); err != nil {
		t.Errorf("without inputs: %v", err)
	}
}

// What index, divide or allocate by the numbers of a plan would do so by these.
func TestCheckRefuses(t *testing.T) {
	for name, forge := range map[string]func(p *Plan){
		"unknown rule":              func(p *Plan) { p.Rules.Sketch = "magic-v1" },
		"unknown shingles":          func(p *Plan) { p.Rules.Shingle = "w33-v1" },
		"unknown priority":          func(p *Plan) { p.Rules.Priority = "" },
		"unknown credit":            func(p *Plan) { p.Rules.Credit = "x" },
		"unknown scope":             func(p *Plan) { p.Scope = "planet" },
		"ranking without priority":  func(p *Plan) { p.SourceRank = []string{"a"} },
		"priority without ranking":  func(p *Plan) { p.Rules.Priority, p.Fields.Source = RulePrioritySource, "s" },
		"scope without field":       func(p *Plan) { p.Scope = ScopeSource },
		"no tokenizer":              func(p *Plan) { p.Tokenizer.SHA256 = "" },
		"added tokens":              func(p *Plan) { p.Tokenizer.AddedTokens = "maybe" },
		"label that is no column":   func(p *Plan) { p.Further[0].Label = "a b" },
		"label twice":               func(p *Plan) { p.Further[0].Label = "A" },
		"no label":                  func(p *Plan) { p.Tokenizer.Label = "" },
		"threshold 0/0":             func(p *Plan) { p.NearDup.ThresholdNum, p.NearDup.ThresholdDen = 0, 0 },
		"threshold above 1":         func(p *Plan) { p.NearDup.ThresholdNum = 6 },
		"negative threshold":        func(p *Plan) { p.NearDup.ThresholdNum, p.NearDup.ThresholdDen = -4, -3 },
		"threshold of large terms":  func(p *Plan) { p.NearDup.ThresholdDen = math.MaxInt64 },
		"recall 0":                  func(p *Plan) { p.NearDup.Recall = "0" },
		"recall NaN":                func(p *Plan) { p.NearDup.Recall = "NaN" },
		"no bands":                  func(p *Plan) { p.NearDup.Bands = 0 },
		"bands beyond memory":       func(p *Plan) { p.NearDup.Bands = math.MaxInt32 },
		"negative rows":             func(p *Plan) { p.NearDup.Rows = -1 },
		"prefix beyond memory":      func(p *Plan) { p.NearDup.PrefixUpTo = math.MaxInt32 },
		"negative prefix":           func(p *Plan) { p.NearDup.PrefixUpTo = -1 },
		"floor 1/0":                 func(p *Plan) { p.NearDup.FloorDen = 0 },
		"floor above threshold":     func(p *Plan) { p.NearDup.FloorNum, p.NearDup.FloorDen = 9, 10 },
		"curve":                     func(p *Plan) { p.NearDup.Curve[0].JaccardPercent = 101 },
		"no partitions":             func(p *Plan) { p.Partitions = 0 },
		"negative partitions":       func(p *Plan) { p.Partitions = -1 },
		"partitions beyond memory":  func(p *Plan) { p.Partitions = math.MaxInt },
		"one task that decides":     func(p *Plan) { p.DecideTasks = 1 },
		"negative tasks":            func(p *Plan) { p.DecideTasks = -2 },
		"tasks beyond memory":       func(p *Plan) { p.DecideTasks = math.MaxInt },
		"no line":                   func(p *Plan) { p.MaxLine = 0 },
		"shards of nothing":         func(p *Plan) { p.ShardSize = 0 },
		"audit of more than all":    func(p *Plan) { *p = audited(); p.AuditPPM = 1_000_001 },
		"audit of fewer than none":  func(p *Plan) { *p = audited(); p.AuditLeast = -1 },
		"audit within a source":     func(p *Plan) { *p = audited(); p.Scope, p.Fields.Source = ScopeSource, "s" },
		"audit against a reference": func(p *Plan) { *p = audited(); p.Scope, p.Files[1].Reference = ScopeReference, true },
		"audit against earlier":     func(p *Plan) { p.AuditPPM = 1000 },
		"negative alarm":            func(p *Plan) { p.Alarms = &Alarms{LossPPM: -1} },
		"file without a name":       func(p *Plan) { p.Files[0].Path = "" },
		"negative file":             func(p *Plan) { p.Files[0].Size = -10 },
		"file without digest":       func(p *Plan) { p.Files[0].SHA256 = "" },
		"unknown compression":       func(p *Plan) { p.Files[0].Compression = "lzw" },
		"delivery after earlier":    func(p *Plan) { p.Files[0].Run = p.Files[2].Run },
		"reference without scope":   func(p *Plan) { p.Files[2].Run, p.Files[2].Reference = "", true },
		"shard of no file":          func(p *Plan) { p.Shards[3].File = 3 },
		"shard of a negative file":  func(p *Plan) { p.Shards[0].File = -1 },
		"shards out of order":       func(p *Plan) { p.Shards[0], p.Shards[2] = p.Shards[2], p.Shards[0] },
		"shard before its file":     func(p *Plan) { p.Shards[0].Offset = -1 },
		"shard beyond its file":     func(p *Plan) { p.Shards[1].Length = 7 },
		"shard beyond all files":    func(p *Plan) { p.Shards[1].Length = math.MaxInt64 },
		"shard of less than none":   func(p *Plan) { p.Shards[1].Length = -1 },
		"bytes in two shards":       func(p *Plan) { p.Shards[1].Offset = 3 },
		"bytes in no shard":         func(p *Plan) { p.Shards[1].Length = 5 },
		"part of a compressed file": func(p *Plan) { p.Shards[2].Length = 6 },
		"first line 0":              func(p *Plan) { p.Shards[0].FirstLine = 0 },
		"first line again":          func(p *Plan) { p.Shards[1].FirstLine = 1 },
		"first line far away":       func(p *Plan) { p.Shards[1].FirstLine = math.MaxInt64 },
		"shard without digest":      func(p *Plan) { p.Shards[0].XXH64 = "" },
		"index without a run":       func(p *Plan) { p.Shards[0].Index = p.Shards[3].Index },
		"run without an index":      func(p *Plan) { p.Shards[3].Index = "" },
		"run without a name":        func(p *Plan) { p.Earlier = nil },
		"run of more shards":        func(p *Plan) { p.Earlier[0].Shards = math.MaxInt },
		"run of fewer than none":    func(p *Plan) { p.Earlier[0].Shards = -1 },
		"run in the delivery":       func(p *Plan) { p.Earlier[0].FirstShard = 2 },
		"run without id":            func(p *Plan) { p.Earlier[0].RunID = "x" },
	} {
		p := sound()
		forge(&p)
		if err := p.Check(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// FuzzCheck: whatever Check takes can be asked anything.
func FuzzCheck(f *testing.F) {
	p := sound()
	b, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Plan
		if json.Unmarshal(data, &p) != nil || p.Check() != nil {
			return
		}
		for shard, s := range p.Shards {
			_, _ = p.Origin(shard), p.IsStanding(shard)
			if s.Offset < 0 || s.Length < 0 || s.Offset+s.Length > p.Files[s.File].Size {
				t.Errorf("shard %d: %+v", shard, s)
			}
		}
		if n := p.Delivery(); n > p.TallyTasks() || p.TallyTasks() > len(p.Shards) {
			t.Errorf("%d shards delivered, %d tasks", n, p.TallyTasks())
		}
		_, _, _ = p.Policy(), p.Chain(), p.AlarmLimits()
		if _, den := p.NearDup.Lowest(); den < 1 {
			t.Errorf("threshold of %+v", p.NearDup)
		}
	})
}
