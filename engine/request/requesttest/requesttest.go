// Package requesttest has what most tests ask for.
package requesttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/request"
)

// Means are those of a small machine.
var Means = request.Means{Engine: "native", Parser: "native", Workers: 2}

// Rules are the usual ones for inputs, with shards of a MiB.
func Rules(inputs ...string) request.Rules {
	return request.Rules{
		Inputs: inputs, Tokenizers: []string{"gpt2"}, AddedTokens: "match",
		Fields:    plan.Fields{Text: "text", ID: "id", Contributor: "contributor", Created: "created"},
		Threshold: "0.8", Recall: 0.99, Seed: 7, ShardSize: 1 << 20, MaxLine: 1 << 20,
	}
}

// Folder is a new folder that holds files.
func Folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
