package bpe

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// hostileTexts are single pretokens, as far as a tokenizer lets them be, of n
// bytes or a little less.
func hostileTexts(m *model, n int) map[string][]byte {
	tokens := tokenTexts(m)
	rng := rand.New(rand.NewPCG(3, 0))
	var row []byte
	for len(row) < n {
		row = append(row, tokens[rng.IntN(len(tokens))]...)
	}
	texts := map[string][]byte{"tokens": repaired(row[:n-4], rng)}
	for name, unit := range map[string]string{
		"letter": "a", "space": " ", "apostrophe": "'", "alternating": "ab", "zero": "\x00", "newline": "\n",
		"han": "的", "rare han": "㐀", "mark": "\u0301", "kana": "あ", "hangul": "가", "emoji": "😀", "cyrillic": "о",
		"words": "the of and", "traps": "aaabaabab",
	} {
		texts[name] = []byte(strings.Repeat(unit, n/len(unit)))
	}
	return texts
}

// Long pretokens are counted in windows, each proved to join the next.
func TestHostileTexts(t *testing.T) {
	names := []string{"gpt2", "llama3"}
	if raceEnabled {
		names = names[:1]
	}
	for _, name := range names {
		m := shared(t, name)
		for kind, text := range hostileTexts(m.model, 60_000) {
			if got, want := m.merge(text), m.reference.merge(text); got != want {
				t.Errorf("%s: %s: %d tokens, want %d", name, kind, got, want)
			}
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	for _, name := range []string{"gpt2", "llama3"} {
		m := shared(b, name)
		for kind, text := range hostileTexts(m.model, 1<<20) {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					m.merge(text)
				}
			})
		}
	}
}
