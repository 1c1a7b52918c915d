package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
)

// Policy says who is first among duplicates and among which documents they are
// looked for. The zero Policy is the default one.
type Policy struct {
	Priority   string   // plan.PriorityCreated (or empty), PriorityLongest or PrioritySource
	SourceRank []string // of PrioritySource: sources, first to last
	Scope      string   // plan.ScopeCorpus (or empty) or ScopeSource
	Reference  []string // inputs of a reference corpus: the scope is then plan.ScopeReference
	Against    []string // folders of finished runs whose kept documents come first
	Index      bool     // keep what a later run needs to take this one as earlier
}

// check refuses what makes no sense; errors wrap doc.ErrUsage.
func (p *Policy) check(inputs []string) error {
	usage := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", doc.ErrUsage, fmt.Sprintf(format, args...))
	}
	bySource := p.Priority == plan.PrioritySource
	switch {
	case p.Priority != "" && plan.PriorityRules[p.Priority] == "":
		return usage("priority %q is not created, longest or source", p.Priority)
	case bySource && len(p.SourceRank) == 0:
		return usage("priority source needs a ranking of sources (--source-rank A,B,C)")
	case !bySource && len(p.SourceRank) > 0:
		return usage("a ranking of sources needs --priority source")
	case p.Scope != "" && p.Scope != plan.ScopeCorpus && p.Scope != plan.ScopeSource:
		return usage("scope %q is not corpus or source", p.Scope)
	case p.Scope == plan.ScopeSource && len(p.Reference) > 0:
		return usage("--reference is a scope of its own: not with --scope source")
	case len(p.Reference) > 0 && len(p.Against) > 0:
		return usage("--reference and --against exclude each other: nothing in the delivery is dropped with the former")
	case len(p.Reference) > 0 && p.Index:
		return usage("--index is of no use with --reference: what is kept may hold duplicates")
	case p.Index && slices.Contains(inputs, "-"):
		return usage("--index needs inputs that can be read again, not standard input")
	case slices.Contains(p.Reference, "-"):
		return usage("the reference corpus cannot be standard input")
	}
	for i, s := range p.SourceRank {
		if slices.Contains(p.SourceRank[:i], s) {
			return usage("source %q is twice in the ranking", s)
		}
	}
	return nil
}

// usesSource reports whether a document's source decides anything.
func (p *Policy) usesSource() bool {
	return p.Priority == plan.PrioritySource || p.Scope == plan.ScopeSource
}

// apply puts the policy into a plan of the delivery alone, after everything
// else but its run id.
func (p *Policy) apply(ctx context.Context, r Rules, m Means, dir string, out *plan.Plan) error {
	if p.Priority != "" {
		out.Rules.Priority = plan.PriorityRules[p.Priority]
	}
	out.SourceRank, out.Index = p.SourceRank, p.Index
	if p.Scope == plan.ScopeSource {
		out.Scope = p.Scope
	}
	if len(p.Reference) > 0 {
		out.Scope = plan.ScopeReference
		r.Inputs = p.Reference
		in, err := readInputs(ctx, r, m, dir, true)
		if err != nil {
			return fmt.Errorf("reference corpus: %w", err)
		}
		for i := range in.files {
			f := &in.files[i]
			f.Reference = true
			if slices.ContainsFunc(out.Files, func(o plan.File) bool { return sameFile(o.Path, f.Path) }) {
				return fmt.Errorf("%w: %s is in the delivery and in the reference corpus", doc.ErrUsage, f.Path)
			}
		}
		addStanding(out, in.files, in.shards)
	}
	for _, folder := range p.Against {
		if err := addEarlier(out, folder, dir); err != nil {
			return fmt.Errorf("earlier run %s: %w", folder, err)
		}
	}
	return nil
}

// addStanding appends files and their shards, whose file numbers count from
// the first of files.
func addStanding(p *plan.Plan, files []plan.File, shards []plan.Shard) {
	base := len(p.Files)
	p.Files = append(p.Files, files...)
	for _, s := range shards {
		s.File += base
		p.Shards = append(p.Shards, s)
	}
}

