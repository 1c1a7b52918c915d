package request

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/stage"
	"github.com/tallystick/tallystick/engine/task"
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

// checkPolicy checks the policy, and forgets the source field where nothing
// asks for it: a line may say "source" twice then.
func (r *Rules) checkPolicy() error {
	if err := r.Policy.check(r.Inputs); err != nil {
		return err
	}
	switch {
	case !r.Policy.usesSource():
		r.Fields.Source = ""
	case r.Fields.Source == "":
		return fmt.Errorf("%w: sources decide, but the source field has no path", doc.ErrUsage)
	}
	return nil
}

// usesSource reports whether a document's source decides anything.
func (p *Policy) usesSource() bool {
	return p.Priority == plan.PrioritySource || p.Scope == plan.ScopeSource
}

// apply puts the rules of the policy into a plan.
func (p *Policy) apply(out *plan.Plan) {
	if p.Priority != "" {
		out.Rules.Priority = plan.PriorityRules[p.Priority]
	}
	out.SourceRank, out.Index = p.SourceRank, p.Index
	switch {
	case len(p.Reference) > 0:
		out.Scope = plan.ScopeReference
	case p.Scope == plan.ScopeSource:
		out.Scope = plan.ScopeSource
	}
}

// goesWith refuses a plan that asks for what the policy excludes.
func (p *Policy) goesWith(out *plan.Plan) error {
	switch standing := len(p.Reference) > 0 || len(p.Against) > 0; {
	case out.NearDup.Sweepable() && (standing || p.Index):
		return fmt.Errorf("%w: a sweepable run (--sweepable) has neither earlier runs nor a reference corpus, and keeps no index for later ones", doc.ErrUsage)
	case out.AuditPPM > 0 && (out.Scope != "" || standing): // plan.Unaudited, before what stands is known
		return fmt.Errorf("%w: an audit looks for pairs in the whole corpus: it goes with no other scope, no reference corpus and no earlier run", doc.ErrUsage)
	}
	return nil
}

// addReference appends the reference corpus to a plan of the delivery.
func (p *Policy) addReference(ctx context.Context, r Rules, m Means, dir string, out *plan.Plan) error {
	if len(p.Reference) == 0 {
		return nil
	}
	r.ShardSize = out.ShardSize
	in, err := readReference(ctx, r, m, dir, out.Files, true)
	if err != nil {
		return err
	}
	addStanding(out, in.Files, in.Shards)
	return nil
}

// readReference reads the inputs of the reference corpus, none of which may be
// in the delivery.
func readReference(ctx context.Context, r Rules, m Means, dir string, delivery []plan.File, digests bool) (*Inputs, error) {
	r.Inputs = r.Policy.Reference
	in, err := readInputs(ctx, r, m, dir, digests, nil)
	if err != nil {
		return nil, fmt.Errorf("reference corpus: %w", err)
	}
	delivered := make(map[string]bool, len(delivery))
	for i := range delivery {
		delivered[canonical(delivery[i].Path)] = true
	}
	for i := range in.Files {
		f := &in.Files[i]
		f.Reference = true
		if delivered[canonical(f.Path)] {
			return nil, fmt.Errorf("%w: %s is in the delivery and in the reference corpus", doc.ErrUsage, f.Path)
		}
	}
	return in, nil
}

