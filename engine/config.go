package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// Rules are the parts of a request that decide results and go into the plan.
type Rules struct {
	Inputs      []string // files, folders, globs, "-"
	Tokenizers  []string // paths of tokenizer.json, built-in names, or NAME=FILE; the main one first
	AddedTokens string   // "match" or "text"
	Fields      plan.Fields
	Threshold   string // decimal, 0 < t ≤ 1
	Recall      float64
	Seed        uint64
	Credit      string // "first", or empty for that, or "shared"
	ShardSize   int64  // bytes
	MaxLine     int64  // bytes
	Policy      Policy
}

// Means are the parts of a request that decide only how fast it is served.
type Means struct {
	Engine     string // "auto", "native" or "hf"
	CacheBytes int64  // of a tokenizer's cache, per worker; 0: the engine's choice
	Parser     string // "native" or "simdjson"
	Workers    int
	Progress   Progress
}

func (r Rules) parser(m Means) (jsonl.Parser, error) {
	return stage.NewParser(r.Fields, m.Parser)
}

// Prepared is a plan, what it took to make it, and the counters of its
// tokenizers.
type Prepared struct {
	Plan     plan.Plan
	Counters []*tokenize.Counter
	Timing   Timing
}

// MakePlan resolves inputs and rules. dir is where standard input is spooled
// when "-" is among the inputs.
func MakePlan(ctx context.Context, r Rules, m Means, dir string) (Prepared, error) {
	fail := func(err error) (Prepared, error) { return Prepared{}, err }
	if err := r.Policy.check(r.Inputs); err != nil {
		return fail(err)
	}
	if !r.Policy.usesSource() {
		r.Fields.Source = ""
	} else if r.Fields.Source == "" {
		return fail(fmt.Errorf("%w: sources decide, but the source field has no path", doc.ErrUsage))
	}
	// Before anything is read or written: field paths may make no sense.
	if _, err := r.parser(m); err != nil {
		return fail(err)
	}
	tokenizers, err := OpenTokenizers(r.Tokenizers, r.AddedTokens, m)
	if err != nil {
		return fail(err)
	}
	num, den, err := neardup.ParseThreshold(r.Threshold)
	if err != nil {
		return fail(err)
	}
	bands, rows, err := neardup.Bands(num, den, r.Recall)
	if err != nil {
		return fail(err)
	}
	in, err := readInputs(ctx, r, m, dir, true)
	if err != nil {
		return fail(err)
	}
	p := plan.Plan{
		Version: plan.Version,
		Rules: plan.Rules{
			Document: plan.RuleDocument, Token: plan.RuleToken, Shingle: plan.RuleShingle, WordHash: plan.RuleWordHash,
			Sketch: plan.RuleSketch, ExactKey: plan.RuleExactKey, Priority: plan.RulePriority,
		},
		Fields:    r.Fields,
		Tokenizer: tokenizers.Plan[0], Further: tokenizers.Plan[1:],
		NearDup: plan.NearDup{
			ThresholdNum: num, ThresholdDen: den, Recall: strconv.FormatFloat(r.Recall, 'g', -1, 64),
			Bands: bands, Rows: rows, Curve: neardup.Curve(bands, rows),
		},
		Seed: r.Seed, ShardSize: r.ShardSize, MaxLine: r.MaxLine,
		Files: in.files, Shards: in.shards,
	}
	if err := r.Policy.apply(ctx, r, m, dir, &p); err != nil {
		return fail(err)
	}
	p.Partitions = min(256, max(4, len(p.Shards)))
	if p.Rules.Credit, err = creditRule(r.Credit); err != nil {
		return fail(err)
	}
	if p.RunID, err = p.ComputeRunID(); err != nil {
		return fail(err)
	}
	return Prepared{p, tokenizers.Counters, in.timing}, nil
}

// LoadPlan reads plan.json and checks that nobody edited it.
func LoadPlan(path string) (plan.Plan, error) {
	var p plan.Plan
	b, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return p, fmt.Errorf("%w: %v (make one with \"tallystick plan\")", doc.ErrInput, err)
		}
		return p, err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("%w: %s: %v", doc.ErrCorrupt, path, err)
	}
	if p.Version != plan.Version {
		return p, fmt.Errorf("%s: plan version %d, this program knows %d", path, p.Version, plan.Version)
	}
	id, err := p.ComputeRunID()
	if err != nil {
		return p, err
	}
	if id != p.RunID {
		return p, fmt.Errorf("%w: %s: its content does not have its run id", doc.ErrCorrupt, path)
	}
	return p, nil
}
