package pipeline

import (
	"math/rand/v2"
	"strings"
	"testing"
)

type piece struct {
	text  string
	added bool
}

// pieces is what next gives.
func pieces(t *addedTokens, text string) (out []piece) {
	c := cut([]byte(text))
	for p, added, ok := t.next(&c); ok; p, added, ok = t.next(&c) {
		out = append(out, piece{string(p), added})
	}
	return out
}

// slowPieces looks at every place for every token; none of them has flags.
func slowPieces(tokens []AddedToken, text string) (out []piece) {
	begin := 0
	plain := func(end int) {
		if begin < end {
			out = append(out, piece{text[begin:end], false})
		}
	}
	for i := 0; i < len(text); {
		longest := ""
		for _, token := range tokens {
			if strings.HasPrefix(text[i:], token.Content) && len(token.Content) > len(longest) {
				longest = token.Content
			}
		}
		if longest == "" {
			i++
			continue
		}
		plain(i)
		out = append(out, piece{longest, true})
		i += len(longest)
		begin = i
	}
	plain(len(text))
	return out
}

func TestAddedTokensEverywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	word := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("ab<|>"[rng.IntN(5)])
		}
		return b.String()
	}
	for range 5000 {
		var tokens []AddedToken
		for range rng.IntN(12) {
			tokens = append(tokens, AddedToken{Content: word(1 + rng.IntN(5))})
		}
		added := newAddedTokens(tokens)
		text := word(rng.IntN(120))
		got, want := pieces(added, text), slowPieces(tokens, text)
		if len(got) != len(want) {
			t.Fatalf("%q by %v: %v, want %v", text, tokens, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%q by %v: %v, want %v", text, tokens, got, want)
			}
		}
	}
}

// A token that was stripped already is one all the same.
func TestStripping(t *testing.T) {
	added := newAddedTokens([]AddedToken{{"<l>", AddedFlags{LStrip: true}}, {"<r>", AddedFlags{RStrip: true}}, {Content: "\n"}, {"   ", AddedFlags{LStrip: true, RStrip: true}}})
	for text, want := range map[string][]piece{
		"a  <l>  b":   {{"a", false}, {"  <l>", true}, {"  b", false}},
		"a  <r>  b":   {{"a  ", false}, {"<r>  ", true}, {"b", false}},
		"<r> <l>":     {{"<r> ", true}, {"<l>", true}},
		"a      b":    {{"a", false}, {"      ", true}, {"b", false}}, // two "   "
		"<r> \n <l>b": {{"<r> \n ", true}, {"\n", true}, {" <l>", true}, {"b", false}},
	} {
		got := pieces(added, text)
		if len(got) != len(want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q: %+v, want %+v", text, got, want)
			}
		}
	}
}
