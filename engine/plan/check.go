package plan

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Limits of what a plan may ask for. They are far above what is of use, and keep
// a plan that somebody forged from asking for any amount of memory, or for
// numbers that do not fit.
const (
	maxPartitions = 1 << 16 // a scan holds a block of keys for each
	maxDecide     = 1 << 8  // tasks; resolve reads a file of each at once
	maxBands      = 1 << 12 // likewise rows
	maxPrefix     = 1 << 20 // shingles; times a term of the threshold it fits
	maxTerm       = 1 << 31 // of the threshold, as a fraction
	maxSample     = 1 << 31 // texts of an audit
)

// Check returns an error unless whatever reads p can take its numbers for what
// they are: fractions, sizes, and indexes into the lists of p. A plan comes from a
// file, and a run id does not make it sound: anybody can compute one. Check does
// not look at the version, nor whether p has the run id that it says.
func (p *Plan) Check() error {
	for _, check := range []func() error{
		p.checkRules, p.checkTokenizers, p.checkNearDup, p.checkSizes, p.CheckDecide, p.checkFiles, p.checkShards, p.checkStanding,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkRules refuses rules that this program does not know: it would follow its
// own.
func (p *Plan) checkRules() error {
	_, shingle := ShingleWords(p.Rules.Shingle)
	for _, r := range []struct {
		name, rule string
		known      bool
	}{
		{"document", p.Rules.Document, p.Rules.Document == RuleDocument},
		{"token", p.Rules.Token, p.Rules.Token == RuleToken},
		{"shingle", p.Rules.Shingle, shingle},
		{"word_hash", p.Rules.WordHash, p.Rules.WordHash == RuleWordHash},
		{"sketch", p.Rules.Sketch, p.Rules.Sketch == RuleSketch},
		{"exact_key", p.Rules.ExactKey, p.Rules.ExactKey == RuleExactKey},
		{"priority", p.Rules.Priority, slices.Contains([]string{RulePriority, RulePriorityLongest, RulePrioritySource}, p.Rules.Priority)},
		{"credit", p.Rules.Credit, p.Rules.Credit == "" || p.Rules.Credit == RuleCredit},
		{"scope", p.Scope, p.Scope == "" || p.Scope == ScopeSource || p.Scope == ScopeReference},
	} {
		if !r.known {
			return fmt.Errorf("rule for %s %q is not known here", r.name, r.rule)
		}
	}
	bySource := p.Rules.Priority == RulePrioritySource
	if bySource != (len(p.SourceRank) > 0) || (bySource || p.Scope == ScopeSource) != p.UsesSource() {
		return fmt.Errorf("priority %s with %d ranked sources in field %q, scope %q makes no sense", p.Rules.Priority, len(p.SourceRank), p.Fields.Source, p.Scope)
	}
	return nil
}

func (p *Plan) checkTokenizers() error {
	labels := make(map[string]bool)
	for i, t := range p.Tokenizers() {
		switch folded := strings.ToLower(t.Label); {
		case !isHex(t.SHA256, 32):
			return fmt.Errorf("tokenizer %q: %q is not a SHA-256", t.Name, t.SHA256)
		case t.AddedTokens != "match" && t.AddedTokens != "text":
			return fmt.Errorf("tokenizer %q: added tokens %q are neither match nor text", t.Name, t.AddedTokens)
		case t.Label == "" && i == 0 && len(p.Further) == 0:
		case !ValidLabel(t.Label) || labels[folded]:
			return fmt.Errorf("tokenizer %q: label %q is another's, or none", t.Name, t.Label)
		default:
			labels[folded] = true
		}
	}
	return nil
}

func (p *Plan) checkNearDup() error {
	n := p.NearDup
	fraction := func(num, den int64) bool { return 1 <= num && num <= den && den <= maxTerm }
	recall, err := strconv.ParseFloat(n.Recall, 64)
	switch {
	case !fraction(n.ThresholdNum, n.ThresholdDen):
		return fmt.Errorf("near_dup: threshold %d/%d is not above 0 and up to 1", n.ThresholdNum, n.ThresholdDen)
	case err != nil || !(recall > 0 && recall < 1):
		return fmt.Errorf("near_dup: recall %q is not above 0 and below 1", n.Recall)
	case n.Bands < 1 || n.Bands > maxBands || n.Rows < 1 || n.Rows > maxBands:
		return fmt.Errorf("near_dup: %d bands of %d rows", n.Bands, n.Rows)
	case n.PrefixUpTo < 0 || n.PrefixUpTo > maxPrefix:
		return fmt.Errorf("near_dup: prefixes of documents of up to %d shingles", n.PrefixUpTo)
	case n.FloorNum == 0 && n.FloorDen == 0:
	case !fraction(n.FloorNum, n.FloorDen) || n.ThresholdNum*n.FloorDen < n.FloorNum*n.ThresholdDen:
		return fmt.Errorf("near_dup: floor %d/%d makes no sense below threshold %d/%d", n.FloorNum, n.FloorDen, n.ThresholdNum, n.ThresholdDen)
	}
	for _, at := range n.Curve {
		if at.JaccardPercent < 0 || at.JaccardPercent > 100 || at.RecallPPM < 0 || at.RecallPPM > 1e6 {
			return fmt.Errorf("near_dup: a predicted recall of %d ppm at %d %%", at.RecallPPM, at.JaccardPercent)
		}
	}
	return nil
}

func (p *Plan) checkSizes() error {
	a := p.AlarmLimits()
	switch {
	case p.Partitions < 1 || p.Partitions > maxPartitions:
		return fmt.Errorf("%d partitions, not 1 to %d", p.Partitions, maxPartitions)
	case p.ShardSize < 1 || p.MaxLine < 1:
		return fmt.Errorf("shards of %d bytes, lines of up to %d", p.ShardSize, p.MaxLine)
	case p.AuditPPM < 0 || p.AuditPPM > 1e6 || min(p.AuditLeast, p.AuditMost) < 0 || max(p.AuditLeast, p.AuditMost) > maxSample:
		return fmt.Errorf("an audit of %d ppm of the texts, %d to %d", p.AuditPPM, p.AuditLeast, p.AuditMost)
	case p.AuditPPM > 0 && (p.Scope != "" || len(p.Earlier) > 0): // pairs that no rule drops would count as missed
		return fmt.Errorf("an audit, which looks for pairs in the whole corpus, with scope %q and %d earlier runs", p.Scope, len(p.Earlier))
	case min(a.LossPPM, a.LossExcessPPM, a.NeighboursPPM, a.ComponentPPM) < 0:
		return errors.New("alarms with a negative limit")
	}
	return nil
}

// CheckDecide is the part of Check that is about decide.
func (p *Plan) CheckDecide() error {
	if p.DecideTasks < 0 || p.DecideTasks == 1 || p.DecideTasks > maxDecide {
		return fmt.Errorf("%d tasks of decide, not 2 to %d, or none", p.DecideTasks, maxDecide)
	}
	return nil
}

func (p *Plan) checkFiles() error {
	standing := false
	for i := range p.Files {
		f := &p.Files[i]
		switch {
		case f.Path == "" || f.Size < 0 || !isHex(f.SHA256, 32):
			return fmt.Errorf("file %d: %q of %d bytes, SHA-256 %q", i, f.Path, f.Size, f.SHA256)
		case f.Compression != "none" && f.Compression != "gzip" && f.Compression != "zstd":
			return fmt.Errorf("file %s: compression %q is not known here", f.Path, f.Compression)
		case f.Run != "" && !isHex(f.Run, 32):
			return fmt.Errorf("file %s: %q is not the id of a run", f.Path, f.Run)
		case f.Reference && (f.Run != "" || p.Scope != ScopeReference):
			return fmt.Errorf("file %s is of a reference corpus that the plan has no use for", f.Path)
		case standing && !f.IsStanding():
			return fmt.Errorf("file %s is of the delivery, but follows files that are not", f.Path)
		}
		standing = f.IsStanding()
	}
	return nil
}

// checkShards finds bytes of a file that are in no shard, or in two.
func (p *Plan) checkShards() error {
	if len(p.Shards) > math.MaxInt32 {
		return fmt.Errorf("%d shards", len(p.Shards))
	}
	covered := make([]int64, len(p.Files))
	nextLine := make([]int64, len(p.Files))
	for i, s := range p.Shards {
		if s.File < 0 || s.File >= len(p.Files) || i > 0 && s.File < p.Shards[i-1].File {
			return fmt.Errorf("shard %d: file %d is out of order or does not exist", i, s.File)
		}
		f := &p.Files[s.File]
		switch {
		case s.Offset != covered[s.File] || s.Length < 0 || s.Length > f.Size-s.Offset:
			return fmt.Errorf("shard %d: %d bytes from byte %d of %s, which has %d; the shard before ends at %d", i, s.Length, s.Offset, f.Path, f.Size, covered[s.File])
		case f.Compression != "none" && s.Length != f.Size:
			return fmt.Errorf("shard %d: is a part of compressed file %s", i, f.Path)
		case s.Offset == 0 && s.FirstLine != 1 || s.FirstLine < nextLine[s.File] || s.FirstLine > f.Size+1:
			return fmt.Errorf("shard %d: first line %d of %s cannot be", i, s.FirstLine, f.Path)
		case !isHex(s.XXH64, 8) || s.Index != "" && !isHex(s.Index, 32):
			return fmt.Errorf("shard %d: digests %q and %q", i, s.XXH64, s.Index)
		}
		covered[s.File], nextLine[s.File] = s.Offset+s.Length, s.FirstLine+1
	}
	for i := range p.Files {
		if f := &p.Files[i]; covered[i] != f.Size {
			return fmt.Errorf("file %s has %d bytes, its shards cover %d", f.Path, f.Size, covered[i])
		}
	}
	return nil
}

// checkStanding compares the earlier runs with the shards that are theirs.
func (p *Plan) checkStanding() error {
	next := p.Delivery()
	from := next
	for i, e := range p.Earlier {
		if e.FirstShard != next || e.Shards < 0 || e.Shards > len(p.Shards)-next || !isHex(e.RunID, 32) {
			return fmt.Errorf("earlier run %d, %s, has %d shards from %d, after %d", i, e.Folder, e.Shards, e.FirstShard, next)
		}
		next += e.Shards
	}
	for shard, s := range p.Shards {
		earlier := from <= shard && shard < next
		if f := &p.Files[s.File]; earlier != (f.Run != "") || earlier != (s.Index != "") {
			return fmt.Errorf("shard %d of %s is of no earlier run, or of one that is not named", shard, f.Path)
		}
	}
	return nil
}

// isHex reports whether s is n bytes as lower-case hexadecimal digits.
func isHex(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == n && s == strings.ToLower(s)
}
