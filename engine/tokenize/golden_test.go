package tokenize_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/hf"
)

// Folders with golden counts and tokenizers.
var (
	bundled = filepath.Join("..", "..", "testdata")
	shared  = refdata.Path()
)

// files are the tokenizers of the reference counts, and the family by which
// the native engine counts them; empty where only hf does.
var files = []struct{ name, family string }{
	{"all-minilm-l6-v2", "WordPiece"},
	{"bert-base-uncased", "WordPiece"},
	{"deepseek_v3", "DS"},
	{"gemma3", "SP"},
	{"gpt2", "G2"},
	{"gpt2-gigatoken", "G2"},
	{"gpt35turbo", "L3"},
	{"gpt4o", "O2"},
	{"gptoss", "O2"},
	{"llama2", "SP"},
	{"llama3", "L3"},
	{"llama3_1", "L3"},
	{"mistral_nemo", "TK"},
	{"olmo1-neox", "G2"},
	{"olmo2-dolma2", "L3"},
	{"qwen2_5", "Q2"},
	{"qwen3", "Q2"},
	{"t5", "Unigram"},
}

type document struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// golden is what Hugging Face tokenizers 0.22.2 returned for a document.
type golden struct {
	count int
	fnv   uint64 // FNV-1a-64 over the ids, each as four little-endian bytes
}

func needHF(t testing.TB) {
	t.Helper()
	if !hf.Available {
		t.Skip("NOTICE: skipped: built without the engine hf; `make hf`, then go test -tags hf")
	}
}

// readGolden returns the sample documents of a folder in order, and the
// reference counts by tokenizer and document id.
func readGolden(t *testing.T, dir string) ([]document, map[string]map[string]golden) {
	t.Helper()
	var docs []document
	refdata.Lines(t, filepath.Join(dir, "golden/token-sample.jsonl.zst"), func(line []byte) bool {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
		return true
	})
	counts := map[string]map[string]golden{}
	refdata.Lines(t, filepath.Join(dir, "golden/token-golden.tsv.zst"), func(line []byte) bool {
		f := strings.Split(string(line), "\t")
		if len(f) != 4 {
			t.Fatalf("golden line %q", line)
		}
		count, err1 := strconv.Atoi(f[2])
		fnv, err2 := strconv.ParseUint(f[3], 16, 64)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if counts[f[0]] == nil {
			counts[f[0]] = map[string]golden{}
		}
		counts[f[0]][f[1]] = golden{count, fnv}
		return true
	})
	return docs, counts
}

// uncompressed returns the tokenizer.json of a name of files.
func uncompressed(t *testing.T, dir, name string) []byte {
	t.Helper()
	return refdata.ReadAll(t, filepath.Join(dir, "tokenizers", name+".json.zst"))
}

// checkHF compares count and ids of every document with the reference.
func checkHF(t *testing.T, config []byte, docs []document, want map[string]golden) {
	t.Helper()
	c, err := hf.New(config, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(docs) {
		t.Fatalf("%d reference counts for %d documents", len(want), len(docs))
	}
	for _, d := range docs {
		n, fnv, err := c.Encode([]byte(d.Text))
		if w := want[d.ID]; err != nil || n != w.count || fnv != w.fnv {
			t.Errorf("%s: %d tokens, ids %016x, error %v; want %d, %016x", d.ID, n, fnv, err, w.count, w.fnv)
		}
	}
}

// checkNative compares the count of every document with the reference: counted
// with others, and by itself.
func checkNative(t *testing.T, c *tokenize.Counter, docs []document, want map[string]golden) {
	t.Helper()
	if c.Engine() != tokenize.EngineNative {
		t.Fatalf("counted by %s", c.Engine())
	}
	if len(want) != len(docs) {
		t.Fatalf("%d reference counts for %d documents", len(want), len(docs))
	}
	texts := make([][]byte, len(docs))
	for i, d := range docs {
		texts[i] = []byte(d.Text)
	}
	counts := make([]int, len(docs))
	c.CountBatch(texts, counts)
	for i, d := range docs {
		n, err := c.TryCount(texts[i])
		if w := want[d.ID]; err != nil || n != w.count || counts[i] != w.count {
			t.Errorf("%s: %d tokens, error %v, and %d in a batch; want %d", d.ID, n, err, counts[i], w.count)
		}
	}
}

// TestBundledGolden runs everywhere: GPT-2 by the native engine, and by hf
// together with BERT (WordPiece) and T5 (Unigram) in builds that have it.
func TestBundledGolden(t *testing.T) {
	docs, counts := readGolden(t, bundled)
	t.Run("native/gpt2", func(t *testing.T) {
		c, info, err := tokenize.Open("gpt2", tokenize.Options{Engine: tokenize.EngineNative})
		if err != nil {
			t.Fatal(err)
		}
		if info.Family != "G2" {
			t.Errorf("family %s", info.Family)
		}
		checkNative(t, c, docs, counts["gpt2"])
	})
	t.Run("hf/gpt2", func(t *testing.T) {
		needHF(t)
		c, _, err := tokenize.Open("gpt2", tokenize.Options{Engine: tokenize.EngineHF})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if n, err := c.TryCount([]byte(d.Text)); err != nil || n != counts["gpt2"][d.ID].count {
				t.Errorf("%s: %d, %v; want %d", d.ID, n, err, counts["gpt2"][d.ID].count)
			}
		}
	})
	for _, name := range []string{"bert-base-uncased", "t5"} {
		t.Run("hf/"+name, func(t *testing.T) {
			needHF(t)
			checkHF(t, uncompressed(t, bundled, name), docs, counts[name])
		})
	}
}

// TestGoldenHF: all 18 tokenizers, every document, count and ids.
func TestGoldenHF(t *testing.T) {
	refdata.Need(t)
	needHF(t)
	docs, counts := readGolden(t, shared)
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			checkHF(t, uncompressed(t, shared, f.name), docs, counts[f.name])
		})
	}
}

// TestGoldenNative: every document by every tokenizer of a native family, and
// a refusal by every other.
func TestGoldenNative(t *testing.T) {
	refdata.Need(t)
	if testing.Short() {
		t.Skip("NOTICE: skipped: with -short the bundled documents have to do")
	}
	docs, counts := readGolden(t, shared)
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c, info, err := tokenize.OpenBytes(f.name, uncompressed(t, shared, f.name), tokenize.Options{Engine: tokenize.EngineNative})
			if f.family == "" {
				if !errors.Is(err, doc.ErrUnsupported) {
					t.Errorf("opened with error %v; want doc.ErrUnsupported", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if info.Family != f.family {
				t.Errorf("family %s, want %s", info.Family, f.family)
			}
			checkNative(t, c, docs, counts[f.name])
		})
	}
}
