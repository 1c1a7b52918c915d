package automaton

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/internal/refdata"
)

const (
	contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	cl100k       = contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	superBPE     = `\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|` + cl100k
	jais2        = `\s{512}|\s{256}|\s{128}|\s{64}|\s{32}|\s{16}|\s{8}|\s{4}|\s{2}|` + cl100k
)

func splitterOf(t testing.TB, exprs ...string) *Splitter {
	t.Helper()
	var steps []any
	for _, e := range exprs {
		steps = append(steps, map[string]any{"type": "Split", "pattern": map[string]string{"Regex": e}, "behavior": "Isolated", "invert": false})
	}
	steps = append(steps, map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})
	config, err := json.Marshal(map[string]any{"type": "Sequence", "pretokenizers": steps})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSplitter(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sample returns the first megabytes of texts of a corpus.
func sample(t testing.TB, name string) (texts [][]byte, size int) {
	d := json.NewDecoder(refdata.Open(t, refdata.Path("corpora", name+".jsonl.zst")))
	for size < 4<<20 {
		var line struct{ Text string }
		if err := d.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, []byte(line.Text))
		size += len(line.Text)
	}
	return texts, size
}

func benchmark(b *testing.B, s *Splitter, texts [][]byte, size int) {
	p := s.Pieces()
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, text := range texts {
			p.Start(text)
			for _, ok := p.Next(); ok; _, ok = p.Next() {
			}
		}
	}
}

func BenchmarkCorpora(b *testing.B) {
	for _, corpus := range []string{"en-eltec-novels", "code-c-linux-sample", "zh-lctt-published", "ko-nsmc-reviews-300k"} {
		texts, size := sample(b, corpus)
		for name, exprs := range map[string][]string{"cl100k": {cl100k}, "superbpe": {superBPE}, "digits+cl100k": {`\p{N}`, cl100k}} {
			s := splitterOf(b, exprs...)
			b.Run(corpus+"/"+name, func(b *testing.B) { benchmark(b, s, texts, size) })
		}
	}
}

// hostile are texts over which searches that try one way after the other take
// time that grows faster than the text.
var hostile = map[string]string{
	"digits":      "1",
	"spaces":      " ",
	"space and x": strings.Repeat(" ", 1000) + "x",
	"letters":     "a",
	"han":         "漢",
	"apostrophes": "'",
	"marks":       "\u0301",
	"lines":       "\r\n",
}

func BenchmarkHostile(b *testing.B) {
	for name, exprs := range map[string][]string{"cl100k": {cl100k}, "superbpe": {superBPE}, "jais2": {jais2}, "a+b|a": {`[a-z]+!|\p{N}+!|\s+!|.`}, "nested": {`(?:a*)*!|(?:\p{N}+)+!|(\s|\s\s)+!|.`}} {
		s := splitterOf(b, exprs...)
		for text, unit := range hostile {
			data := bytes.Repeat([]byte(unit), 8<<20/len(unit))
			b.Run(name+"/"+text, func(b *testing.B) { benchmark(b, s, [][]byte{data}, len(data)) })
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(cl100k); err != nil {
			b.Fatal(err)
		}
	}
}
