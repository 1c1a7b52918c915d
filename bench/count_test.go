package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize"
)

const noHF = "NOTICE: skipped: built without the Hugging Face engine; `make hf`, then go test -tags hf"

// tokenizers are of four families: G2, L3, Q2, DS. All but the first are read
// from the reference data.
var tokenizers = []string{"gpt2", "llama3", "qwen3", "deepseek_v3"}

func BenchmarkCount(b *testing.B) { benchmark(b, countCells()) }

func countCells() []cell {
	var cells []cell
	for _, name := range tokenizers {
		job := "Count/" + name
		spec := name
		if name != "gpt2" {
			spec = filepath.Join(sharedData, "tokenizers", name+".json.zst")
			if _, err := os.Stat(spec); err != nil {
				cells = append(cells, cell{job: job, text: bundledName, contender: "all", skip: noShared})
				continue
			}
		}
		// One counter of each engine per tokenizer, opened when first needed.
		native := sync.OnceValues(func() (*tokenize.Counter, error) { return openCounter(spec, tokenize.EngineNative) })
		reference := sync.OnceValues(func() (*tokenize.Counter, error) { return openCounter(spec, tokenize.EngineHF) })
		var skip string
		if !tokenize.HFAvailable {
			skip = noHF
		}
		cells = append(cells, perText(job, func(t *text) []cell {
			return []cell{
				{
					// Every run starts with a counter that remembers no
					// pretoken, as the first shard of a job does.
					contender: "native", fresh: true,
					prepare: func() (work, error) {
						c, err := openCounter(spec, tokenize.EngineNative)
						if err != nil {
							return work{}, err
						}
						return counting(t, documentBytes, c)
					},
				},
				{
					contender: "native-warm",
					prepare: func() (work, error) {
						c, err := native()
						if err != nil {
							return work{}, err
						}
						w, err := counting(t, documentBytes, c)
						if err != nil {
							return work{}, err
						}
						_, err = w.run()
						return w, err
					},
				},
				{
					contender: "rival-hf", skip: skip, part: "head",
					prepare: func() (work, error) { return countReference(t, native, reference) },
				},
			}
		})...)
	}
	return cells
}

func openCounter(spec, engine string) (*tokenize.Counter, error) {
	c, _, err := tokenize.Open(spec, tokenize.Options{Engine: engine})
	return c, err
}

// counting counts the first documents of t.
func counting(t *text, limit int, c *tokenize.Counter) (work, error) {
	docs, err := t.documents()
	if err != nil {
		return work{}, err
	}
	docs = head(docs, limit)
	return work{totalBytes(docs), func() (answer, error) {
		a := answer{documents: int64(len(docs))}
		for i, d := range docs {
			n, err := c.TryCount(d)
			if err != nil {
				return a, fmt.Errorf("document %d: %w", i+1, err)
			}
			a.total += int64(n)
		}
		return a, nil
	}}, nil
}

// countReference counts by Hugging Face, which is too slow for all of t, and
// holds it to what the native engine counts there.
func countReference(t *text, native, reference func() (*tokenize.Counter, error)) (work, error) {
	ours, err := native()
	if err != nil {
		return work{}, err
	}
	check, err := counting(t, slowBytes, ours)
	if err != nil {
		return work{}, err
	}
	want, err := check.run()
	if err != nil {
		return work{}, err
	}
	theirs, err := reference()
	if err != nil {
		return work{}, err
	}
	w, err := counting(t, slowBytes, theirs)
	run := w.run
	w.run = func() (answer, error) {
		a, err := run()
		if err == nil && a != want {
			err = fmt.Errorf("%d tokens, native counts %d", a.total, want.total)
		}
		return a, err
	}
	return w, err
}
