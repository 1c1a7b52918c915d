package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/verify"
)

// policyDoc is a document of a test; its id is unique there.
type policyDoc struct {
	ID          string  `json:"id"`
	Contributor string  `json:"contributor"`
	Source      *string `json:"source,omitempty"`
	Created     int64   `json:"created,omitempty"`
	Text        string  `json:"text"`
}

func (d *policyDoc) source() string {
	if d.Source == nil {
		return ""
	}
	return *d.Source
}

// fate is a decision by ids.
type fate struct {
	Class                  string
	Witness                string
	Overlap, Union, Shared int64
}

// policyCorpus draws families of copies and edits of a few bases, of sources
// and contributors at random, each created later than the one before.
func policyCorpus(rng *rand.Rand, n int, prefix string) []policyDoc {
	word := func() string { return fmt.Sprintf("w%d", rng.IntN(2000)) }
	bases := make([][]string, 8)
	for i := range bases {
		for range 6 + rng.IntN(60) {
			bases[i] = append(bases[i], word())
		}
	}
	names := []string{"web", "books", "wiki", "", "a,b"}
	docs := make([]policyDoc, n)
	for i := range docs {
		d := &docs[i]
		words := slices.Clone(bases[rng.IntN(len(bases))])
		if i > 0 && rng.IntN(3) == 0 {
			words = strings.Fields(docs[rng.IntN(i)].Text)
		}
		for range rng.IntN(4) * rng.IntN(2) {
			switch at := rng.IntN(len(words)); rng.IntN(3) {
			case 0:
				words[at] = word()
			case 1:
				words = append(words, word())
			default:
				words = words[:max(1, len(words)-1)]
			}
		}
		*d = policyDoc{
			ID: fmt.Sprintf("%s%d", prefix, i), Contributor: fmt.Sprintf("c%d", rng.IntN(4)),
			Created: int64(1_000_000 + i), Text: strings.Join(words, " "),
		}
		if rng.IntN(10) > 0 {
			d.Source = &names[rng.IntN(len(names))]
		}
	}
	return docs
}

// mixDates gives documents dates that say little, or none.
func mixDates(rng *rand.Rand, docs []policyDoc) {
	for i := range docs {
		docs[i].Created = int64(rng.IntN(4))
	}
}

