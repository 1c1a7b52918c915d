package spbpe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// chain is a vocabulary of tokens that are made of others.
type chain struct {
	vocab  map[string]int
	merges [][2]string
}

// newChain has these characters.
func newChain(chars string) *chain {
	c := &chain{vocab: map[string]int{"<unk>": 0}}
	for _, char := range chars {
		c.add("", string(char))
	}
	return c
}

func (c *chain) add(left, right string) string {
	if _, ok := c.vocab[left+right]; !ok {
		c.vocab[left+right] = len(c.vocab)
		if left != "" {
			c.merges = append(c.merges, [2]string{left, right})
		}
	}
	return left + right
}

func (c *chain) model(t *testing.T) *model {
	t.Helper()
	type object = map[string]any
	config, err := json.Marshal(object{
		"normalizer": object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"},
		"model":      object{"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": false, "vocab": c.vocab, "merges": c.merges},
	})
	if err != nil {
		t.Fatal(err)
	}
	x, err := loadBytes(config, false)
	if err != nil {
		t.Fatal(err)
	}
	return x.model
}

// A token that is longer than a window and grows from its end, which a window
// without that end makes many tokens of, is one wherever it begins.
func TestTokensLongerThanWindows(t *testing.T) {
	c := newChain("▁abcdefghijklm")
	chunks := make([]string, window/2)
	for i := range chunks {
		chunks[i] = "a"
		for _, digit := range fmt.Sprintf("%04d", i) {
			chunks[i] = c.add(chunks[i], string('b'+digit-'0'))
		}
	}
	whole := chunks[len(chunks)-1]
	for i := len(chunks) - 2; i >= 0; i-- {
		whole = c.add(chunks[i], whole)
	}
	g := merger{model: c.model(t)}
	for before := 0; before < 2*window; before += 7 {
		piece := strings.Repeat("m", before) + whole + strings.Repeat("l", 2*window+before)
		if got, want := g.count(false, []byte(piece)), 2*before+1+2*window; got != want {
			t.Errorf("behind %d characters: %d tokens, want %d", before, got, want)
		}
	}
}

// A token that is longer than half of what stream holds, and grows from its
// beginning, is passed in one step, behind which there is more to read.
func TestTokenAsLongAsStreamed(t *testing.T) {
	c := newChain("▁")
	whole, char := "", '一' // no two are the same
	for len([]rune(whole)) <= streamed/2 {
		chunk := ""
		for range 64 {
			chunk = c.add(chunk, c.add("", string(char)))
			char++
		}
		whole = c.add(whole, chunk)
	}
	g := withLanes(c.model(t))
	for _, before := range []int{0, 1, 300} {
		piece := strings.Repeat("▁", before) + whole + strings.Repeat("▁", 3*streamed)
		if got, want := g.count(false, []byte(piece)), before+1+3*streamed; got != want {
			t.Errorf("behind %d characters: %d tokens, want %d", before, got, want)
		}
	}
}
