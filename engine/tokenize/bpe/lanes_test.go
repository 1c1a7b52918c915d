package bpe

import (
	"math/rand/v2"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize/countcache"
)

// TestLanes compares batches of keys with the same keys one after another.
func TestLanes(t *testing.T) {
	alphabets := []string{"etaoin shrdlu", "aaab", "the of and ing er  \n\t=-_0123456789", "привет как дела ст", "的一是不了人我在有他", "가나다라마바사한국어 ", "aé€😀ſ\u0301 x", "ไทยกรุงเทพ"}
	for _, name := range []string{"gpt2", "gpt4o", "llama3", "qwen3", "deepseek_v3"} {
		t.Run(name, func(t *testing.T) {
			m := shared(t, name)
			random := rand.New(rand.NewPCG(1, 2))
			g := newMerger(m.model, countcache.New(countcache.Options{BytesAreTokens: true}))
			g.lanes = newLanes(m.model) // also where the Go reference merges in them
			for range 400 {
				var text []byte
				var spans []countcache.Span
				for range random.IntN(countcache.Batch + 1) {
					letters := []rune(alphabets[random.IntN(len(alphabets))])
					begin := len(text)
					for range 1 + random.IntN(36) {
						text = append(text, string(letters[random.IntN(len(letters))])...)
					}
					spans = append(spans, countcache.Span{Start: begin, End: len(text)})
				}
				counts := make([]int, len(spans))
				g.counts(text, spans, counts)
				for i, s := range spans {
					if want := m.model.count(text[s.Start:s.End]); counts[i] != want {
						t.Fatalf("%q: %d, want %d", text[s.Start:s.End], counts[i], want)
					}
				}
			}
		})
	}
}
