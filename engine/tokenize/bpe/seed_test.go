package bpe

import "testing"

// Seeds are counted as the list of merges counts them, and none comes twice.
func TestSeeds(t *testing.T) {
	check := func(m *model, count func(key []byte) int) {
		t.Helper()
		seen := map[string]bool{}
		m.seeds(func(key []byte, n int) {
			if len(key) < 2 || len(key) > maxSeed || seen[string(key)] {
				t.Errorf("%q: too short, too long or twice", key)
			}
			seen[string(key)] = true
			if want := count(key); n != want {
				t.Errorf("%q: %d tokens, want %d", key, n, want)
			}
		})
		if n := len(m.live.halves); n > 1000 && len(seen) < n/2 {
			t.Errorf("%d seeds of %d tokens", len(seen), n)
		}
	}
	for seed := range uint64(20) {
		m, ranks := toyModel(t, seed, 12)
		check(m, func(key []byte) int { return slowCount(ranks, string(key)) })
	}
	if !raceEnabled {
		m := shared(t, "llama3")
		check(m.model, m.reference.count)
	}
}