// add appends the files and shards of other inputs.
func (in *Inputs) add(other *Inputs) {
	base := len(in.Files)
	in.Files = append(in.Files, other.Files...)
	in.opened = append(in.opened, other.opened...)
	for _, s := range other.Shards {
		s.File += base
		in.Shards = append(in.Shards, s)
	}
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

// earlierRun is what a finished run kept, itself and of the runs that it took
// as earlier.
type earlierRun struct {
	folder string
	plan   plan.Plan // files and shards are marked as earlier ones
}

func (e *earlierRun) addTo(p *plan.Plan) {
	p.Earlier = append(p.Earlier, plan.Earlier{
		Folder: e.folder, RunID: e.plan.RunID, FirstShard: len(p.Shards), Shards: len(e.plan.Shards),
	})
	addStanding(p, e.plan.Files, e.plan.Shards)
}

// loadEarlier reads the earlier runs and refuses those that cannot stand
// beside what p has so far: its rules. dir is the output folder of the new run.
func (p *Policy) loadEarlier(ctx context.Context, out *plan.Plan, dir string) ([]earlierRun, error) {
	var all []earlierRun
	of := map[string]string{} // run ids to the folder that they came by
	for _, path := range p.Against {
		old, err := loadEarlier(ctx, out, path, dir)
		if err != nil {
			return nil, fmt.Errorf("earlier run %s: %w", path, err)
		}
		for i := range old.Files {
			id := old.Files[i].Run
			if by, there := of[id]; there && by != path {
				return nil, fmt.Errorf("%w: %s holds run %.12s as well as %s does; the latest of a chain of runs stands for all of it", doc.ErrUsage, path, id, by)
			}
			of[id] = path
		}
		if slices.ContainsFunc(all, func(e earlierRun) bool { return e.plan.RunID == old.RunID }) {
			return nil, fmt.Errorf("%w: earlier run %s is given twice", doc.ErrUsage, path)
		}
		all = append(all, earlierRun{path, old})
	}
	return all, nil
}

func loadEarlier(ctx context.Context, p *plan.Plan, path, dir string) (plan.Plan, error) {
	fail := func(format string, args ...any) (plan.Plan, error) { return plan.Plan{}, fmt.Errorf(format, args...) }
	if sameFile(path, dir) {
		return fail("%w: it is the output folder", doc.ErrUsage)
	}
	m, err := folder.ReadManifest(path)
	switch {
	case errors.Is(err, doc.ErrInput):
		return fail("%w", err)
	case err != nil:
		return fail("%w: it holds no finished run: %w", doc.ErrInput, err)
	}
	old, err := folder.LoadPlan(object.Join(path, task.PlanFile))
	switch {
	case err != nil:
		return fail("%w", err)
	case m.RunID != old.RunID:
		return fail("%w: plan and manifest are of two runs", doc.ErrCorrupt)
	case !old.Index:
		return fail("%w: it has no index; run it again with --index", doc.ErrUsage)
	}
	if err := agree(p, &old); err != nil {
		return fail("%w", err)
	}
	digests := make(map[string]string, len(m.Files))
	for _, f := range m.Files {
		digests[f.Path] = f.SHA256
	}
	for i := range old.Shards {
		name := stage.IndexPath(i)
		if old.Shards[i].Index = digests[name]; digests[name] == "" {
			return fail("%w: its manifest lists no %s", doc.ErrCorrupt, name)
		}
	}
	for i := range old.Files {
		f := &old.Files[i]
		if f.Run == "" {
			f.Run = old.RunID
		}
		size, err := corpus.Size(ctx, f.Path)
		if err == nil && size != f.Size {
			err = fmt.Errorf("%d bytes instead of %d", size, f.Size)
		}
		if err != nil {
			return fail("%w: its input %s is not there as it was: %w (texts are read again to prove duplicates; a relative path is looked for from here)", doc.ErrInput, f.Path, err)
		}
	}
	return old, nil
}

// agree refuses an earlier run whose keys or decisions mean something else.
func agree(p, old *plan.Plan) error {
	now, was := p.Rules, old.Rules
	threshold := func(p *plan.Plan) string {
		return fmt.Sprintf("%d/%d", p.NearDup.ThresholdNum, p.NearDup.ThresholdDen)
	}
	bands := func(p *plan.Plan) string { return fmt.Sprintf("%d bands of %d", p.NearDup.Bands, p.NearDup.Rows) }
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
		{"ranking of sources (--source-rank)", fmt.Sprintf("%q", p.SourceRank), fmt.Sprintf("%q", old.SourceRank)},
		{"scope", cmp.Or(p.Scope, plan.ScopeCorpus), cmp.Or(old.Scope, plan.ScopeCorpus)},
		{"choice of fields", p.Fields, old.Fields},
		{"seed", p.Seed, old.Seed},
		{"threshold", threshold(p), threshold(old)},
		{"number of bands and rows (they follow from --threshold and --recall)", bands(p), bands(old)},
		{"limit for prefix keys", p.NearDup.PrefixUpTo, old.NearDup.PrefixUpTo},
		{"longest line (--max-line)", p.MaxLine, old.MaxLine},
	} {
		if c.now != c.was {
			return fmt.Errorf("%w: its %s differs: %v there, %v here", doc.ErrUsage, c.what, c.was, c.now)
		}
	}
	return nil
}

// canonical is one name for a file that has several, as far as links tell.
func canonical(path string) string {
	if object.IsName(path) {
		return path
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return path
}

// sameFile reports whether two paths lead to one existing file or folder, or
// are one name in a store.
func sameFile(a, b string) bool {
	if object.IsName(a) {
		return folder.CleanInput(a) == folder.CleanInput(b)
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
