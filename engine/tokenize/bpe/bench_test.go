package bpe

import (
	"strings"
	"testing"
)

// BenchmarkCount is warm counting of the English sample documents on one core.
func BenchmarkCount(b *testing.B) {
	docs := sample(b)
	var texts [][]byte
	size := 0
	for _, d := range docs {
		if strings.HasPrefix(d.ID, "en") {
			texts = append(texts, []byte(d.Text))
			size += len(d.Text)
		}
	}
	for _, name := range []string{"gpt2", "llama3", "qwen2_5", "gptoss", "mistral_nemo", "deepseek_v3"} {
		c := sharedCounter(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			want := -1
			for b.Loop() {
				total := 0
				for _, text := range texts {
					n, err := c.Count(text)
					if err != nil {
						b.Fatal(err)
					}
					total += n
				}
				if want >= 0 && total != want {
					b.Fatalf("%d tokens, then %d", want, total)
				}
				want = total
			}
		})
	}
}
