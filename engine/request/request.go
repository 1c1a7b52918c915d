// Package request is what a user asks for: the rules that decide results and the
// means that decide only how fast. It finds the inputs, opens the tokenizers, and
// makes of them the plan of a run.
package request

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// Rules are the parts of a request that decide results and go into the plan.
type Rules struct {
	Inputs      []string // files, folders, globs, "-"
	Tokenizers  []string // paths of tokenizer.json, built-in names, or NAME=FILE; the main one first
	AddedTokens string   // "match" or "text"
	Fields      plan.Fields
	Threshold   string // decimal, 0 < t ≤ 1
	Shingle     int    // words in a shingle; 0: five
	Floor       string // lowest threshold that a sweepable run can answer for; empty: it is not one
	Recall      float64
	Seed        uint64
	Credit      string       // "first", or empty for that, or "shared"
	AuditPPM    int64        // share of the texts that an audit samples, in millionths
	Audit       bool         // audit by default: a sample between limits, where an audit can be made
	Alarms      *plan.Alarms // nil: plan.DefaultAlarms
	ShardSize   int64        // bytes; 0: by the size of the inputs
	MaxLine     int64        // bytes
	DecideTasks int          // among how many tasks what resolve decides is shared out; up to 1: none
	Policy      Policy
}

// Means are the parts of a request that decide only how fast it is served.
type Means struct {
	Engine     string // "auto", "native" or "hf"
	CacheBytes int64  // of a tokenizer's cache, per worker; 0: the engine's choice
	Parser     string // "native" or "simdjson"
	Workers    int
	Memory     int64 // bound on what the process holds, mapped files apart, bytes; 0: none
	Progress   progress.Listener
}

// Parser returns the parser of lines that the rules and means ask for.
func (r Rules) Parser(m Means) (jsonl.Parser, error) {
	return task.NewParser(r.Fields, m.Parser)
}

// Prepared is a plan, what it took to make it, the counters of its tokenizers, and
// the longest lines of its plain files, the longest first.
type Prepared struct {
	Plan     plan.Plan
	Counters []*tokenize.Counter
	Timing   progress.Timing
	Longest  []corpus.LongLine
}

// MakePlan resolves inputs and rules. dir is where standard input is spooled
// when "-" is among the inputs.
func MakePlan(ctx context.Context, r Rules, m Means, dir string) (Prepared, error) {
	return MakePlanFrom(ctx, r, m, dir, nil)
}

// MakePlanFrom is MakePlan that tells draft, if that is not nil, what the plan will
// be unless an input changes, before it reads them: everything but the run id and
// what corpus.Draft leaves out. It does not where more than the inputs is read, or all
// workers read: one does for each file.
func MakePlanFrom(ctx context.Context, r Rules, m Means, dir string, draft func(Prepared)) (Prepared, error) {
	fail := func(err error) (Prepared, error) { return Prepared{}, err }
	if err := r.checkPolicy(); err != nil {
		return fail(err)
	}
	// Before anything is read or written: field paths may make no sense.
	if _, err := r.Parser(m); err != nil {
		return fail(err)
	}
	tokenizers, err := OpenTokenizers(r.Tokenizers, r.AddedTokens, m)
	if err != nil {
		return fail(err)
	}
	near, err := r.nearDup()
	if err != nil {
		return fail(err)
	}
	if err := r.checkShingle(); err != nil {
		return fail(err)
	}
	p := plan.Plan{
		Version: plan.Version,
		Rules: plan.Rules{
			Document: plan.RuleDocument, Token: plan.RuleToken, Shingle: r.ShingleRule(), WordHash: plan.RuleWordHash,
			Sketch: plan.RuleSketch, ExactKey: plan.RuleExactKey, Priority: plan.RulePriority,
		},
		Fields:    r.Fields,
		Tokenizer: tokenizers.Plan[0], Further: tokenizers.Plan[1:],
		NearDup: near,
		Seed:    r.Seed, MaxLine: r.MaxLine,
	}
	if r.DecideTasks != 1 {
		p.DecideTasks = r.DecideTasks
	}
	if err := p.CheckDecide(); err != nil { // before inputs are read
		return fail(fmt.Errorf("%w: %w", doc.ErrUsage, err))
	}
	r.Policy.apply(&p)
	if p.Rules.Credit, err = creditRule(r.Credit); err != nil {
		return fail(err)
	}
	p.AuditPPM = r.AuditPPM
	if err := r.Policy.goesWith(&p); err != nil {
		return fail(err)
	}
	if r.Alarms != nil && *r.Alarms != plan.DefaultAlarms {
		p.Alarms = r.Alarms
	}
	// Before the inputs are read: an earlier run may be of no use.
	earlier, err := r.Policy.loadEarlier(ctx, &p, dir)
	if err != nil {
		return fail(err)
	}
	var told func(*Inputs)
	if draft != nil && len(r.Policy.Reference) == 0 && len(earlier) == 0 {
		told = func(in *Inputs) {
			d := p
			d.Files, d.Shards, d.ShardSize = in.Files, in.Shards, in.shardSize
			r.complete(&d)
			draft(Prepared{Plan: d, Counters: tokenizers.Counters})
		}
	}
	in, err := readInputs(ctx, r, m, dir, true, told)
	if err != nil {
		return fail(err)
	}
	p.Files, p.Shards, p.ShardSize = in.Files, in.Shards, in.shardSize
	if err := r.Policy.addReference(ctx, r, m, dir, &p); err != nil {
		return fail(err)
	}
	for _, e := range earlier {
		e.addTo(&p)
	}
	r.complete(&p)
	if err := p.Check(); err != nil { // whoever reads it would refuse it
		return fail(fmt.Errorf("%w: %w", doc.ErrUsage, err))
	}
	if p.RunID, err = p.ComputeRunID(); err != nil {
		return fail(err)
	}
	return Prepared{p, tokenizers.Counters, in.timing, in.Longest}, nil
}

