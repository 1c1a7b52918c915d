// Package plan is plan.json: the resolved configuration and input list of a
// run. The same plan gives the same bytes in every output, so nothing in it
// depends on the machine, the number of workers or the engine that counts.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Version of plan.json. A reader refuses a version it does not know.
const Version = 1

// Versions of the rules of docs/formats.md that decide results.
const (
	RuleDocument = "json-line-v1"
	RuleToken    = "hf-tokenizers-0.22.2-v1"
	RuleShingle  = "w5-v1" // by default; see ShingleRule
	RuleWordHash = "aes3-v1"
	RuleSketch   = "oph-fallback-prefix-v2"
	RuleExactKey = "xxh64-len-sha256-v1"
	RulePriority = "created-content-contributor-id-v1"
	RuleCredit   = "shared-v1" // of plans that share credit
)

// Plan is the content of plan.json.
type Plan struct {
	Version   int       `json:"version"`
	RunID     string    `json:"run_id"` // hex SHA-256 of this object with run_id empty
	Rules     Rules     `json:"rules"`
	Fields    Fields    `json:"fields"`
	Tokenizer Tokenizer `json:"tokenizer"` // the main one
	// Further tokenizers are counted with in the same pass; each has columns
	// named after it.
	Further    []Tokenizer `json:"further_tokenizers,omitempty"`
	NearDup    NearDup     `json:"near_dup"`
	Alarms     *Alarms     `json:"alarms,omitempty"`      // absent: DefaultAlarms
	AuditPPM   int64       `json:"audit_ppm,omitempty"`   // share of the texts that an audit samples, in millionths
	AuditLeast int64       `json:"audit_least,omitempty"` // texts that it samples where there are as many
	AuditMost  int64       `json:"audit_most,omitempty"`  // texts that it samples at most; absent: no limit
	Seed       uint64      `json:"seed"`
	ShardSize  int64       `json:"shard_size"` // bytes, nominal
	MaxLine    int64       `json:"max_line"`   // bytes; a longer line is rejected
	Partitions int         `json:"partitions"` // of band and exact keys
	// DecideTasks is among how many tasks what resolve decides is shared out; absent:
	// it decides all by itself.
	DecideTasks int `json:"decide_tasks,omitempty"`
	// SourceRank orders the sources under RulePrioritySource, first to last.
	SourceRank []string  `json:"source_rank,omitempty"`
	Scope      string    `json:"scope,omitempty"`        // ScopeSource or ScopeReference; absent: the whole corpus
	Earlier    []Earlier `json:"earlier_runs,omitempty"` // whose kept documents stand
	// Index says that the run keeps what a later one needs to take it as earlier.
	Index  bool    `json:"index,omitempty"`
	Files  []File  `json:"files"`
	Shards []Shard `json:"shards"` // those whose documents stand come last
}

// Rules names the version of each rule that decides results.
type Rules struct {
	Document string `json:"document"`
	Token    string `json:"token"`
	Shingle  string `json:"shingle"`
	WordHash string `json:"word_hash"`
	Sketch   string `json:"sketch"`
	ExactKey string `json:"exact_key"`
	Priority string `json:"priority"`
	// Credit is absent where the first contributor is credited with all tokens
	// of a kept document.
	Credit string `json:"credit,omitempty"`
}

// The audit that a run has by default.
const (
	DefaultAuditPPM   = 1000
	DefaultAuditLeast = 100
	DefaultAuditMost  = 1000
)

// Unaudited says why the plan has no audit by default; empty if nothing is against one.
func (p *Plan) Unaudited() string {
	switch {
	case p.NearDup.Sweepable():
		return "as every threshold has another one (--sweepable)"
	case p.Scope == ScopeSource:
		return "as an audit takes no notice of sources (--scope source)"
	case p.Scope == ScopeReference:
		return "as an audit looks for pairs within the delivery (--reference)"
	case len(p.Earlier) > 0:
		return "as an audit reads all texts, and of earlier runs there are only keys (--against)"
	}
	return ""
}

// SharesCredit reports whether the tokens of a kept document are split among
// the contributors of its group.
func (p *Plan) SharesCredit() bool { return p.Rules.Credit != "" }

