package spbpe

import (
	"fmt"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// benchTexts are corpora by what they are.
var benchTexts = []struct{ name, corpus string }{
	{"prose", "en-eltec-novels"}, {"technical", "en-powershell-docs"}, {"C", "code-c-linux-sample"}, {"Chinese", "zh-lctt-published"},
	{"Japanese", "ja-phpdoc"}, {"Korean", "ko-nsmc-reviews-300k"}, {"Russian", "ru-phpdoc"},
}

// BenchmarkCount measures both passes over a text on one core: the first
// (cold), by a worker that has counted nothing yet, and the second (warm).
func BenchmarkCount(b *testing.B) {
	for _, name := range sharedNames {
		x := sharedTokenizer(b, name)
		for _, text := range benchTexts {
			docs := readDocuments(b, refdata.Path("corpora", text.corpus+".jsonl.zst"), 12<<20)
			size := 0
			texts := make([][]byte, len(docs))
			for i, d := range docs {
				texts[i] = []byte(d.Text)
				size += len(d.Text)
			}
			b.Run(fmt.Sprintf("%s/%s", name, text.name), func(b *testing.B) {
				var best [2]time.Duration
				want := -1
				for b.Loop() {
					c, err := pipeline.New(sharedFile(b, name), pipeline.Options{}, Family, func() pipeline.Worker { return newWorker(x, 0) })
					if err != nil {
						b.Fatal(err)
					}
					for pass := range best {
						start := time.Now()
						total := 0
						for _, text := range texts {
							n, err := c.Count(text)
							if err != nil {
								b.Fatal(err)
							}
							total += n
						}
						if took := time.Since(start); best[pass] == 0 || took < best[pass] {
							best[pass] = took
						}
						if want >= 0 && total != want {
							b.Fatalf("%d tokens, then %d", want, total)
						}
						want = total
					}
				}
				b.ReportMetric(float64(size)/best[0].Seconds()/1e6, "cold-MB/s")
				b.ReportMetric(float64(size)/best[1].Seconds()/1e6, "warm-MB/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
