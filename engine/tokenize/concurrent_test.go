package tokenize_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
)

// TestOneCounterManyGoroutines counts by every model type from many goroutines,
// and with caches of every size: the counts are those of one goroutine, and
// allocate nothing.
func TestOneCounterManyGoroutines(t *testing.T) {
	for name, m := range bases(t) {
		t.Run(name, func(t *testing.T) {
			config, err := json.Marshal(m.file)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(9, 9))
			var texts [][]byte
			for _, kind := range kinds() {
				texts = append(texts, hostile[kind](rng, m.entries, 700))
			}
			for range 200 {
				texts = append(texts, []byte(tricky.Text(rng, m.entries)))
			}
			texts = append(texts, []byte("caf\xe9 cr\xe8me"))
			if raceEnabled {
				texts = texts[:80]
			}
			want := make([]int, len(texts))
			alone := openAs(t, name, config, tokenize.EngineNative)
			for i, text := range texts {
				want[i] = alone.Count(text)
			}
			for _, cacheBytes := range []int64{0, 1, 4 << 10, 1 << 20, 1 << 30} {
				c, _, err := tokenize.OpenBytes(name, config, tokenize.Options{Engine: tokenize.EngineNative, CacheBytes: cacheBytes})
				if err != nil {
					t.Fatal(err)
				}
				var all sync.WaitGroup
				for g := range 6 {
					all.Go(func() {
						for i := range texts {
							i = (i*7 + g) % len(texts)
							if n := c.Count(texts[i]); n != want[i] {
								t.Errorf("cache of %d bytes: %.40q: %d tokens, want %d", cacheBytes, texts[i], n, want[i])
							}
						}
					})
				}
				all.Wait()
				counts := make([]int, len(texts))
				c.CountBatch(texts, counts)
				if !slices.Equal(counts, want) {
					t.Errorf("cache of %d bytes: CountBatch counts otherwise", cacheBytes)
				}
				if raceEnabled || cacheBytes != 0 {
					continue
				}
				for i, text := range texts {
					allocs := func() float64 { return testing.AllocsPerRun(3, func() { c.Count(text) }) }
					// Some call makes the tables for rows of tokens, once for all.
					if n := min(allocs(), allocs()); n != 0 {
						t.Errorf("%.40q (text %d): %v allocations a call", text, i, n)
					}
				}
			}
		})
	}
}