// addEarlier appends what an earlier run kept, itself and of the runs that it
// took as earlier. dir is the output folder of the new run.
func addEarlier(p *plan.Plan, folder, dir string) error {
	if sameFile(folder, dir) {
		return fmt.Errorf("%w: it is the output folder", doc.ErrUsage)
	}
	old, err := LoadPlan(filepath.Join(folder, stage.PlanFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, doc.ErrInput) {
		return fmt.Errorf("%w: it holds no finished run (no %s)", doc.ErrInput, stage.PlanFile)
	}
	if err != nil {
		return err
	}
	m, err := ReadManifest(folder)
	if err != nil {
		return err
	}
	switch {
	case m.RunID != old.RunID:
		return fmt.Errorf("%w: plan and manifest are of two runs", doc.ErrCorrupt)
	case !old.Index:
		return fmt.Errorf("%w: it has no index; run it again with --index", doc.ErrUsage)
	}
	if err := agree(p, &old); err != nil {
		return err
	}
	digests := make(map[string]string, len(m.Files))
	for _, f := range m.Files {
		digests[f.Path] = f.SHA256
	}
	for i := range old.Shards {
		digest := digests[stage.IndexPath(i)]
		if digest == "" {
			return fmt.Errorf("%w: its manifest lists no %s", doc.ErrCorrupt, stage.IndexPath(i))
		}
		old.Shards[i].Index = digest
	}
	for i := range old.Files {
		f := &old.Files[i]
		if f.Run == "" {
			f.Run = old.RunID
		}
		for _, o := range p.Files {
			if o.Run == f.Run {
				return fmt.Errorf("%w: run %.12s is there by another --against already; the latest of a chain of runs stands for all of it", doc.ErrUsage, f.Run)
			}
		}
		if st, err := os.Stat(f.Path); err != nil || st.Size() != f.Size {
			if err == nil {
				err = fmt.Errorf("%d bytes instead of %d", st.Size(), f.Size)
			}
			return fmt.Errorf("%w: its input %s is not there as it was: %w (texts are read again to prove duplicates; a relative path is looked for from here)", doc.ErrInput, f.Path, err)
		}
	}
	p.Earlier = append(p.Earlier, plan.Earlier{Folder: folder, RunID: old.RunID, FirstShard: len(p.Shards), Shards: len(old.Shards)})
	addStanding(p, old.Files, old.Shards)
	return nil
}

// agree refuses an earlier run whose keys or decisions mean something else.
func agree(p, old *plan.Plan) error {
	now, was := p.Rules, old.Rules
	for _, c := range []struct {
		what     string
		now, was any
	}{
		{"rule for documents", now.Document, was.Document},
		{"rule for shingles", now.Shingle, was.Shingle},
		{"rule for word hashes", now.WordHash, was.WordHash},
		{"rule for sketches", now.Sketch, was.Sketch},
		{"rule for exact keys", now.ExactKey, was.ExactKey},
		{"rule for who is first (--priority)", now.Priority, was.Priority},
		{"choice of fields", p.Fields, old.Fields},
		{"seed", p.Seed, old.Seed},
		{"threshold", [2]int64{p.NearDup.ThresholdNum, p.NearDup.ThresholdDen}, [2]int64{old.NearDup.ThresholdNum, old.NearDup.ThresholdDen}},
		{"number of bands and rows (they follow from --threshold and --recall)", [2]int{p.NearDup.Bands, p.NearDup.Rows}, [2]int{old.NearDup.Bands, old.NearDup.Rows}},
		{"scope", p.Scope, old.Scope},
		{"longest line (--max-line)", p.MaxLine, old.MaxLine},
	} {
		if c.now != c.was {
			return fmt.Errorf("%w: its %s is not ours: %v there, %v here", doc.ErrUsage, c.what, c.was, c.now)
		}
	}
	return nil
}

// sameFile reports whether two paths lead to one existing file or folder.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
