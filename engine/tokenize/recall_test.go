package tokenize_test

import (
	"os"
	"path/filepath"
	"strings"
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
	path := filepath.Join(t.TempDir(), "sp.json")
	if err := os.WriteFile(path, []byte(characterBPE), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{"gpt2", path} {
		t.Run(filepath.Base(spec), func(t *testing.T) { testRecall(t, spec) })
	}
	// One byte of the file is another tokenizer.
	t.Setenv(loadcache.Env, t.TempDir())
	text := []byte("the the<|endoftext|>")
	for i, config := range []string{characterBPE, strings.Replace(characterBPE, `["t","h"]`, `["h","t"]`, 1)} {
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			c, _, err := tokenize.Open(path, tokenize.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if n, want := c.Count(text), []int{6, 8}[i]; n != want {
				t.Errorf("%d tokens, want %d", n, want)
			}
		}
	}
}

// characterBPE is a tokenizer in the manner of SentencePiece.
const characterBPE = `{"version":"1.0","added_tokens":[{"id":9,"content":"<|endoftext|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},"pre_tokenizer":null,
"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":false,
"vocab":{"<unk>":0,"▁":1,"t":2,"h":3,"e":4,"th":5,"ht":6,"the":7},"merges":[["t","h"]]}}`

func testRecall(t *testing.T, spec string) {
	dir := t.TempDir()
	t.Setenv(loadcache.Env, dir)
	entries := func() []string {
		paths, err := filepath.Glob(filepath.Join(dir, "*.bin"))
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
			c, info, err := tokenize.Open(spec, tokenize.Options{Engine: tokenize.EngineNative, AddedTokens: added})
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
