package spbpe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A token that is longer than a window and grows from its end, which a window
// without that end makes many tokens of, is one wherever it begins.
func TestTokensLongerThanWindows(t *testing.T) {
	vocab := map[string]int{"<unk>": 0}
	var merges [][2]string
	add := func(left, right string) string {
		if _, ok := vocab[left+right]; !ok {
			vocab[left+right] = len(vocab)
			if left != "" {
				merges = append(merges, [2]string{left, right})
			}
		}
		return left + right
	}
	for _, char := range "▁abcdefghijklm" {
		add("", string(char))
	}
	chunks := make([]string, window/2)
	for i := range chunks {
		chunks[i] = "a"
		for _, digit := range fmt.Sprintf("%04d", i) {
			chunks[i] = add(chunks[i], string('b'+digit-'0'))
		}
	}
	whole := chunks[len(chunks)-1]
	for i := len(chunks) - 2; i >= 0; i-- {
		whole = add(chunks[i], whole)
	}
	type object = map[string]any
	config, err := json.Marshal(object{
		"normalizer": object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"},
		"model":      object{"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": false, "vocab": vocab, "merges": merges},
	})
	if err != nil {
		t.Fatal(err)
	}
	x, err := loadBytes(config, false)
	if err != nil {
		t.Fatal(err)
	}
	g := merger{model: x.model}
	for before := 0; before < 2*window; before += 7 {
		piece := strings.Repeat("m", before) + whole + strings.Repeat("l", 2*window+before)
		if got, want := g.count(false, []byte(piece)), 2*before+1+2*window; got != want {
			t.Errorf("behind %d characters: %d tokens, want %d", before, got, want)
		}
	}
}
