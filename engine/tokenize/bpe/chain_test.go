package bpe

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize/longrow"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// chains is a vocabulary of tokens that are made of others.
type chains struct {
	tokens []string
	pairs  [][2]string
	known  map[string]bool
}

func newChains() *chains {
	tokens, _ := toyVocab(rand.New(rand.NewPCG(0, 0)), 0)
	return &chains{tokens: tokens, known: map[string]bool{}}
}

func (c *chains) add(left, right string) string {
	if !c.known[left+right] {
		c.known[left+right] = true
		c.tokens, c.pairs = append(c.tokens, left+right), append(c.pairs, [2]string{left, right})
	}
	return left + right
}

// chunk is one of eight letters, different for every i.
func (c *chains) chunk(i int) string {
	chunk := "a"
	for _, digit := range fmt.Sprintf("%05d", i) {
		chunk = c.add(chunk, string('b'+digit-'0'))
	}
	return c.add(c.add(chunk, "x"), "y")
}

// chainVocab has a token of n chunks of eight letters, which grows from its end:
// what a window without that end makes of it is no token of the text.
func chainVocab(n int) (tokens []string, pairs [][2]string, whole string) {
	c := newChains()
	chunks := make([]string, n)
	for i := range chunks {
		chunks[i] = c.chunk(i)
	}
	for i := range chunks {
		whole = chunks[n-1-i] + whole
		if i > 0 {
			c.add(chunks[n-1-i], whole[len(chunks[0]):])
		}
	}
	return c.tokens, c.pairs, whole
}

// referenceOf is the reference for modelOf.
func referenceOf(t testing.TB, tokens []string, pairs [][2]string) *reference {
	t.Helper()
	file, err := pipeline.Parse([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, "", "")))
	if err != nil {
		t.Fatal(err)
	}
	return newReference(t, file["model"])
}

// checkLong counts in lanes and by windows, which are merged and then, where the
// vocabulary lets them, found without merging.
func checkLong(t *testing.T, g *merger, r *reference, text []byte, what string) {
	t.Helper()
	want := r.merge(text)
	for _, windowed := range []int64{0, manyWindowed + 1} {
		if g.model.windowed.Load() < windowed {
			g.model.windowed.Store(windowed)
		}
		if got := g.merge(text); got != want {
			t.Errorf("%s: %d tokens in lanes, want %d", what, got, want)
		}
		if got := g.countLong(text); got != want {
			t.Errorf("%s: %d tokens by windows, want %d", what, got, want)
		}
	}
}

// A token that is longer than windows, and than all of them in lanes, is one
// wherever it begins in them.
func TestTokensLongerThanWindows(t *testing.T) {
	step := 29
	if raceEnabled {
		step = 290
	}
	for _, chunks := range []int{window / 8, longrow.Span/8 + 1, 3 * longrow.Span / 8} {
		tokens, pairs, whole := chainVocab(chunks)
		m, _ := modelOf(t, tokens, pairs)
		r, g := referenceOf(t, tokens, pairs), lanedMerger(m)
		for before := 0; before < 2*longrow.Span; before += step {
			text := strings.Repeat("ghij", before/4+1)[:before] + whole + strings.Repeat("klm", longrow.Span+before)
			checkLong(t, g, r, []byte(text), fmt.Sprintf("%d chunks behind %d bytes", chunks, before))
		}
	}
}

// Two tokens that grow from their beginnings, of which the second is longer than
// any window that begins with it.
func TestTokensThatGrowFromTheirBeginning(t *testing.T) {
	for chunks := 31; chunks < 64; chunks += 4 {
		c := newChains()
		both := ""
		for first := range 2 {
			whole := ""
			for i := range chunks + 8*chunks*first {
				whole = c.add(whole, c.chunk(1000*first+i))
			}
			both += whole
		}
		m, _ := modelOf(t, c.tokens, c.pairs)
		r, g := referenceOf(t, c.tokens, c.pairs), lanedMerger(m)
		for before := range 3 {
			text := strings.Repeat("m", before) + both + strings.Repeat("klm", longrow.Span)
			checkLong(t, g, r, []byte(text), fmt.Sprintf("%d chunks behind %d bytes", chunks, before))
		}
	}
}

// Rows of the tokens of small vocabularies, whose merges may be in any order, some
// repeated, of lengths about those of the windows.
func TestLongRowsOfSmallVocabularies(t *testing.T) {
	seeds := uint64(40)
	if raceEnabled {
		seeds = 4
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 7))
		tokens, pairs := toyVocab(rng, 20+rng.IntN(400))
		if seed%2 != 0 {
			rng.Shuffle(len(pairs), func(i, k int) { pairs[i], pairs[k] = pairs[k], pairs[i] })
		}
		m, _ := modelOf(t, tokens, pairs)
		r, g := referenceOf(t, tokens, pairs), lanedMerger(m)
		units := []string{"a", "b", "c", "d", " "}
		for _, token := range tokens[256:] {
			units = append(units, spelling(token))
		}
		for range 10 {
			n := longrow.Span*(1+rng.IntN(3)) + window*rng.IntN(3) + rng.IntN(7) - 3
			var text []byte
			for len(text) < n {
				times := 1
				if rng.IntN(20) == 0 {
					times = rng.IntN(100)
				}
				text = append(text, strings.Repeat(units[rng.IntN(len(units))], times)...)
			}
			checkLong(t, g, r, text[:n], fmt.Sprintf("seed %d, %d bytes", seed, n))
		}
	}
}
