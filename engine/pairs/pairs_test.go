package pairs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/pairs"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
)

// Equal texts are a pair, what cannot be used is in none, and a scope leaves out
// what is of two sources. Recall is tested with the ground truth, in engine.
func TestFind(t *testing.T) {
	const text = "one two three four five six seven eight"
	path := filepath.Join(t.TempDir(), "in.jsonl")
	lines := fmt.Sprintf(`{"text":%q,"id":"b","source":"x"}
{"text":%q,"source":"x"}
not json
{"text":%q,"id":"a","source":"y"}
{"text":"another text that nobody else has","id":"c","source":"x"}
`, text, text+" nine", text)
	if err := os.WriteFile(path, []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	second := path + ":2"
	all := []pairs.Pair{{A: second, B: "a", Overlap: 4, Union: 5}, {A: second, B: "b", Overlap: 4, Union: 5}, {A: "a", B: "b", Overlap: 4, Union: 4}}
	for _, exact := range []bool{true, false} {
		for scope, want := range map[string][]pairs.Pair{"": all, plan.ScopeSource: all[1:2]} {
			r := request.Rules{
				Inputs: []string{path}, Fields: plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Source: "source"},
				Threshold: "0.7", Recall: 0.99, MaxLine: 1 << 20, Policy: request.Policy{Scope: scope},
			}
			got, err := pairs.Find(t.Context(), r, request.Means{Parser: "native", Workers: 2}, t.TempDir(), exact)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(pairs.Result{Pairs: want, Documents: 4, Rejected: 1}, got); diff != "" {
				t.Errorf("exact %v, scope %q (-want +got):\n%s", exact, scope, diff)
			}
		}
	}
}
