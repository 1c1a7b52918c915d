package unigram

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// A text that is normalised in parts of any size has the tokens that it has when
// it is normalised at once.
func TestStream(t *testing.T) {
	configs := files(t)
	configs["t5"] = t5JSON(t)
	streams := 0
	for name, config := range configs {
		file, err := pipeline.Parse(config)
		if err != nil {
			t.Fatal(err)
		}
		x, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorker(x, 0)
		if !w.Streams() {
			continue
		}
		streams++
		rng := rand.New(rand.NewPCG(3, 4))
		units := []string{"\ufdfa", " ", "  ", "a", "e\u0301", "\u1112\u1161\u11ab", "👩\u200d👩", "🇩🇪", "\r\n", "\u00a0", "▁", "क्ष", "ﬁ", "hello ", "\u0600x", "中"}
		for range 400 {
			var b strings.Builder
			for range rng.IntN(60) {
				b.WriteString(units[rng.IntN(len(units))])
			}
			text := b.String() + tricky.Text(rng, units)
			if !utf8.ValidString(text) || text == "" {
				continue
			}
			for _, first := range []bool{true, false} {
				want := 0
				if normal := w.Normalize([]byte(text)); len(normal) > 0 {
					want = w.Count(normal, first)
				}
				for _, size := range []int{1, 2, 3, 5, 8, 16, 33, 64, 200} {
					if got := w.countStream([]byte(text), first, size); got != want {
						t.Fatalf("%s: %+q, %d bytes at a time: %d tokens, want %d", name, text, size, got, want)
					}
				}
			}
		}
		// U+FDFA is 33 bytes when it is normalised.
		w.CountStream([]byte(strings.Repeat("\ufdfa", 1<<20)), true)
		if n := cap(w.normal); n > 64*streamBytes {
			t.Errorf("%s: room for %d bytes", name, n)
		}
	}
	if streams < 2 {
		t.Errorf("%d of the tokenizers stream", streams)
	}
}
