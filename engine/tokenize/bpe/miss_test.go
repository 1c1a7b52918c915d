package bpe

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/kernels/countprobe"
)

// misses returns the distinct keys of two bytes or more of the beginning of a
// corpus, pieces where they are cut, that are not tokens
// of a tokenSet: what has to be merged.
func misses(b *testing.B, m loadedModel, corpus string, size int) (text []byte, spans []countcache.Span) {
	seen := map[string]struct{}{}
	tokens := m.tokenSet()
	refdata.Lines(b, refdata.Path("corpora", corpus+".jsonl.zst"), func(line []byte) bool {
		var d struct{ Text string }
		if err := json.Unmarshal(line, &d); err != nil {
			b.Fatal(err)
		}
		size -= len(d.Text)
		doc := []byte(d.Text)
		starts := make([]uint64, len(doc)/64+1)
		m.cut(doc, 0, starts, &cutBefore)
		for at, end := 0, 0; at < len(doc); at = end {
			end = m.rules.Next(doc, at)
			begin := at
			for i := at + 1; i <= end; i++ {
				if i < end && starts[i/64]>>(i%64)&1 == 0 {
					continue
				}
				key := doc[begin:i]
				begin = i
				if _, ok := seen[string(key)]; ok || len(key) < 2 || len(key) <= countprobe.MaxShort && tokens.has(countprobe.KeyOf(key)) {
					continue
				}
				seen[string(key)] = struct{}{}
				spans = append(spans, countcache.Span{Start: len(text), End: len(text) + len(key)})
				text = append(text, key...)
			}
		}
		return size > 0
	})
	return text, spans
}

// BenchmarkMisses is the time that the model takes for a key that the cache
// does not have, all keys of a corpus one after another.
func BenchmarkMisses(b *testing.B) {
	for _, name := range []string{"gpt2", "gpt35turbo", "gpt4o", "llama3", "qwen3", "deepseek_v3"} {
		for _, corpus := range []string{"en-eltec-novels", "zh-lctt-published", "ko-nsmc-reviews-300k", "ru-phpdoc"} {
			b.Run(name+"/"+corpus[:2], func(b *testing.B) {
				m := shared(b, name)
				text, spans := misses(b, m, corpus, 4<<20)
				const batch, slice = countcache.Batch, 64 * countcache.Batch
				var want []int
				for i, s := range spans {
					if i%slice == 0 {
						want = append(want, 0)
					}
					want[i/slice] += m.reference.count(text[s.Start:s.End])
				}
				// The least time of every slice: others are busy on the machine.
				fastest := make([]time.Duration, len(want))
				g := newMerger(m.model, countcache.New(countcache.Options{BytesAreTokens: true}))
				counts := make([]int, batch)
				for b.Loop() {
					g.cache.Wipe()
					for k := range want {
						of := spans[k*slice : min((k+1)*slice, len(spans))]
						got := 0
						begin := time.Now()
						for len(of) > 0 {
							n := min(batch, len(of))
							g.counts(text, of[:n], counts)
							for _, c := range counts[:n] {
								got += c
							}
							of = of[n:]
						}
						if took := time.Since(begin); fastest[k] == 0 || took < fastest[k] {
							fastest[k] = took
						}
						if got != want[k] {
							b.Fatalf("%d tokens, want %d", got, want[k])
						}
					}
				}
				sum := time.Duration(0)
				for _, d := range fastest {
					sum += d
				}
				b.ReportMetric(float64(sum.Nanoseconds())/float64(len(spans)), "ns/miss")
				b.ReportMetric(float64(len(text))/float64(len(spans)), "bytes/miss")
				b.ReportMetric(float64(len(spans)), "misses")
			})
		}
	}
}
