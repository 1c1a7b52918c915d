package shingle

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
)

type document struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

func eachDocument(t testing.TB, path string, fn func(d document)) {
	t.Helper()
	refdata.Lines(t, refdata.Path(path), func(line []byte) bool {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		fn(d)
		return true
	})
}

// The hashed sets have the true Jaccard, to the six decimals given, of every
// pair that an independent program found; and so has, in one document of
// twenty, the reference as many shingles.
func TestGroundTruth(t *testing.T) {
	for _, c := range []struct {
		name, corpus string
		pairs        int
	}{
		{"extractor-clusters", "groundtruth/extractor-clusters", 26044},
		{"synthetic-edits", "groundtruth/synthetic-edits", 18038},
		{"multi-tldr", "corpora/multi-tldr", 160604},
		{"ja-phpdoc", "corpora/ja-phpdoc", 971},
		{"ru-phpdoc", "corpora/ru-phpdoc", 2439},
		{"en-phpdoc", "corpora/en-phpdoc", 2818},
		{"en-powershell-docs", "corpora/en-powershell-docs", 5085},
		{"en-spamassassin-mail", "corpora/en-spamassassin-mail", 2336},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if raceEnabled && c.pairs > 3000 {
				t.Skip("too slow with the race detector, which finds nothing in one goroutine")
			}
			type pair struct {
				a, b    string
				jaccard float64
			}
			var pairs []pair
			sets := map[string][]uint64{}
			refdata.Lines(t, refdata.Path("groundtruth", c.name+".pairs-w5.tsv.zst"), func(line []byte) bool {
				fields := strings.Split(string(line), "\t")
				jaccard, err := strconv.ParseFloat(fields[2], 64)
				if err != nil {
					t.Fatal(err)
				}
				pairs = append(pairs, pair{fields[0], fields[1], jaccard})
				sets[fields[0]], sets[fields[1]] = nil, nil
				return true
			})
			if len(pairs) != c.pairs {
				t.Fatalf("%d pairs, want %d", len(pairs), c.pairs)
			}
			s := NewHasher(42).NewScanner()
			n := 0
			eachDocument(t, c.corpus+".jsonl.zst", func(d document) {
				if _, wanted := sets[d.ID]; !wanted {
					return
				}
				set := s.Set([]byte(d.Text))
				sets[d.ID] = append([]uint64{}, set...)
				if n++; n%20 == 0 {
					if want := len(Reference([]byte(d.Text))); len(set) != want {
						t.Errorf("%s: %d shingles, want %d", d.ID, len(set), want)
					}
				}
			})
			wrong := 0
			for _, p := range pairs {
				a, b := sets[p.a], sets[p.b]
				overlap := Overlap(a, b)
				jaccard := float64(overlap) / float64(len(a)+len(b)-overlap)
				if !(math.Abs(jaccard-p.jaccard) <= 0.51e-6) {
					if wrong++; wrong <= 5 {
						t.Errorf("%s, %s: Jaccard %.6f, want %.6f", p.a, p.b, jaccard, p.jaccard)
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d pairs are wrong", wrong, len(pairs))
			}
		})
	}
}

// texts returns texts of a corpus, in order, up to so many bytes.
func texts(b *testing.B, corpus string, limit int) (texts [][]byte, size int64) {
	b.Helper()
	eachDocument(b, "corpora/"+corpus+".jsonl.zst", func(d document) {
		if int(size)+len(d.Text) <= limit {
			texts = append(texts, []byte(d.Text))
			size += int64(len(d.Text))
		}
	})
	return texts, size
}

// BenchmarkStages is each stage from text to shingle set, and what all texts
// together must give.
func BenchmarkStages(b *testing.B) {
	for _, c := range []struct{ name, corpus string }{
		{"english", "en-eltec-novels"},
		{"technical", "en-powershell-docs"},
		{"c", "code-c-linux-sample"},
		{"chinese", "zh-lctt-published"},
		{"japanese", "ja-phpdoc"},
		{"korean", "ko-nsmc-reviews-300k"},
		{"russian", "ru-phpdoc"},
	} {
		b.Run(c.name, func(b *testing.B) {
			texts, size := texts(b, c.corpus, 8<<20)
			words, distinct := 0, 0
			for _, text := range texts {
				words += len(referenceWords(string(text)))
				distinct += len(Reference(text))
			}
			s := NewHasher(1).NewScanner()
			stage := func(name string, want int, run func(text []byte) int) {
				b.Run(name, func(b *testing.B) {
					b.SetBytes(size)
					for b.Loop() {
						got := 0
						for _, text := range texts {
							got += run(text)
						}
						if got != want {
							b.Fatalf("%d, want %d", got, want)
						}
					}
				})
			}
			windows := 0
			for _, text := range texts {
				windows += len(s.Shingles(text))
			}
			stage("hashed-words", words, func(text []byte) int { s.hashWords(text); return len(s.hashes) })
			stage("shingles", windows, func(text []byte) int { return len(s.Shingles(text)) })
			stage("set", distinct, func(text []byte) int { return len(s.Set(text)) })
		})
	}
}
