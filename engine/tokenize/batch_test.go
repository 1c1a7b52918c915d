package tokenize_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
)

// TestBatchesOfTinyTexts counts texts together that are nothing but what
// tokenizers stumble over, some of them empty, not UTF-8 or with added tokens:
// each has the count that it has alone, by a counter with another cache.
func TestBatchesOfTinyTexts(t *testing.T) {
	refdata.Need(t)
	seen := map[string]bool{}
	for _, f := range files {
		if f.family == "" || raceEnabled && seen[f.family] { // loading takes minutes there
			continue
		}
		seen[f.family] = true
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			config := uncompressed(t, shared, f.name)
			var file struct {
				Added []struct{ Content string } `json:"added_tokens"`
			}
			if err := json.Unmarshal(config, &file); err != nil {
				t.Fatal(err)
			}
			alone := openAs(t, f.name, config, tokenize.EngineNative)
			together := openAs(t, f.name, config, tokenize.EngineNative)
			entries := spelled(t, config)
			rng := rand.New(rand.NewPCG(2, 2))
			var texts [][]byte
			for range 40_000 {
				if raceEnabled && len(texts) > 1000 {
					break
				}
				text := tricky.Text(rng, entries)
				switch rng.IntN(40) {
				case 0:
					text = ""
				case 1:
					text += "\xe0"
				case 2, 3:
					if len(file.Added) > 0 {
						text += file.Added[rng.IntN(len(file.Added))].Content
					}
				case 4:
					for len(text) < 500 {
						text += text + " "
					}
				}
				texts = append(texts, []byte(text))
			}
			counts := make([]int, len(texts))
			together.CountBatch(texts, counts)
			for i, text := range texts {
				if want := alone.Count(text); counts[i] != want {
					t.Fatalf("%q: %d tokens, want %d", text, counts[i], want)
				}
			}
		})
	}
}
