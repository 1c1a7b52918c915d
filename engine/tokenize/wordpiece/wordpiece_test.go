package wordpiece

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/growth"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/kernels/classmask"
)

func TestTrickyTexts(t *testing.T) {
	for name, config := range variants() {
		t.Run(name, func(t *testing.T) {
			c, r := open(t, config), newReference(t, config)
			vocab := make([]string, 0, len(r.vocab))
			for token := range r.vocab {
				vocab = append(vocab, strings.TrimPrefix(token, "##"))
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for range 700 {
				check(t, c, r, tricky.Text(rng, vocab))
			}
			// Long enough for many blocks, and for more than one chunk.
			for n := range 12 {
				var b strings.Builder
				for b.Len() < n*chunkBytes/4 {
					b.WriteString(tricky.Text(rng, vocab))
				}
				check(t, c, r, b.String())
			}
		})
	}
}

// The table that masks are made by has the class of every character.
func TestTable(t *testing.T) {
	for _, p := range []pretokenizer{bertPretokenizer, whitespace} {
		for _, b := range []normalize.Bert{{}, {CleanText: true, ChineseChars: true, StripAccents: true, Lowercase: true}} {
			c := newClasses(b, p)
			for r := rune(utf8.RuneSelf); r <= utf8.MaxRune; r++ {
				if !utf8.ValidRune(r) {
					continue
				}
				want := map[class]classmask.Class{alone: classmask.Script, space: classmask.Space}[c.classOf(r)]
				if p == whitespace && c.classOf(r) == inWord {
					want = classmask.Other
				}
				if got := c.table.Class(r); got != want {
					t.Fatalf("%v %d: %U: class %d, want %d", b, p, r, got, want)
				}
			}
		}
	}
}

// Words of all lengths at all places of a block and around the end of a chunk.
func TestWordsAtEdges(t *testing.T) {
	config := toy(normalizerJSON(true, true, "null", true), `{"type":"BertPreTokenizer"}`)
	c, r := open(t, config), newReference(t, config)
	for _, word := range []string{"a", "Hello", "é", "한", "国", "\x00", "a\x00", "!"} {
		for n := range 3 {
			for before := range 70 {
				check(t, c, r, strings.Repeat(" ", before)+strings.Repeat(word, n)+" b")
				check(t, c, r, strings.Repeat("b ", (chunkBytes-before)/2)+strings.Repeat(word, 10*n)+" b")
			}
		}
	}
	for _, n := range []int{99, 100, 101, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes} {
		for _, word := range []string{"a", "A", "é", "\u0301", "\u302e", "\x00"} {
			check(t, c, r, strings.Repeat(word, n))
			check(t, c, r, "a "+strings.Repeat(word, n)+" a")
		}
	}
}

func FuzzCount(f *testing.F) {
	f.Add("Hello, wörld! 中文 e\u0301\x00\u302e\u0301 한국")
	var counters []*pipeline.Counter
	var references []*reference
	for _, config := range variants() {
		counters, references = append(counters, open(f, config)), append(references, newReference(f, config))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, c := range counters {
			check(t, c, references[i], text)
		}
	})
}

func TestRefused(t *testing.T) {
	bert := normalizerJSON(true, true, "null", true)
	for name, config := range map[string][]byte{
		"no pre_tokenizer": toy(bert, `null`),
		"digits":           toy(bert, `{"type":"Digits","individual_digits":true}`),
		"expression":       toy(`{"type":"Replace","pattern":{"Regex":"[a-z]"},"content":""}`, `{"type":"BertPreTokenizer"}`),
		"unk":              []byte(strings.Replace(string(toy(bert, `{"type":"BertPreTokenizer"}`)), `"[UNK]","cont`, `"<unk>","cont`, 1)),
	} {
		file, err := pipeline.Parse(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(file, pipeline.Options{}); !errors.Is(err, doc.ErrUnsupported) {
			t.Errorf("%s: %v, want doc.ErrUnsupported", name, err)
		}
	}
	file, err := pipeline.Parse(toy(bert, `{"type":"BertPreTokenizer"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(file, pipeline.Options{AddedAsText: true}); !errors.Is(err, doc.ErrUnsupported) {
		t.Errorf("added tokens as text: %v", err)
	}
}

type document struct {
	ID, Text string
}

func golden(t testing.TB, dir, name string, fn func(d document, count int)) {
	t.Helper()
	counts := map[string]int{}
	refdata.Lines(t, filepath.Join(dir, "golden/token-golden.tsv.zst"), func(line []byte) bool {
		if f := strings.Split(string(line), "\t"); f[0] == name {
			n, err := strconv.Atoi(f[2])
			if err != nil {
				t.Fatal(err)
			}
			counts[f[1]] = n
		}
		return true
	})
	if len(counts) == 0 {
		t.Fatalf("no reference counts of %s", name)
	}
	refdata.Lines(t, filepath.Join(dir, "golden/token-sample.jsonl.zst"), func(line []byte) bool {
		var d document
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		fn(d, counts[d.ID])
		return true
	})
}

func TestGolden(t *testing.T) {
	for _, where := range []struct{ dir, name string }{
		{"../../../testdata", "bert-base-uncased"},
		{refdata.Path(), "bert-base-uncased"},
		{refdata.Path(), "all-minilm-l6-v2"},
	} {
		t.Run(where.name, func(t *testing.T) {
			if where.dir == refdata.Path() {
				refdata.Need(t)
			}
			c := open(t, refdata.ReadAll(t, filepath.Join(where.dir, "tokenizers", where.name+".json.zst")))
			golden(t, where.dir, where.name, func(d document, want int) {
				if got, err := c.Count([]byte(d.Text)); err != nil || got != want {
					t.Errorf("%s: %d (%v), want %d", d.ID, got, err, want)
				}
			})
		})
	}
}

func bertJSON(t testing.TB) []byte {
	return refdata.ReadAll(t, "../../../testdata/tokenizers/bert-base-uncased.json.zst")
}

// No text takes more than linear time, whatever it repeats.
func TestHostileTextsAreLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	c := open(t, bertJSON(t))
	for _, unit := range []string{"a", "A", "ab ", "中", "é", "\u0301", "a\u0301", "\u302e", "\u302e\u1b44", "\x00", "!", " ", "'", "한", "한 ", "\U0001d15e", "zq", "zzzzzzzzzqxzqxzqxzqxzqxz "} {
		growth.Linear(t, strconv.QuoteToASCII(unit), 1<<20, func(size int) func() {
			text := []byte(strings.Repeat(unit, size/len(unit)))
			return func() {
				if _, err := c.Count(text); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
