package tokenize_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/tiktoken"
)

// TestEnginesAgreeOnFolder compares the engines on every tokenizer.json (plain
// or .zst) and published rank file of the folder TALLYSTICK_TOKENIZERS (an absolute path): on
// documents of the reference corpora (TALLYSTICK_SAMPLE bytes of each), the same
// with bytes changed, and the made-up texts of the tests beside this one. What
// the native engine refuses is logged with the reason.
func TestEnginesAgreeOnFolder(t *testing.T) {
	folder := os.Getenv("TALLYSTICK_TOKENIZERS")
	if folder == "" {
		t.Skip("NOTICE: skipped: TALLYSTICK_TOKENIZERS names no folder of other tokenizers")
	}
	refdata.Need(t)
	needHF(t)
	most := environment(t, "TALLYSTICK_SAMPLE", sampleBytes)
	samples := map[string][]document{}
	for _, corpus := range refdata.Glob(t, "corpora", "*.jsonl.zst") {
		samples[corpusName(corpus)] = sample(t, corpus, most)
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			agreeOnFile(t, path, samples)
		})
	}
}

func agreeOnFile(t *testing.T, path string, samples map[string][]document) {
	t.Helper()
	name := filepath.Base(path)
	config := refdata.ReadAll(t, path)
	if tiktoken.Is(config) {
		var err error
		if config, _, err = tiktoken.Convert(config, ""); err != nil {
			t.Skip(err)
		}
	}
	native, info, err := tokenize.OpenBytes(name, config, tokenize.Options{Engine: tokenize.EngineNative})
	if errors.Is(err, doc.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("family %s", info.Family)
	hf := openAs(t, name, config, tokenize.EngineHF)
	rng := rand.New(rand.NewPCG(uint64(environment(t, "TALLYSTICK_SEED", 1)), 0))
	for corpus, docs := range samples {
		each := func(yield func(document) bool) {
			for _, d := range docs {
				yield(d)
			}
		}
		compare(t, corpus, native, each, countAll(t, hf, each))
		for _, d := range docs {
			text := damaged(rng, d.Text)
			if !same(native, hf, text) {
				text = shortened(text, func(text string) bool { return !same(native, hf, text) })
				t.Errorf("%s: %s, damaged: %+q: native %d, hf %d", corpus, d.ID, text, native.Count([]byte(text)), hf.Count([]byte(text)))
				break
			}
		}
	}
	agreeOnHostileTexts(t, name, config, environment(t, "TALLYSTICK_HOSTILE", 3000))
	agreeOnTraps(t, name, config, environment(t, "TALLYSTICK_SEED", 1), environment(t, "TALLYSTICK_TRAPS", 400))
}

// damaged returns a part of a text with some of its bytes changed.
func damaged(rng *rand.Rand, text string) string {
	const most = 2000
	if len(text) > most {
		begin := rng.IntN(len(text) - most)
		text = text[begin : begin+most]
	}
	out := []byte(text)
	for range len(out) / 20 {
		at := rng.IntN(len(out))
		switch rng.IntN(3) {
		case 0:
			out[at] = byte(rng.IntN(utf8.RuneSelf))
		case 1:
			out[at] ^= 1 << rng.IntN(8)
		default:
			out = append(out[:at], out[at+1:]...)
		}
		if len(out) == 0 {
			break
		}
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}
