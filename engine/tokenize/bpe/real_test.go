package bpe

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// exactFull asks for the tests that take minutes.
var exactFull = os.Getenv("TALLYSTICK_EXACT") == "full"

// Every distinct pretoken of the sample documents has the count that the plain
// list of merges gives it, and so have rows of pretokens, parts and mixtures.
func TestMergesOfRealModels(t *testing.T) {
	docs := sample(t)
	for name := range sharedFamilies {
		t.Run(name, func(t *testing.T) {
			limit := math.MaxInt
			if !exactFull {
				if limit = 800; !slices.Contains([]string{"gpt2", "llama3", "deepseek_v3"}, name) || raceEnabled && name != "gpt2" {
					t.Skip("left to TALLYSTICK_EXACT=full")
				}
			}
			m := shared(t, name)
			seen := map[string]struct{}{}
			check := func(text []byte) {
				if _, ok := seen[string(text)]; ok || len(text) == 0 {
					return
				}
				seen[string(text)] = struct{}{}
				if got, want := m.count(text), m.reference.count(text); got != want {
					t.Errorf("%q: %d tokens, want %d", text, got, want)
				}
				if got, want := m.merge(text), m.reference.merge(text); got != want {
					t.Errorf("%q: %d tokens merged, want %d", text, got, want)
				}
			}
			rng := rand.New(rand.NewPCG(1, 0))
			for _, d := range docs {
				text := []byte(d.Text)
				text = bytes.ToValidUTF8(text[:min(len(text), limit)], nil)
				for begin, end := 0, 0; begin < len(text); begin = end {
					end = m.rules.Next(text, begin)
					check(text[begin:end])
				}
				for range 5 {
					if len(text) > 0 {
						begin := rng.IntN(len(text))
						check(bytes.ToValidUTF8(text[begin:min(len(text), begin+1+rng.IntN(200))], nil))
					}
				}
				check(bytes.ToValidUTF8(text[:min(len(text), 10_000)], nil))
			}
			t.Logf("%d texts, %d live merges", len(seen), len(m.live.halves))
		})
	}
}
