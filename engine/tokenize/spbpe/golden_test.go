package spbpe

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// raceEnabled is set in builds with the race detector, which makes loading and
// counting ten times slower.
var raceEnabled bool

// sharedNames are the tokenizers of the reference data that this package counts.
var sharedNames = []string{"llama2", "gemma3"}

func open(config []byte, addedAsText bool) (*pipeline.Counter, error) {
	file, err := pipeline.Parse(config)
	if err != nil {
		return nil, err
	}
	return New(file, pipeline.Options{AddedAsText: addedAsText})
}

// sharedFile returns a parsed tokenizer.json of the reference data.
func sharedFile(t testing.TB, name string) pipeline.Object {
	t.Helper()
	refdata.Need(t)
	if raceEnabled {
		t.Skip("left to the builds without the race detector")
	}
	if file, ok := parsed.Load(name); ok {
		return file.(pipeline.Object)
	}
	file, err := pipeline.Parse(refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst")))
	if err != nil {
		t.Fatal(err)
	}
	parsed.Store(name, file)
	return file
}

var parsed, loaded sync.Map // by name: loading takes longer than counting

func sharedTokenizer(t testing.TB, name string) *tokenizer {
	t.Helper()
	if x, ok := loaded.Load(name); ok {
		return x.(*tokenizer)
	}
	x, err := load(sharedFile(t, name), false)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Store(name, x)
	return x
}

func sharedCounter(t testing.TB, name string) *pipeline.Counter {
	t.Helper()
	x := sharedTokenizer(t, name)
	c, err := pipeline.New(sharedFile(t, name), pipeline.Options{}, Family, func() pipeline.Worker { return newWorker(x, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type document struct{ ID, Text string }

func readDocuments(t testing.TB, path string, max int) (docs []document) {
	t.Helper()
	size := 0
	refdata.Lines(t, path, func(line []byte) bool {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
		size += len(d.Text)
		return size < max
	})
	return docs
}

// Every count is that of Hugging Face, with a cold cache and with a warm one.
func TestGolden(t *testing.T) {
	refdata.Need(t)
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
	docs := readDocuments(t, refdata.Path("golden", "token-sample.jsonl.zst"), 1<<30)
	for _, name := range sharedNames {
		t.Run(name, func(t *testing.T) {
			c := sharedCounter(t, name)
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
