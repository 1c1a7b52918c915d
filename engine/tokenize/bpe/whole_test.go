package bpe

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// Where a token begins or ends, edges and at say so.
func TestWholeEdges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	letters := []string{"中", "文", "字", "高", "é", "a", "b", " ", "😀", "́"}
	word := func(n int) string {
		var s strings.Builder
		for range n {
			s.WriteString(letters[random.IntN(len(letters))])
		}
		return s.String()
	}
	spared := 0
	for range 200 {
		tokens := map[string]struct{}{}
		for range 1 + random.IntN(5) {
			tokens[word(1+random.IntN(4)*random.IntN(2))] = struct{}{}
		}
		w, _ := newWholeEdges(tokens)
		for range 20 {
			text := word(1 + random.IntN(100))
			places := make([]uint64, len(text)/64+1)
			for i, c := range text {
				if utf8.RuneLen(c) == 3 {
					places[i/64] |= 1 << (i % 64)
				}
			}
			near := make([]uint64, len(places))
			w.edges.Near(near, places, []byte(text), 0)
			for i := 1; i < len(text); i++ {
				if c, n := utf8.DecodeRuneInString(text[i:]); n != 3 || c == utf8.RuneError {
					continue
				}
				edge := false
				for token := range tokens {
					_, last := utf8.DecodeLastRuneInString(token)
					edge = edge || strings.HasPrefix(text[i:], token) || last < 4 && strings.HasSuffix(text[:i], token)
				}
				asked := near[i/64]>>(i%64)&1 != 0
				if edge && !(asked && w.at([]byte(text), i)) {
					t.Fatalf("%q: %q has an edge at %d: asked %v", tokens, text, i, asked)
				}
				if !asked {
					spared++
				}
			}
		}
	}
	if spared == 0 {
		t.Error("at is always asked")
	}
}
