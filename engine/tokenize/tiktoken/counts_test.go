package tiktoken_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/tiktoken"
)

// The counts of testdata/counts.jsonl are those of tiktoken 0.14.0 from PyPI:
// of a text by cl100k_base with all special tokens allowed and with none, then
// by o200k_base.
func TestCounts(t *testing.T) {
	var counters [4]*tokenize.Counter
	for i, name := range []string{"cl100k_base", "o200k_base"} {
		compressed, err := os.ReadFile("../builtin/" + name + ".ranks.zst")
		if err != nil {
			t.Fatal(err)
		}
		r, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := r.DecodeAll(compressed, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, merges, err := tiktoken.Unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := tiktoken.ByName(name)
		config := tiktoken.Config(v, merges, e)
		for j, added := range []string{tokenize.AddedMatch, tokenize.AddedText} {
			counters[2*i+j], _, err = tokenize.OpenBytes(name, config, tokenize.Options{Engine: tokenize.EngineNative, AddedTokens: added})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	file, err := os.Open("testdata/counts.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	n := 0
	for ; lines.Scan(); n++ {
		var want [4]int
		var text string
		if err := json.Unmarshal(lines.Bytes(), &[]any{&text, &want[0], &want[1], &want[2], &want[3]}); err != nil {
			t.Fatal(err)
		}
		for i, c := range counters {
			if got, err := c.TryCount([]byte(text)); got != want[i] || err != nil {
				t.Errorf("column %d: %+q: %d, want %d (%v)", i+1, text, got, want[i], err)
			}
		}
	}
	if err := lines.Err(); err != nil || n < 400 {
		t.Errorf("%d lines, %v", n, err)
	}
}
