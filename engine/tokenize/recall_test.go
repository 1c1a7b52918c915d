package tokenize_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/loadcache"
)

// No test counts by what an earlier program left on the disk.
func TestMain(m *testing.M) {
	os.Setenv(loadcache.Env, "off")
	os.Exit(m.Run())
}

// A tokenizer from the cache on disk is the one that was put there; a spoilt
// entry is none.
func TestRecall(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(loadcache.Env, dir)
	entries := func() []string {
		paths, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return paths
	}
	text := []byte("It's <|endoftext|> the naïve 東京 text\n\n  of 12345 words")
	var wants [2]int
	var want tokenize.Info
	for pass, spoil := range []func(){
		func() {},
		func() {
			if len(entries()) != 1 {
				t.Fatalf("kept %q", entries())
			}
		},
		func() {
			path := entries()[0]
			entry, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			entry[len(entry)/2] ^= 1
			if err := os.WriteFile(path, entry, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		func() {
			if err := os.Truncate(entries()[0], 100); err != nil {
				t.Fatal(err)
			}
		},
	} {
		spoil()
		for i, added := range []string{tokenize.AddedMatch, tokenize.AddedText} {
			c, info, err := tokenize.Open("gpt2", tokenize.Options{Engine: tokenize.EngineNative, AddedTokens: added})
			if err != nil {
				t.Fatal(err)
			}
			n := c.Count(text)
			if pass == 0 {
				wants[i], want = n, info
			}
			if n != wants[i] || info != want {
				t.Errorf("pass %d, added tokens %s: %d tokens by %+v; want %d by %+v", pass, added, n, info, wants[i], want)
			}
		}
	}
	if wants[0] == wants[1] {
		t.Errorf("%d tokens, whether added tokens are matched or not", wants[0])
	}
}
