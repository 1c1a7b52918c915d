package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
)

// policyFlags say who is first among duplicates, and among which documents
// they are looked for.
type policyFlags struct {
	Priority    string   `enum:"created,longest,source" default:"created" help:"Which of several duplicates is kept: the earliest, the longest, or that of the source ranked first; then by created, content, contributor, id (default: created)."`
	SourceRank  []string `placeholder:"A,B,C" help:"Sources from first to last, for --priority source; @FILE reads one a line. Others come after."`
	SourceField string   `default:"source" placeholder:"PATH" help:"Dotted path of a document's source, where --priority or --scope asks for it (default: source)."`
	Scope       string   `enum:"corpus,source" default:"corpus" help:"Look for duplicates in the whole corpus, or only among documents of one source (default: corpus)."`
	Reference   []string `sep:"none" placeholder:"INPUT" help:"Drop only what duplicates a document of this corpus, which is neither dropped nor tallied. Repeatable."`
	Against     []string `sep:"none" placeholder:"RUN" help:"Output folder of an earlier run (made with --index): what it kept comes first and is not tallied again. Repeatable."`
	Index       bool     `help:"Keep DIR/index, which a later run --against this one needs."`
}

// apply completes the rules of a request.
func (f *policyFlags) apply(r *engine.Rules) (err error) {
	r.Fields.Source = f.SourceField
	r.Policy, err = f.policy()
	return err
}

func (f *policyFlags) policy() (engine.Policy, error) {
	p := engine.Policy{Priority: f.Priority, Scope: f.Scope, Reference: f.Reference, Against: f.Against, Index: f.Index}
	for _, s := range f.SourceRank {
		name, isFile := strings.CutPrefix(s, "@")
		if !isFile {
			p.SourceRank = append(p.SourceRank, s)
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return p, fmt.Errorf("%w: ranking of sources: %w", doc.ErrUsage, err)
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				p.SourceRank = append(p.SourceRank, line)
			}
		}
	}
	return p, nil
}