// complete decides what depends on the inputs.
func (r Rules) complete(p *plan.Plan) {
	if r.Audit && p.Unaudited() == "" {
		p.AuditPPM, p.AuditLeast, p.AuditMost = plan.DefaultAuditPPM, plan.DefaultAuditLeast, plan.DefaultAuditMost
	}
	p.Partitions = min(256, max(4, len(p.Shards)))
}

// ShingleRule names the rule for shingles.
func (r Rules) ShingleRule() string {
	return plan.ShingleRule(cmp.Or(r.Shingle, shingle.Width))
}

func (r Rules) checkShingle() error {
	if _, known := plan.ShingleWords(r.ShingleRule()); !known {
		return fmt.Errorf("%w: a shingle has 1 to %d words", doc.ErrUsage, plan.MaxShingleWords)
	}
	return nil
}

// nearDup resolves the near-duplicate rule. The bands of a sweepable run are
// those of its floor.
func (r Rules) nearDup() (plan.NearDup, error) {
	n := plan.NearDup{Recall: strconv.FormatFloat(r.Recall, 'g', -1, 64), PrefixUpTo: neardup.PrefixUpTo}
	var err error
	if n.ThresholdNum, n.ThresholdDen, err = neardup.ParseThreshold(r.Threshold); err != nil {
		return n, err
	}
	if r.Floor != "" {
		if n.FloorNum, n.FloorDen, err = neardup.ParseThreshold(r.Floor); err != nil {
			return n, fmt.Errorf("floor: %w", err)
		}
		if err := neardup.AboveFloor(n); err != nil {
			return n, err
		}
	}
	num, den := n.Lowest()
	if n.Bands, n.Rows, err = neardup.Bands(num, den, r.Recall); err != nil {
		return n, err
	}
	n.Curve = neardup.Curve(n.Bands, n.Rows)
	return n, nil
}

// creditRule returns the plan's rule for what the user calls "first" or
// "shared". The former, the default, has no name: plans that were made before
// there was a choice are still the same.
func creditRule(credit string) (string, error) {
	switch credit {
	case "", "first":
		return "", nil
	case "shared":
		return plan.RuleCredit, nil
	}
	return "", fmt.Errorf("%w: credit %q is neither first nor shared", doc.ErrUsage, credit)
}

// Pairing resolves the rules for who is near whom, for a request that makes no
// plan, and checks the policy as MakePlan does: where nothing asks for sources the
// field is forgotten.
func (r *Rules) Pairing() (plan.NearDup, error) {
	if err := r.checkShingle(); err != nil {
		return plan.NearDup{}, err
	}
	rule, err := r.nearDup()
	if err != nil {
		return rule, err
	}
	return rule, r.checkPolicy()
}
