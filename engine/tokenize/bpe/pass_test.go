package bpe

import (
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// BenchmarkPasses is a first pass over the beginning of a corpus with nothing
// remembered, and a second.
func BenchmarkPasses(b *testing.B) {
	for _, name := range []string{"gpt2", "gpt35turbo", "gpt4o", "llama3", "qwen3", "deepseek_v3"} {
		for _, corpus := range []string{"en-eltec-novels", "zh-lctt-published", "ja-phpdoc", "ko-nsmc-reviews-300k", "ru-phpdoc", "code-c-linux-sample"} {
			b.Run(name+"/"+corpus[:2], func(b *testing.B) {
				t := shared(b, name).tokenizer
				var docs [][]byte
				size := 0
				refdata.Lines(b, refdata.Path("corpora", corpus+".jsonl.zst"), func(line []byte) bool {
					var d struct{ Text string }
					if err := json.Unmarshal(line, &d); err != nil {
						b.Fatal(err)
					}
					docs = append(docs, []byte(d.Text))
					size += len(d.Text)
					return size < 4<<20
				})
				// The least time of every slice of some documents: others are
				// busy on the machine.
				const slice = 16 << 10
				var fastest [2][]time.Duration
				for b.Loop() {
					c, err := t.counter(nil, pipeline.Options{AddedAsText: true})
					if err != nil {
						b.Fatal(err)
					}
					runtime.GC()
					for pass := range fastest {
						k := 0
						for i := 0; i < len(docs); k++ {
							begin := time.Now()
							for bytes := 0; i < len(docs) && bytes < slice; i++ {
								bytes += len(docs[i])
								if _, err := c.Count(docs[i]); err != nil {
									b.Fatal(err)
								}
							}
							took := time.Since(begin)
							if k == len(fastest[pass]) {
								fastest[pass] = append(fastest[pass], took)
							}
							fastest[pass][k] = min(fastest[pass][k], took)
						}
					}
				}
				for pass, unit := range []string{"cold-MB/s", "warm-MB/s"} {
					sum := time.Duration(0)
					for _, d := range fastest[pass] {
						sum += d
					}
					b.ReportMetric(float64(size)/1e6/sum.Seconds(), unit)
				}
			})
		}
	}
}
