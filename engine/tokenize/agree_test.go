package tokenize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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
			samples[corpus] = sample(t, corpus)
		}
	}
	for _, f := range files {
		if f.family == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			config := uncompressed(t, shared, f.name)
			native := openAs(t, f.name, config, tokenize.EngineNative)
			reference := openAs(t, f.name, config, tokenize.EngineHF)
			for _, corpus := range corpora {
				name := strings.TrimSuffix(filepath.Base(corpus), ".jsonl.zst")
				compare(t, name, native, reference, func(yield func(document) bool) {
					if !full {
						for _, d := range samples[corpus] {
							yield(d)
						}
						return
					}
					eachDocument(t, corpus, yield)
				})
			}
		})
	}
}

func openAs(t *testing.T, name string, config []byte, engine string) tokenize.Counter {
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

func sample(t *testing.T, corpus string) []document {
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
		return bytes < sampleBytes
	})
	return docs
}

// compare counts every document by both engines on all processors, reports
// the first differences and logs the speed of each engine per processor.
func compare(t *testing.T, corpus string, native, reference tokenize.Counter, docs func(yield func(document) bool)) {
	t.Helper()
	var documents, bytes, tokens, differences, nativeTime, referenceTime atomic.Int64
	work := make(chan document, 256)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for d := range work {
				text := []byte(d.Text)
				start := time.Now()
				got, err := native.Count(text)
				middle := time.Now()
				want, wantErr := reference.Count(text)
				nativeTime.Add(int64(middle.Sub(start)))
				referenceTime.Add(int64(time.Since(middle)))
				documents.Add(1)
				bytes.Add(int64(len(text)))
				tokens.Add(int64(want))
				if err != nil || wantErr != nil || got != want {
					if differences.Add(1) <= 10 {
						t.Errorf("%s: %s: native %d (%v), hf %d (%v)", corpus, d.ID, got, err, want, wantErr)
					}
				}
			}
		})
	}
	docs(func(d document) bool {
		work <- d
		return true
	})
	close(work)
	wg.Wait()
	if n := differences.Load(); n > 10 {
		t.Errorf("%s: %d documents differ in all", corpus, n)
	}
	rate := func(d *atomic.Int64) float64 {
		return float64(bytes.Load()) / 1e6 / max(time.Duration(d.Load()).Seconds(), 1e-9)
	}
	t.Logf("%s: %d documents, %d bytes, %d tokens; native %.1f MB/s, hf %.2f MB/s",
		corpus, documents.Load(), bytes.Load(), tokens.Load(), rate(&nativeTime), rate(&referenceTime))
}
