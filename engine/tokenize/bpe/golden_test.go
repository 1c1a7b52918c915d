package bpe

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

var loaded sync.Map // name → *pipeline.Counter: loading takes longer than counting

func sharedCounter(t testing.TB, name string) *pipeline.Counter {
	t.Helper()
	if c, ok := loaded.Load(name); ok {
		return c.(*pipeline.Counter)
	}
	c, err := open(refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst")), false)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Store(name, c)
	return c
}

type sampleDocument struct{ ID, Text string }

func sample(t testing.TB) (docs []sampleDocument) {
	t.Helper()
	refdata.Lines(t, refdata.Path("golden", "token-sample.jsonl.zst"), func(line []byte) bool {
		var d sampleDocument
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
		return true
	})
	return docs
}

var sharedFamilies = map[string]string{
	"gpt2": "G2", "gpt2-gigatoken": "G2", "olmo1-neox": "G2",
	"llama3": "L3", "llama3_1": "L3", "olmo2-dolma2": "L3", "gpt35turbo": "L3",
	"qwen2_5": "Q2", "qwen3": "Q2",
	"gptoss": "O2", "gpt4o": "O2",
	"mistral_nemo": "TK",
	"deepseek_v3":  "DS",
}

// raceEnabled is set in builds with the race detector, which makes loading and
// counting ten times slower; there, one tokenizer of each kind is enough.
var raceEnabled bool

// Every count is that of Hugging Face, with a cold cache and with a warm one.
func TestGolden(t *testing.T) {
	golden := map[string]map[string]int{}
	refdata.Lines(t, refdata.Path("golden", "token-golden.tsv.zst"), func(line []byte) bool {
		f := strings.Split(string(line), "\t")
		n, err := strconv.Atoi(f[2])
		if err != nil {
			return true // heading
		}
		if golden[f[0]] == nil {
			golden[f[0]] = map[string]int{}
		}
		golden[f[0]][f[1]] = n
		return true
	})
	docs := sample(t)
	for name, family := range sharedFamilies {
		t.Run(name, func(t *testing.T) {
			if raceEnabled && name != "gpt2" && name != "qwen2_5" {
				t.Skip("left to the builds without the race detector")
			}
			c := sharedCounter(t, name)
			if c.Family() != family {
				t.Errorf("family %s, want %s", c.Family(), family)
			}
			want := golden[name]
			if len(want) != len(docs) {
				t.Fatalf("%d golden counts for %d documents", len(want), len(docs))
			}
			for pass := range 2 {
				for _, d := range docs {
					n, err := c.Count([]byte(d.Text))
					if err != nil || n != want[d.ID] {
						t.Errorf("pass %d: %s: %d tokens, %v; want %d", pass, d.ID, n, err, want[d.ID])
					}
				}
			}
		})
	}
}

// The tokenizers of other kinds are refused, with what they are.
func TestSharedRefused(t *testing.T) {
	if raceEnabled {
		t.Skip("left to the builds without the race detector")
	}
	for name, thing := range map[string]string{
		"llama2": "byte_fallback", "gemma3": "byte_fallback",
		"bert-base-uncased": "vocab and merges", "all-minilm-l6-v2": `type "WordPiece"`, "t5": "vocab and merges",
	} {
		_, err := open(refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst")), false)
		if !errors.Is(err, doc.ErrUnsupported) || !strings.Contains(err.Error(), thing) {
			t.Errorf("%s: %v; want an unsupported %s", name, err, thing)
		}
	}
}
