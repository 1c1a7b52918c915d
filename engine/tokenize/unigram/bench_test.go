package unigram

import (
	"encoding/json"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// BenchmarkCount counts 8 MB of documents of a corpus: cold with a new Counter,
// warm with one that has counted them before. The sum is checked.
func BenchmarkCount(b *testing.B) {
	refdata.Need(b)
	config := t5JSON(b)
	for _, corpus := range []string{"en-eltec-novels", "en-powershell-docs", "zh-lctt-published", "ja-phpdoc", "ko-nsmc-reviews-300k", "ru-phpdoc", "code-c-linux-sample"} {
		var docs [][]byte
		size := 0
		refdata.Lines(b, refdata.Path("corpora", corpus+".jsonl.zst"), func(line []byte) bool {
			var d document
			if err := json.Unmarshal(line, &d); err != nil {
				b.Fatal(err)
			}
			docs = append(docs, []byte(d.Text))
			size += len(d.Text)
			return size < 8e6
		})
		count := func(c *pipeline.Counter) (n int) {
			for _, d := range docs {
				k, err := c.Count(d)
				if err != nil {
					b.Fatal(err)
				}
				n += k
			}
			return n
		}
		warm := open(b, config)
		want := count(warm)
		run := func(name string, counter func() *pipeline.Counter) {
			b.Run(corpus+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					b.StopTimer()
					c := counter()
					b.StartTimer()
					if got := count(c); got != want {
						b.Fatalf("%d tokens, want %d", got, want)
					}
				}
			})
		}
		run("cold", func() *pipeline.Counter { return open(b, config) })
		run("warm", func() *pipeline.Counter { return warm })
	}
}
