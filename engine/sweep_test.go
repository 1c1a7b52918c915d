package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/request/requesttest"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/threshold"
	"github.com/tallystick/tallystick/engine/verify"
)

func sweepRules(floor, threshold string, inputs ...string) request.Rules {
	r := requesttest.Rules(inputs...)
	r.Floor, r.Threshold = floor, threshold
	return r
}

var sweepMeans = requesttest.Means

func runAt(t *testing.T, r request.Rules) string {
	t.Helper()
	return runBy(t, r, sweepMeans)
}

func runBy(t *testing.T, r request.Rules, m request.Means) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := Run(t.Context(), r, m, RunOptions{Out: dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// boundedMeans have the least bound on memory.
func boundedMeans() request.Means {
	m := sweepMeans
	m.Memory = LeastMemory
	return m
}

// TestSweepIsRuns: whatever a sweepable run says of another threshold, a run at
// that threshold says too; and the run that Rethreshold writes is that run, to
// the last byte of every file of the manifest.
func TestSweepIsRuns(t *testing.T) {
	inputs := []string{
		"../testdata/corpus/peps-history.jsonl.gz", "../testdata/corpus/powershell-docs-history.jsonl.zst",
		"../testdata/corpus/tldr.jsonl", "../testdata/corpus/phpdoc.jsonl",
	}
	rejected := filepath.Join(t.TempDir(), "rejected.jsonl")
	lines := "[]\n" + `{"text":"kept alone","created":"nonsense","contributor":"Ann"}` + "\n" + strings.Repeat(`{"text":"a copy","contributor":"Ann"}`+"\n", 3)
	if err := os.WriteFile(rejected, []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	inputs = append(inputs, rejected)
	base := runAt(t, sweepRules("0.5", "0.8", inputs...))
	thresholds := []string{"0.5", "0.62", "0.8", "0.95", "1"}
	res, err := threshold.Sweep(t.Context(), base, threshold.Options{At: thresholds, Samples: 2, Scratch: t.TempDir()}, sweepMeans)
	if err != nil {
		t.Fatal(err)
	}
	if res.NoText != nil || len(res.Rows) != len(thresholds) {
		t.Fatalf("%d rows, %v", len(res.Rows), res.NoText)
	}
	dropped := map[uint64]bool{}
	for i, at := range thresholds {
		want := runAt(t, sweepRules("0.5", at, inputs...))
		got := filepath.Join(t.TempDir(), "rethresholded")
		if _, err := Rethreshold(t.Context(), base, at, sweepMeans, RunOptions{Out: got}); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(readFile(t, want, manifest.Name)), string(readFile(t, got, manifest.Name))); diff != "" {
			t.Errorf("threshold %s: manifest (-run +rethreshold):\n%s", at, diff)
		}
		m, err := folder.ReadManifest(want)
		if err != nil {
			t.Fatal(err)
		}
		row := res.Rows[i]
		if row.Threshold != at || row.In != m.Totals.In || row.Kept != m.Totals.Kept || row.ExactDup != m.Totals.ExactDup ||
			row.NearDup != m.Totals.NearDup || row.Rejected != m.Totals.Rejected {
			t.Errorf("threshold %s: swept %+v, the run has %+v", at, row, m.Totals)
		}
		compareLosers(t, want, &row)
		dropped[row.NearDup.Documents] = true
	}
	if len(dropped) < 4 {
		t.Errorf("all thresholds drop about the same: %v", dropped)
	}
	report, err := verify.Run(t.Context(), runRethreshold(t, base, "0.7", sweepMeans), verify.Options{Inputs: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if !c.OK {
			t.Errorf("verify %s: %v", c.Name, c.Failures)
		}
	}
}

func runRethreshold(t *testing.T, base, at string, m request.Means) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "again")
	if _, err := Rethreshold(t.Context(), base, at, m, RunOptions{Out: dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// compareLosers compares a row with the tally of a run.
func compareLosers(t *testing.T, dir string, row *sweep.Row) {
	t.Helper()
	p, err := folder.LoadPlan(filepath.Join(dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := folder.ReadTally(t.Context(), dir, p)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]sweep.Loser{}
	for _, l := range row.Losers {
		listed[l.Contributor] = l
	}
	var all, losing, losingAll uint64
	for _, r := range rows {
		in := r.In().Documents - r.Class[doc.Rejected].Documents
		lost := r.Class[doc.ExactDup].Documents + r.Class[doc.NearDup].Documents
		if in > 0 {
			all++
		}
		if lost > 0 {
			losing++
			if lost == in {
				losingAll++
			}
			l := listed[r.Contributor]
			if l.ExactDup != r.Class[doc.ExactDup] || l.NearDup != r.Class[doc.NearDup] {
				t.Errorf("threshold %s: %s loses %+v, tally %+v", row.Threshold, r.Contributor, l, r.Class)
			}
		}
	}
	if want := (sweep.Contributors{All: all, Losing: losing, LosingAll: losingAll}); row.Contributors != want || len(listed) != int(losing) {
		t.Errorf("threshold %s: contributors %+v, tally %+v", row.Threshold, row.Contributors, want)
	}
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A document of a few more shingles than tiny ones has keys of both kinds, more
// at a floor than at the threshold: a verifier must know how many.
func TestKeysOfFewShinglesAtTheFloorVerify(t *testing.T) {
	input := filepath.Join(t.TempDir(), "in.jsonl")
	const text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
	lines := fmt.Sprintf(`{"text":%q}`+"\n"+`{"text":%q}`+"\n", text, text+"!")
	if err := os.WriteFile(input, []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	report, err := verify.Run(t.Context(), runAt(t, sweepRules("0.5", "0.8", input)), verify.Options{Inputs: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if !c.OK {
			t.Errorf("verify %s: %v", c.Name, c.Failures)
		}
	}
}

// TestSweepUnderPolicies: whoever is first, among whatever documents, bounded and not.
func TestSweepUnderPolicies(t *testing.T) {
	for name, policy := range map[string]request.Policy{
		"longest": {Priority: plan.PriorityLongest},
		"ranking": {Priority: plan.PrioritySource, SourceRank: []string{"Sean Wheeler"}},
		"scope":   {Scope: plan.ScopeSource},
	} {
		t.Run(name, func(t *testing.T) {
			r := sweepRules("0.5", "0.8", "../testdata/corpus/powershell-docs-history.jsonl.zst")
			r.Policy, r.Fields.Source = policy, "contributor"
			base := runAt(t, r)
			r.Threshold = "0.6"
			want := string(readFile(t, runAt(t, r), manifest.Name))
			for how, got := range map[string]string{
				"rethreshold": runRethreshold(t, base, "0.6", sweepMeans), "rethreshold, bounded": runRethreshold(t, base, "0.6", boundedMeans()),
				"run, bounded": runBy(t, r, boundedMeans()),
			} {
				if diff := gocmp.Diff(want, string(readFile(t, got, manifest.Name))); diff != "" {
					t.Errorf("manifest (-run +%s):\n%s", how, diff)
				}
			}
		})
	}
	r := sweepRules("0.5", "0.8", "../testdata/corpus/phpdoc.jsonl")
	r.Policy.Index = true
	if _, err := request.MakePlan(t.Context(), r, sweepMeans, ""); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("a sweepable run with an index: %v", err)
	}
}
