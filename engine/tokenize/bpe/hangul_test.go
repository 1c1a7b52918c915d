package bpe

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
)

// Reviews count the same with their words cut, whole, and as the worker decides.
func TestHangulCutsChangeNoCount(t *testing.T) {
	const size = 1 << 20
	for _, name := range []string{"gpt2", "llama3"} {
		if raceEnabled && name != "gpt2" {
			continue
		}
		m := shared(t, name)
		var workers [3]*worker
		for i := range workers {
			workers[i] = newWorker(m.tokenizer, 0)
		}
		workers[0].hangul = hangulCuts{left: math.MaxInt}
		workers[1].hangul = hangulCuts{left: math.MaxInt, cut: true}
		turns, cut, read := 0, false, 0
		refdata.Lines(t, refdata.Path("corpora", "ko-nsmc-reviews-300k.jsonl.zst"), func(line []byte) bool {
			var d struct{ Text string }
			if err := json.Unmarshal(line, &d); err != nil {
				t.Fatal(err)
			}
			if len(d.Text) == 0 {
				return true
			}
			text := []byte(d.Text)
			want := workers[0].Count(text, true)
			for _, w := range workers[1:] {
				if got := w.Count(text, true); got != want {
					t.Errorf("%s: %q: %d tokens, want %d", name, text, got, want)
				}
			}
			if read += len(text); workers[2].hangul.cut != cut {
				cut = !cut
				turns++
			}
			return read < size
		})
		if turns < 3 {
			t.Errorf("%s: %d turns", name, turns)
		}
	}
}

// Words are cut while they are new and left whole where they repeat.
func TestHangulCutsFollowTheText(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	words := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(' ')
			for range 3 {
				b.WriteRune(rune(0xAC00 + rng.IntN(2000)))
			}
		}
		return b.String()
	}
	const size = turnOfWords / 10 // words of a text, so that it is one turn
	w := newWorker(shared(t, "gpt2").tokenizer, 0)
	cutOf := func(texts int, next func() string) (cut int) {
		for range texts {
			if w.Count([]byte(next()), true); w.hangul.cut {
				cut++
			}
		}
		return cut
	}
	if cut := cutOf(40, func() string { return words(size) }); cut < 30 {
		t.Errorf("of 40 texts of new words %d are cut", cut)
	}
	known := strings.Repeat(words(100), size/100)
	cutOf(2*mostCut/turnOfWords, func() string { return known })
	if cut := cutOf(40, func() string { return known }); cut > 0 {
		t.Errorf("of 40 texts of known words %d are cut", cut)
	}
}
