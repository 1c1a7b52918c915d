package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/decision"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/pairs"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/task"
)

// TestGroundTruth runs the whole job over corpora whose near-duplicate pairs
// an independent all-pairs program has listed, with their true Jaccard.
func TestGroundTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("short: reads 250 MB of text")
	}
	lists := refdata.Glob(t, "groundtruth", "*.pairs-w5.tsv.zst")
	for _, list := range lists {
		name := strings.TrimSuffix(filepath.Base(list), ".pairs-w5.tsv.zst")
		t.Run(name, func(t *testing.T) {
			input := refdata.Path("groundtruth", name+".jsonl.zst")
			if _, err := os.Stat(input); err != nil {
				input = refdata.Path("corpora", name+".jsonl.zst")
			}
			truth := readTruth(t, list)
			for _, threshold := range []string{"0.8", "0.7"} {
				t.Run(threshold, func(t *testing.T) { compareWithTruth(t, input, threshold, truth) })
			}
		})
	}
}

func compareWithTruth(t *testing.T, input, threshold string, truth map[[2]string]string) {
	limit, err := strconv.ParseFloat(threshold, 64)
	if err != nil {
		t.Fatal(err)
	}
	rules := request.Rules{
		Inputs: []string{input}, Tokenizers: []string{"gpt2"}, AddedTokens: "match",
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		Threshold: threshold, Recall: 0.99, Seed: 1, ShardSize: 64 << 20, MaxLine: 256 << 20,
	}
	means := request.Means{Engine: "native", Parser: "native", Workers: runtime.GOMAXPROCS(0)}

	found, err := pairs.Find(t.Context(), rules, means, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	proven := map[[2]string]bool{}
	for _, p := range found.Pairs {
		key := [2]string{p.A, p.B}
		proven[key] = true
		if want, ours := truth[key], fmt.Sprintf("%.6f", float64(p.Overlap)/float64(p.Union)); want != ours {
			t.Errorf("pair %q: Jaccard %s, the other program says %q", key, ours, want)
		}
	}
	var all, missed int
	for pair, j := range truth {
		if score, err := strconv.ParseFloat(j, 64); err != nil || score < limit {
			continue
		}
		all++
		if !proven[pair] {
			missed++
		}
	}
	if all == 0 {
		t.Fatal("the list has no pair that reaches the threshold")
	}
	recall := 1 - float64(missed)/float64(all)
	t.Logf("recall of %d pairs with J >= %s: %.4f", all, threshold, recall)
	if recall < 0.99 {
		t.Errorf("recall %.4f is below 0.99", recall)
	}

	dir := filepath.Join(t.TempDir(), "out")
	res, err := Run(t.Context(), rules, means, RunOptions{Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	var wrongful, dropped int
	gone := map[string]bool{}
	var witnesses []string
	err = folder.EachDecision(dir, res.Plan, func(row *decision.Row) error {
		dropped++
		gone[row.ID] = true
		witnesses = append(witnesses, row.WitnessID)
		pair := [2]string{min(row.ID, row.WitnessID), max(row.ID, row.WitnessID)}
		score, err := strconv.ParseFloat(truth[pair], 64)
		// The list has no documents without words: nothing to compare.
		if row.Class == "exact_dup" && err != nil {
			return nil
		}
		if err != nil || score < limit {
			wrongful++
			t.Errorf("%s dropped for %s, whose true Jaccard is %q", row.ID, row.WitnessID, truth[pair])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range witnesses {
		if gone[w] {
			wrongful++
			t.Errorf("witness %s was dropped itself", w)
		}
	}
	if dropped == 0 {
		t.Error("nothing was dropped")
	}
	t.Logf("%d documents dropped, %d of them without a kept witness of J >= %s", dropped, wrongful, threshold)
}

// readTruth reads id, id, Jaccard lines; the ids of a key are in order.
func readTruth(t *testing.T, path string) map[[2]string]string {
	t.Helper()
	truth := map[[2]string]string{}
	refdata.Lines(t, path, func(line []byte) bool {
		f := strings.Split(string(line), "\t")
		if len(f) != 3 {
			t.Fatalf("%s: %q", path, line)
		}
		truth[[2]string{min(f[0], f[1]), max(f[0], f[1])}] = f[2]
		return true
	})
	return truth
}

// TestProofsAreLazy: a chain of revisions is compared with the kept ones of
// them only. Comparing all pairs that share a bucket would take hundreds of
// proofs a document here.
func TestProofsAreLazy(t *testing.T) {
	rules := request.Rules{
		Inputs: []string{filepath.Join("..", "testdata", "corpus", "powershell-docs-history.jsonl.zst")}, Tokenizers: []string{"gpt2"}, AddedTokens: "match",
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		Threshold: "0.8", Recall: 0.99, Seed: 1, ShardSize: 64 << 20, MaxLine: 256 << 20,
	}
	dir := t.TempDir()
	if _, err := Run(t.Context(), rules, request.Means{Engine: "native", Parser: "native", Workers: 2}, RunOptions{Out: dir, KeepWork: true}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, task.WorkDir, "resolve", "00000.done.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rec task.Record
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	compared, candidates, proofs := rec.Numbers["compared_documents"], rec.Numbers["candidates"], rec.Numbers["proofs"]
	t.Logf("%d documents, %d candidates, %d proofs", compared, candidates, proofs)
	if compared < 200 || proofs < compared/2 {
		t.Error("these are not the revisions that the test is about")
	}
	if candidates > 4*compared || proofs > 2*compared {
		t.Errorf("%.1f candidates and %.1f proofs a document", float64(candidates)/float64(compared), float64(proofs)/float64(compared))
	}
}
