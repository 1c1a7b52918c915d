package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/request"
)

// policyFlags say who is first among duplicates, and among which documents
// they are looked for.
type policyFlags struct {
	Priority   string   `enum:"created,longest,source" default:"created" help:"Which of several duplicates is kept: the earliest, the longest, or that of the source ranked first; then by created, content, contributor, id (default: created)."`
	SourceRank []string `placeholder:"A,B,C" help:"Sources from first to last, for --priority source; @FILE reads one a line. Others come after."`
	scopeFlags
	Against []string `sep:"none" placeholder:"RUN" help:"Output folder of an earlier run (made with --index), or s3://bucket/prefix: what it kept comes first and is not tallied again. Repeatable."`
	Index   bool     `help:"Keep DIR/index, which a later run --against this one needs."`
}

// scopeFlags say among which documents duplicates are looked for.
type scopeFlags struct {
	SourceField string   `default:"source" placeholder:"PATH" help:"Dotted path of a document's source, where --priority or --scope asks for it (default: source)."`
	Scope       string   `enum:"corpus,source" default:"corpus" help:"Look for duplicates in the whole corpus, or only among documents of one source (default: corpus)."`
	Reference   []string `sep:"none" placeholder:"INPUT" help:"Drop only what duplicates a document of this corpus, which is neither dropped nor tallied. Repeatable."`
}

// apply completes the rules of a request.
func (f *policyFlags) apply(r *request.Rules) (err error) {
	r.Policy, err = f.policy()
	f.scopeFlags.apply(r)
	return err
}

func (f *scopeFlags) apply(r *request.Rules) {
	r.Fields.Source = f.SourceField
	r.Policy.Scope, r.Policy.Reference = f.Scope, f.Reference
}

func (f *policyFlags) policy() (request.Policy, error) {
	p := request.Policy{Priority: f.Priority, Against: f.Against, Index: f.Index}
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
