package bpe

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// toyVocab draws a vocabulary of all bytes and some merges over the letters
// abcd and the space, as the parts of a tokenizer.json.
func toyVocab(rng *rand.Rand, merges int) (tokens []string, pairs [][2]string) {
	for _, char := range byteChars {
		tokens = append(tokens, string(char))
	}
	return drawMerges(rng, tokens, []string{"a", "b", "c", "d", string(byteChars[' '])}, merges)
}

// drawMerges draws merges of the parts and of what they make.
func drawMerges(rng *rand.Rand, tokens, parts []string, merges int) ([]string, [][2]string) {
	var pairs [][2]string
	known := map[string]bool{}
	for range merges {
		pair := [2]string{parts[rng.IntN(len(parts))], parts[rng.IntN(len(parts))]}
		pairs = append(pairs, pair) // a pair may come twice: the last holds
		if merged := pair[0] + pair[1]; !known[merged] {
			known[merged] = true
			tokens = append(tokens, merged)
			parts = append(parts, merged)
		}
	}
	return tokens, pairs
}

// toyModel's merges are in any order if the seed is odd.
func toyModel(t testing.TB, seed uint64, merges int) (*model, map[[2]string]int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	tokens, pairs := toyVocab(rng, merges)
	if seed%2 != 0 {
		rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	}
	return modelOf(t, tokens, pairs)
}

// modelOf also returns the ranks of the pairs.
func modelOf(t testing.TB, tokens []string, pairs [][2]string) (*model, map[[2]string]int) {
	t.Helper()
	file, err := pipeline.Parse([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, "", "")))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	ranks := map[[2]string]int{}
	for rank, pair := range pairs {
		ranks[pair] = rank
	}
	return loaded.model, ranks
}

// toyFile writes a tokenizer.json.
func toyFile(tokens []string, pairs [][2]string, pre, model, rest string) string {
	var vocab, merges []string
	for id, token := range tokens {
		vocab = append(vocab, fmt.Sprintf("%q:%d", token, id))
	}
	for _, pair := range pairs {
		merges = append(merges, fmt.Sprintf("[%q,%q]", pair[0], pair[1]))
	}
	return fmt.Sprintf(`{"pre_tokenizer":{%s},%s"model":{%s"vocab":{%s},"merges":[%s]}}`,
		pre, rest, model, strings.Join(vocab, ","), strings.Join(merges, ","))
}

// slowCount merges strings one pair at a time.
func slowCount(ranks map[[2]string]int, pretoken string) int {
	var parts []string
	for _, b := range []byte(pretoken) {
		parts = append(parts, string(byteChars[b]))
	}
	for {
		best, at := -1, 0
		for i := 1; i < len(parts); i++ {
			if rank, ok := ranks[[2]string{parts[i-1], parts[i]}]; ok && (best < 0 || rank < best) {
				best, at = rank, i
			}
		}
		if best < 0 {
			return len(parts)
		}
		parts[at-1] += parts[at]
		parts = append(parts[:at], parts[at+1:]...)
	}
}

func checkMerges(t interface{ Errorf(string, ...any) }, m *model, ranks map[[2]string]int, text string) {
	if text == "" {
		return
	}
	want := slowCount(ranks, text)
	if got := m.merge([]byte(text)); got != want {
		t.Errorf("%q: %d tokens, want %d", text, got, want)
	}
	if got := m.countLong([]byte(text)); got != want {
		t.Errorf("%q: %d tokens by windows, want %d", text, got, want)
	}
	if got := new(longMerge).count(m, []byte(text), 16); got != want {
		t.Errorf("%q: %d tokens by small windows, want %d", text, got, want)
	}
}

func TestMergesMatchSlowOnes(t *testing.T) {
	for seed := range uint64(20) {
		m, ranks := toyModel(t, seed, 60)
		rapid.Check(t, func(t *rapid.T) {
			checkMerges(t, m, ranks, rapid.StringOfN(rapid.RuneFrom([]rune("abcd aé")), 1, 120, -1).Draw(t, "text"))
		})
	}
}

// All short texts over the letters of small vocabularies, whose lists of merges
// are in order, shuffled, and with merges twice.
func TestMergesOfAllShortTexts(t *testing.T) {
	seeds := uint64(60)
	if raceEnabled {
		seeds = 20
	}
	for seed := range seeds {
		m, ranks := toyModel(t, seed, 12+int(seed%30))
		const letters = "abcd "
		var text [6]byte
		for n := 1; n <= len(text)-1; n++ {
			total := 1
			for range n {
				total *= len(letters)
			}
			for k := range total {
				for i := range n {
					text[i] = letters[k%len(letters)]
					k /= len(letters)
				}
				if got, want := m.merge(text[:n]), slowCount(ranks, string(text[:n])); got != want {
					t.Fatalf("seed %d, %q: %d tokens, want %d", seed, text[:n], got, want)
				}
			}
		}
	}
}

func FuzzMerges(f *testing.F) {
	m, ranks := toyModel(f, 1, 60)
	f.Add("abcdabcd aabbccdd")
	f.Add(strings.Repeat("ab", 40))
	f.Add("\x81")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 400 {
			text = text[:400]
		}
		checkMerges(t, m, ranks, strings.ToValidUTF8(text, "\ufffd")) // counters refuse what is not
	})
}

// One pretoken of a megabyte takes no quadratic time, which would be hours.
func TestLongPretoken(t *testing.T) {
	tokens, _ := toyVocab(rand.New(rand.NewPCG(0, 0)), 0)
	var pairs [][2]string
	for part := "a"; len(part) < 64; part += part {
		pairs = append(pairs, [2]string{part, part})
		tokens = append(tokens, part+part)
	}
	c, err := open([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, "", "")), false)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Count([]byte(strings.Repeat("a", 1<<20+3))); err != nil || n != 1<<20/64+2 {
		t.Errorf("%d tokens, %v", n, err)
	}
}

func TestWholePretokens(t *testing.T) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(1, 0)), 0)
	tokens = append(tokens, "zzz", string(byteChars[' '])+"zzz", "<zzz>")
	for flag, want := range map[string]int{`"ignore_merges":true,`: 3, `"ignore_merges":false,`: 11, "": 11} {
		c, err := open([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, flag, "")), false)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := c.Count([]byte("zzz zzz zzz")); n != want {
			t.Errorf("%s: %d tokens, want %d", flag, n, want)
		}
	}
}
