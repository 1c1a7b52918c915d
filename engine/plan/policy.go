package plan

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Priorities: who is first among duplicates, and so is kept. Each has a rule
// of its own, which goes on with created, content, contributor and id where
// the first criterion does not decide.
const (
	PriorityCreated = "created" // RulePriority
	PriorityLongest = "longest" // the longer text, in bytes
	PrioritySource  = "source"  // the source that the ranking names earlier
)

// Versions of the priority rules beside RulePriority.
const (
	RulePriorityLongest = "longest-created-content-contributor-id-v1"
	RulePrioritySource  = "source-created-content-contributor-id-v1"
)

// PriorityRules are the rules by the priorities that users name.
var PriorityRules = map[string]string{
	PriorityCreated: RulePriority,
	PriorityLongest: RulePriorityLongest,
	PrioritySource:  RulePrioritySource,
}

// Scopes: among which documents duplicates are looked for.
const (
	ScopeCorpus    = "corpus"    // all; the plan has no scope then
	ScopeSource    = "source"    // those of the same source
	ScopeReference = "reference" // a document of the delivery and one of the reference corpus
)

// Earlier is a finished run whose kept documents this one takes as paid: its
// shards, and those of the runs that it took so itself, are the shards
// FirstShard to FirstShard+Shards-1 of this plan, in order.
type Earlier struct {
	Folder     string `json:"folder"` // as given
	RunID      string `json:"run_id"`
	FirstShard int    `json:"first_shard"`
	Shards     int    `json:"shards"`
}

// IsStanding reports whether the documents of the file stand: they come before
// all of the delivery, are never dropped and not tallied. They are those of a
// reference corpus or of an earlier run.
func (f *File) IsStanding() bool { return f.Reference || f.Run != "" }

// IsStanding reports whether a shard's documents stand.
func (p *Plan) IsStanding(shard int) bool { return p.Files[p.Shards[shard].File].IsStanding() }

// Delivery returns how many shards are of the delivery: the first ones. Those
// whose documents stand follow.
func (p *Plan) Delivery() int {
	return sort.Search(len(p.Shards), p.IsStanding)
}

// UsesSource reports whether a document's source decides anything.
func (p *Plan) UsesSource() bool { return p.Fields.Source != "" }

// SourceTurn is the place of a source in the ranking, from 0; all that are not
// in it share the last.
func (p *Plan) SourceTurn(source string) int {
	if i := slices.Index(p.SourceRank, source); i >= 0 {
		return i
	}
	return len(p.SourceRank)
}

// TallyTasks is how many tasks the stage tally has: one for every shard of the
// delivery and, where the run keeps an index, for every earlier shard, whose
// part of the index is copied.
func (p *Plan) TallyTasks() int {
	if p.Index {
		return len(p.Shards)
	}
	return p.Delivery()
}

// Policy describes what differs from the default, for people: names and
// values.
func (p *Plan) Policy() (lines [][2]string) {
	add := func(name, format string, args ...any) {
		lines = append(lines, [2]string{name, fmt.Sprintf(format, args...)})
	}
	switch p.Rules.Priority {
	case RulePriorityLongest:
		add("first is", "the longest text")
	case RulePrioritySource:
		add("first is", "the source named first: %s", strings.Join(p.SourceRank, ", "))
	}
	switch p.Scope {
	case ScopeSource:
		add("scope", "within a source (%s)", p.Fields.Source)
	case ScopeReference:
		files := 0
		for i := range p.Files {
			if p.Files[i].Reference {
				files++
			}
		}
		add("scope", "against a reference corpus only (%d files)", files)
	}
	for _, e := range p.Earlier {
		add("against", "%s (run %.12s)", e.Folder, e.RunID)
	}
	if p.Index {
		add("index", "kept, for later runs --against this one")
	}
	return lines
}
