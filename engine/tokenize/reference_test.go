package tokenize_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// referenceDir keeps the counts of whole corpora by the engine hf, which makes
// 1 to 3 MB/s a core: hours, once. A file is named after the digests of what
// decides its content, so that it never is out of date; `make clean` drops all.
var referenceDir = filepath.Join("..", "..", "build", "exact")

// reference returns the counts of every document of a corpus by the engine hf,
// from referenceDir if they are there.
func reference(t *testing.T, name string, config []byte, corpus string) []int {
	t.Helper()
	path := filepath.Join(referenceDir, fmt.Sprintf("%s-%s-%s.counts", hfVersion, pipelineDigest(t, config), fileDigest(t, corpus)))
	if stored, err := os.ReadFile(path); err == nil {
		counts := make([]int, len(stored)/4)
		for i := range counts {
			counts[i] = int(int32(binary.LittleEndian.Uint32(stored[4*i:])))
		}
		return counts
	}
	counts := countAll(t, openAs(t, name, config, tokenize.EngineHF), func(yield func(document) bool) {
		eachDocument(t, corpus, yield)
	})
	stored := make([]byte, 0, 4*len(counts))
	for _, n := range counts {
		stored = binary.LittleEndian.AppendUint32(stored, uint32(int32(n)))
	}
	if err := os.MkdirAll(referenceDir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", stored, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
	return counts
}

// hfVersion is that of the crate tokenizers in hf/binding/Cargo.toml.
const hfVersion = "0.22.2"

// pipelineDigest covers what decides the counts of a tokenizer.json: files
// that differ elsewhere, as Llama 3 and 3.1 do in the post-processor, share it.
func pipelineDigest(t *testing.T, config []byte) string {
	t.Helper()
	var file struct {
		Version      json.RawMessage `json:"version"`
		AddedTokens  json.RawMessage `json:"added_tokens"`
		Normalizer   json.RawMessage `json:"normalizer"`
		PreTokenizer json.RawMessage `json:"pre_tokenizer"`
		Model        json.RawMessage `json:"model"`
	}
	if err := json.Unmarshal(config, &file); err != nil {
		t.Fatal(err)
	}
	canonical, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return digest(canonical)
}

func fileDigest(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return digest(content)
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content))[:16] }

// TestReferenceCounts makes the files of referenceDir and nothing else, for
// those who want the hours of the engine hf behind them; see `make exact`.
func TestReferenceCounts(t *testing.T) {
	if os.Getenv("TALLYSTICK_EXACT") != "reference" {
		t.Skip("NOTICE: skipped: takes hours; TALLYSTICK_EXACT=reference runs it")
	}
	needHF(t)
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			config := uncompressed(t, shared, f.name)
			for _, corpus := range refdata.Glob(t, "corpora", "*.jsonl.zst") {
				counts := reference(t, f.name, config, corpus)
				t.Logf("%s: %d documents", corpusName(corpus), len(counts))
			}
		})
	}
}
