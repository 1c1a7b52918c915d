package jsonl

import (
	"encoding/json"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
)

// BenchmarkParse reads samples of the real corpora: both parsers, and
// encoding/json into a struct as the rival that anybody has. All must find the
// same number of bytes of text. MB/s are of lines.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{
		"en-peps-history", "en-eltec-novels", "code-c-linux-sample", "zh-lctt-published", "ko-nsmc-reviews-300k",
	} {
		lines := sampleLines(b, refdata.Path("corpora", name+".jsonl.zst"), 300)
		var size, want int64
		for _, line := range lines {
			var rec Record
			if reason := reference(line, defaults, &rec); reason != doc.OK {
				b.Fatal(reason)
			}
			size += int64(len(line))
			want += int64(len(rec.Text) + len(rec.ID) + len(rec.Contributor))
		}
		run := func(rival string, parse func(line []byte) int) {
			b.Run(name+"/"+rival, func(b *testing.B) {
				b.SetBytes(size)
				b.ReportAllocs()
				for range b.N {
					var got int64
					for _, line := range lines {
						got += int64(parse(line))
					}
					if got != want {
						b.Fatalf("%d bytes of fields, want %d", got, want)
					}
				}
				b.ReportMetric(float64(size)/float64(len(lines)), "B/line")
			})
		}
		for _, kind := range []string{Native, Simdjson} {
			p := newParser(b, kind, defaults)
			var rec Record
			run(kind, func(line []byte) int {
				if reason := p.Parse(line, &rec); reason != doc.OK {
					b.Fatal(reason)
				}
				return len(rec.Text) + len(rec.ID) + len(rec.Contributor)
			})
		}
		run("encoding-json", func(line []byte) int {
			var d struct{ Text, ID, Contributor, Created string }
			if err := json.Unmarshal(line, &d); err != nil {
				b.Fatal(err)
			}
			return len(d.Text) + len(d.ID) + len(d.Contributor)
		})
	}
}