// policyOracle is the definition: take documents in priority order, those that
// stand first. One whose text (within its scope) was met before shares the fate
// of the first; else it is dropped if and only if a kept one, within the scope,
// shares a bucket with it and reaches the threshold.
func policyOracle(p request.Policy, standing, delivery []policyDoc, seed uint64, rule plan.NearDup) map[string]fate {
	type entry struct {
		*policyDoc
		stands bool
		hash   uint64
		set    map[string]struct{}
		keys   []uint64
	}
	var all []*entry
	sketcher := neardup.NewSketcher(rule, seed)
	scanner := shingle.NewHasher(seed).NewScanner()
	add := func(docs []policyDoc, stands bool) {
		for i := range docs {
			h := xxhash.NewWithSeed(seed)
			h.WriteString(docs[i].Text)
			all = append(all, &entry{
				&docs[i], stands, h.Sum64(), shingle.Reference([]byte(docs[i].Text)),
				sketcher.BandKeys(nil, scanner.Shingles([]byte(docs[i].Text))),
			})
		}
	}
	add(standing, true)
	add(delivery, false)
	turn := func(e *entry) int {
		switch p.Priority {
		case plan.PriorityLongest:
			return -len(e.Text)
		case plan.PrioritySource:
			if i := slices.Index(p.SourceRank, e.source()); i >= 0 {
				return i
			}
			return len(p.SourceRank)
		}
		return 0
	}
	created := func(e *entry) doc.Instant { return doc.Instant{Sec: e.Created, Set: e.Created != 0} }
	slices.SortStableFunc(all, func(a, b *entry) int {
		if a.stands != b.stands {
			if a.stands {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(turn(a), turn(b)), created(a).Compare(created(b)), cmp.Compare(a.hash, b.hash),
			cmp.Compare(a.Contributor, b.Contributor), cmp.Compare(a.ID, b.ID))
	})
	comparable := func(e, earlier *entry) bool {
		switch {
		case len(p.Reference) > 0:
			return earlier.stands
		case p.Scope == plan.ScopeSource:
			return e.source() == earlier.source()
		}
		return true
	}
	fates := map[string]fate{}
	var kept []*entry
	for i, e := range all {
		if e.stands {
			kept = append(kept, e)
			continue
		}
		if j := slices.IndexFunc(all[:i], func(o *entry) bool { return comparable(e, o) && o.Text == e.Text }); j >= 0 {
			if f, dropped := fates[all[j].ID]; dropped {
				fates[e.ID] = f
			} else {
				fates[e.ID] = fate{Class: "exact_dup", Witness: all[j].ID}
			}
			continue
		}
		var best fate
		for _, k := range kept {
			if !comparable(e, k) {
				continue
			}
			var shared, overlap int64
			for _, key := range e.keys {
				if slices.Contains(k.keys, key) {
					shared++
				}
			}
			for s := range e.set {
				if _, both := k.set[s]; both {
					overlap++
				}
			}
			union := int64(len(e.set)+len(k.set)) - overlap
			if shared > 0 && union > 0 && overlap*rule.ThresholdDen >= rule.ThresholdNum*union && (best.Class == "" || overlap*best.Union > best.Overlap*union) {
				best = fate{"near_dup", k.ID, overlap, union, shared}
			}
		}
		if best.Class != "" {
			fates[e.ID] = best
		} else {
			kept = append(kept, e)
		}
	}
	return fates
}

// bytesTokenizer counts bytes: tokens matter little here.
const bytesTokenizer = "../testdata/tokenizers/bytes.json"

func policyRules(p request.Policy, seed uint64, inputs ...string) request.Rules {
	return request.Rules{
		Inputs: inputs, Tokenizers: []string{bytesTokenizer}, AddedTokens: "match",
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created", Source: "source"},
		Threshold: "0.8", Recall: 0.99, Seed: seed, ShardSize: 1 << 20, MaxLine: 1 << 20, Policy: p,
	}
}

func policyMeans(workers int) request.Means {
	return request.Means{Engine: "auto", Parser: "native", Workers: workers}
}

// writeDocs writes documents as they are spread over files, in random order if
// rng is not nil.
func writeDocs(t *testing.T, dir string, docs []policyDoc, files int, rng *rand.Rand) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	docs = slices.Clone(docs)
	if rng != nil {
		rng.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	}
	for f := range files {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		for i := f; i < len(docs); i += files {
			if err := e.Encode(docs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", f)), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func runPolicy(t *testing.T, r request.Rules, m request.Means, out string) Result {
	t.Helper()
	res, err := Run(t.Context(), r, m, RunOptions{Out: out})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// fatesOf reads the decisions of a run, and has the run verified.
func fatesOf(t *testing.T, dir string) map[string]fate {
	t.Helper()
	p, err := folder.LoadPlan(filepath.Join(dir, task.PlanFile))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]fate{}
	err = folder.EachDecision(dir, p, func(row *decision.Row) error {
		got[row.ID] = fate{row.Class, row.WitnessID, row.Overlap, row.Union, int64(row.SharedBuckets)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Run(t.Context(), dir, verify.Options{Inputs: true, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if !c.OK {
			t.Errorf("verify: %s: %v", c.Name, c.Failures)
		}
	}
	return got
}

func TestPoliciesAreTheDefinition(t *testing.T) {
	rank := []string{"wiki", "a,b", "web"}
	policies := map[string]request.Policy{
		"default": {}, "longest": {Priority: plan.PriorityLongest},
		"ranking":            {Priority: plan.PrioritySource, SourceRank: rank},
		"within a source":    {Scope: plan.ScopeSource},
		"longest in source":  {Scope: plan.ScopeSource, Priority: plan.PriorityLongest},
		"reference":          {Reference: []string{"set below"}},
		"ranking, reference": {Reference: []string{"set below"}, Priority: plan.PrioritySource, SourceRank: rank},
	}
	for name, p := range policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for round := range uint64(2) {
				seed := rand.Uint64()
				rng := rand.New(rand.NewPCG(seed, round))
				docs := policyCorpus(rng, 120, "d")
				mixDates(rng, docs)
				dir := t.TempDir()
				var standing []policyDoc
				delivery := docs
				if len(p.Reference) > 0 {
					standing, delivery = docs[:60], docs[60:]
					p.Reference = []string{writeDocs(t, filepath.Join(dir, "reference"), standing, 2, nil)}
				}
				r := policyRules(p, 7, writeDocs(t, filepath.Join(dir, "in"), delivery, 1, nil))
				res := runPolicy(t, r, policyMeans(1), filepath.Join(dir, "one"))
				nd := res.Plan.NearDup
				want := policyOracle(p, standing, delivery, 7, nd)
				if len(want) < 20 {
					t.Fatalf("seed %d: only %d documents are dropped: the test shows little", seed, len(want))
				}
				if d := gocmp.Diff(want, fatesOf(t, res.Dir)); d != "" {
					t.Fatalf("seed %d (-definition +run):\n%s", seed, d)
				}

				// The same documents in other files, order and with more workers.
				r = policyRules(p, 7, writeDocs(t, filepath.Join(dir, "in3"), delivery, 3, rng))
				if len(p.Reference) > 0 {
					r.Policy.Reference = []string{writeDocs(t, filepath.Join(dir, "reference1"), standing, 1, rng)}
				}
				other := runPolicy(t, r, policyMeans(3), filepath.Join(dir, "three"))
				if d := gocmp.Diff(want, fatesOf(t, other.Dir)); d != "" {
					t.Fatalf("seed %d, other files (-definition +run):\n%s", seed, d)
				}
				sameBytes(t, filepath.Join(res.Dir, "tally.jsonl"), filepath.Join(other.Dir, "tally.jsonl"))
			}
		})
	}
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ", a, b)
	}
}