// Fields are dotted paths into the JSON object of a line.
type Fields struct {
	Text               string `json:"text"`
	ID                 string `json:"id"`
	Contributor        string `json:"contributor"`
	Created            string `json:"created"`
	RequireContributor bool   `json:"require_contributor"`
	Source             string `json:"source,omitempty"` // absent where no rule asks for it
}

// Tokenizer identifies what counts. The engine is not part of it: engines
// give equal counts or refuse.
type Tokenizer struct {
	Name        string `json:"name"`         // as given, or the built-in name
	SHA256      string `json:"sha256"`       // hex, of the uncompressed tokenizer.json
	AddedTokens string `json:"added_tokens"` // "match" or "text"
	// Label names the tokenizer's columns and what pay divides by. It is empty
	// only where there is no other tokenizer and the user gave none.
	Label string `json:"label,omitempty"`
}

// NearDup is the near-duplicate rule. The threshold is the exact fraction
// ThresholdNum/ThresholdDen.
type NearDup struct {
	ThresholdNum int64  `json:"threshold_num"`
	ThresholdDen int64  `json:"threshold_den"`
	Recall       string `json:"recall"` // target, as given
	Bands        int    `json:"bands"`
	Rows         int    `json:"rows"`
	// PrefixUpTo is the number of shingles up to which documents have prefix
	// keys instead of one key for each band.
	PrefixUpTo int     `json:"prefix_up_to"`
	Curve      []Point `json:"predicted_recall"`
	// The floor of a sweepable run, FloorNum/FloorDen, is the lowest threshold
	// that what it keeps can answer for; the bands are chosen at the floor. Both
	// are 0 for a run that keeps nothing for other thresholds.
	FloorNum int64 `json:"floor_num,omitempty"`
	FloorDen int64 `json:"floor_den,omitempty"`
}

// Sweepable reports whether a run keeps what other thresholds need.
func (n NearDup) Sweepable() bool { return n.FloorDen != 0 }

// Lowest returns the lowest threshold that the keys of documents must serve.
func (n NearDup) Lowest() (num, den int64) {
	if n.Sweepable() {
		return n.FloorNum, n.FloorDen
	}
	return n.ThresholdNum, n.ThresholdDen
}

// Point is the predicted probability (parts per million) that a pair of the
// given Jaccard (parts per hundred) shares a bucket, if not by prefix keys.
type Point struct {
	JaccardPercent int   `json:"jaccard_percent"`
	RecallPPM      int64 `json:"recall_ppm"`
}

// File is one input file.
type File struct {
	Path        string `json:"path"`
	Size        int64  `json:"size"` // bytes on disk
	SHA256      string `json:"sha256"`
	Compression string `json:"compression"`         // "none", "gzip", "zstd"
	ETag        string `json:"etag,omitempty"`      // of an object: what its store calls this state of it
	Reference   bool   `json:"reference,omitempty"` // of the reference corpus
	Run         string `json:"run,omitempty"`       // id of the earlier run whose input it was
}

// Shard is one newline-aligned byte range of an uncompressed file, or one
// whole compressed file (Offset 0, Length = File.Size).
type Shard struct {
	File      int   `json:"file"`       // index into Files
	Offset    int64 `json:"offset"`     // of the first byte
	Length    int64 `json:"length"`     // bytes
	FirstLine int64 `json:"first_line"` // one-based number in the file of the shard's first line
	// XXH64 of the shard's bytes on disk, 16 hex digits: what a scan checks
	// cheaply, lest a file that was changed in place be counted.
	XXH64 string `json:"xxh64"`
	// Index is the hex SHA-256 of the shard's file in the index of an earlier run.
	Index string `json:"index,omitempty"`
}

// MostLines bounds the number of lines of a shard: it is the exact number where
// another shard of the file follows.
func (p *Plan) MostLines(shard int) uint64 {
	s := p.Shards[shard]
	if next := shard + 1; next < len(p.Shards) && p.Shards[next].File == s.File {
		return uint64(p.Shards[next].FirstLine - s.FirstLine)
	}
	if p.Files[s.File].Compression == "none" {
		return uint64(s.Length)
	}
	return 1 << 32
}

// ComputeRunID returns the run id that p must carry.
func (p Plan) ComputeRunID() (string, error) {
	p.RunID = ""
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("hash plan: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
