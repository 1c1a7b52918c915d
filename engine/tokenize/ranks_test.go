package tokenize_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/loadcache"
)

// The digest of a built-in rank file is in plans: it must not change.
func TestBuiltinRankFiles(t *testing.T) {
	for name, want := range map[string]string{
		"cl100k_base": "aadb0743058cd3e654e48f5de7df463a2d640d398ad1b093de04e440e15a90bf",
		"o200k_base":  "090c75da17949d27ddf084db504afa69a8aed8cc86316816d8d070f8eb2a8f3b",
	} {
		c, info, err := tokenize.Open(name, tokenize.Options{Engine: tokenize.EngineNative})
		if err != nil {
			t.Fatal(err)
		}
		if info.SHA256 != want {
			t.Errorf("%s: SHA-256 %s, want %s", name, info.SHA256, want)
		}
		if n := c.Count([]byte("tiktoken is great!")); n != 6 {
			t.Errorf("%s: %d tokens, want 6", name, n)
		}
		path := refdata.Path("tokenizers", name+".tiktoken.zst")
		if _, err := os.Stat(path); err != nil {
			continue // the file as it is published is not here
		}
		_, published, err := tokenize.Open(path, tokenize.Options{})
		if err != nil || published != info {
			t.Errorf("the published file is %+v, %v; built in is %+v", published, err, info)
		}
	}
}

// A rank file that nobody has published says how it is cut by name.
func TestNamedPattern(t *testing.T) {
	var ranks strings.Builder
	for b := range 256 {
		fmt.Fprintf(&ranks, "%s %d\n", base64.StdEncoding.EncodeToString([]byte{byte(b)}), b)
	}
	fmt.Fprintf(&ranks, "%s 256\n", base64.StdEncoding.EncodeToString([]byte("12")))
	dir := t.TempDir()
	path := filepath.Join(dir, "own.tiktoken")
	if err := os.WriteFile(path, []byte(ranks.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	digests := map[string]bool{}
	for pattern, want := range map[string]int{"cl100k_base": 4, "qwen": 5} { // digits by three, or one by one
		c, info, err := tokenize.Open(path+"#"+pattern, tokenize.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := c.Count([]byte("x 123")); n != want || info.Name != "own" {
			t.Errorf("%s: %d tokens, want %d; name %s", pattern, n, want, info.Name)
		}
		digests[info.SHA256] = true
	}
	if len(digests) != 2 {
		t.Error("two patterns have the same digest")
	}
	for spec, want := range map[string]error{path: doc.ErrUnsupported, path + "#none": doc.ErrUsage, "gpt2#qwen": doc.ErrInput} {
		if _, _, err := tokenize.Open(spec, tokenize.Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", spec, err, want)
		}
	}
	if _, _, err := tokenize.Open(path, tokenize.Options{}); !strings.Contains(err.Error(), "own.tiktoken#PATTERN") {
		t.Errorf("%v", err)
	}
	same := filepath.Join(dir, "a#b.json")
	if err := os.WriteFile(same, gpt2JSON(t), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, info, err := tokenize.Open(same, tokenize.Options{}); err != nil || info.Name != "a#b" {
		t.Errorf("a file with # in its name: %+v, %v", info, err)
	}
	if _, _, err := tokenize.Open(filepath.Join(dir, "a#b.json#qwen"), tokenize.Options{}); !errors.Is(err, doc.ErrUsage) {
		t.Errorf("a pattern for a tokenizer.json: %v", err)
	}
}

// The form of the built-in ranks is no file format: they do not say how text is
// cut. Nor may what a file is counted by come back for a built-in name.
func TestPackedRanksAreNoFile(t *testing.T) {
	t.Setenv(loadcache.Env, t.TempDir())
	packed, err := os.ReadFile("builtin/cl100k_base.ranks.zst")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine", "o200k_base"} {
		path := filepath.Join(t.TempDir(), name+".zst")
		if err := os.WriteFile(path, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, spec := range []string{path, path + "#qwen"} {
			if _, _, err := tokenize.Open(spec, tokenize.Options{}); !errors.Is(err, doc.ErrInput) {
				t.Errorf("%s: %v, want that it cannot be read", spec, err)
			}
		}
		for range 2 { // made, recalled
			c, _, err := tokenize.Open("cl100k_base", tokenize.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Count([]byte("Hello world\n")); got != 3 {
				t.Errorf("%d tokens, want 3", got)
			}
		}
	}
}
