package tokenize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// How much of a corpus the short form of TestEnginesAgree counts: every
// sampleStep-th document until there are sampleBytes of text.
const (
	sampleStep  = 41
	sampleBytes = 40 << 10
)

// TestEnginesAgree counts the real corpora by both engines: a fixed sample of
// each, or with TALLYSTICK_EXACT=full (`make exact`) every document.
func TestEnginesAgree(t *testing.T) {
	refdata.Need(t)
	needHF(t)
	corpora := refdata.Glob(t, "corpora", "*.jsonl.zst")
	full := os.Getenv("TALLYSTICK_EXACT") == "full"
	samples := map[string][]document{}
	if !full {
		for _, corpus := range corpora {
			samples[corpus] = sample(t, corpus, sampleBytes)
		}
	}
	for _, f := range files {
		if f.family == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			config := uncompressed(t, shared, f.name)
			native := openAs(t, f.name, config, tokenize.EngineNative)
			for _, corpus := range corpora {
				docs := func(yield func(document) bool) {
					for _, d := range samples[corpus] {
						yield(d)
					}
				}
				want := func() []int { return countAll(t, openAs(t, f.name, config, tokenize.EngineHF), docs) }
				if full {
					docs = func(yield func(document) bool) { eachDocument(t, corpus, yield) }
					want = func() []int { return reference(t, f.name, config, corpus) }
				}
				compare(t, corpusName(corpus), native, docs, want())
			}
		})
	}
}

func corpusName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".jsonl.zst") }

func openAs(t testing.TB, name string, config []byte, engine string) *tokenize.Counter {
	t.Helper()
	c, _, err := tokenize.OpenBytes(name, config, tokenize.Options{Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func eachDocument(t *testing.T, corpus string, yield func(document) bool) {
	t.Helper()
	refdata.Lines(t, corpus, func(line []byte) bool {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatalf("%s: %v", corpus, err)
		}
		return yield(d)
	})
}

func sample(t *testing.T, corpus string, most int) []document {
	t.Helper()
	var docs []document
	i, bytes := 0, 0
	refdata.Lines(t, corpus, func(line []byte) bool {
		if i++; i%sampleStep != 0 {
			return true
		}
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatalf("%s: %v", corpus, err)
		}
		docs = append(docs, d)
		bytes += len(d.Text)
		return bytes < most
	})
	return docs
}

// failed stands for the count of a document that was not counted.
const failed = -1

// countAll returns the counts of the documents in order, made on all
// processors.
func countAll(t *testing.T, c *tokenize.Counter, docs func(yield func(document) bool)) []int {
	t.Helper()
	type job struct {
		document
		count *int
	}
	work := make(chan job, 256)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range work {
				n, err := c.TryCount([]byte(j.Text))
				if err != nil {
					n = failed
				}
				*j.count = n
			}
		})
	}
	var counts []*int
	docs(func(d document) bool {
		counts = append(counts, new(int))
		work <- job{d, counts[len(counts)-1]}
		return true
	})
	close(work)
	wg.Wait()
	out := make([]int, len(counts))
	for i, n := range counts {
		out[i] = *n
	}
	return out
}

// compare counts every document and reports the first whose count is not the
// wanted one.
func compare(t *testing.T, corpus string, c *tokenize.Counter, docs func(yield func(document) bool), want []int) {
	t.Helper()
	var ids []string
	var bytes, tokens int
	start := time.Now()
	got := countAll(t, c, func(yield func(document) bool) {
		docs(func(d document) bool {
			ids = append(ids, d.ID)
			bytes += len(d.Text)
			return yield(d)
		})
	})
	if len(got) != len(want) {
		t.Fatalf("%s: %d documents, and %d wanted counts", corpus, len(got), len(want))
	}
	differences := 0
	for i, n := range got {
		tokens += n
		if n == want[i] && n != failed {
			continue
		}
		if differences++; differences <= 10 {
			t.Errorf("%s: %s: %s counts %d, want %d", corpus, ids[i], c.Engine(), n, want[i])
		}
	}
	t.Logf("%s: %d documents, %d bytes, %d tokens, %d differences (%s %.1f s)",
		corpus, len(got), bytes, tokens, differences, c.Engine(), time.Since(start).Seconds())
}
