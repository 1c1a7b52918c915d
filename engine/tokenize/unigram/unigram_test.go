package unigram

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/growth"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

func t5JSON(t testing.TB) []byte {
	return refdata.ReadAll(t, "../../../testdata/tokenizers/t5.json.zst")
}

func files(t testing.TB) map[string][]byte {
	t.Helper()
	var f struct {
		Normalizer struct {
			Charsmap string `json:"precompiled_charsmap"`
		}
	}
	if err := json.Unmarshal(t5JSON(t), &f); err != nil {
		t.Fatal(err)
	}
	return variants(f.Normalizer.Charsmap)
}

func TestTrickyTexts(t *testing.T) {
	for name, config := range files(t) {
		t.Run(name, func(t *testing.T) {
			c, r := open(t, config), newReference(t, config)
			vocab := make([]string, 0, len(r.ids))
			for piece := range r.ids {
				vocab = append(vocab, piece, strings.ReplaceAll(piece, "▁", " "))
			}
			slices.Sort(vocab)
			rng := rand.New(rand.NewPCG(1, 2))
			for range 1000 {
				check(t, c, r, tricky.Text(rng, vocab))
			}
			for n := range 6 { // many blocks
				var b strings.Builder
				for b.Len() < n*500 {
					b.WriteString(tricky.Text(rng, vocab))
				}
				check(t, c, r, b.String())
			}
		})
	}
}

// Every pair of characters may have the hash of one that an entry has: cuts are
// lost, counts are not.
func TestHashesCollide(t *testing.T) {
	for _, name := range []string{"T5, all known", "XLM-R, all known", "T5"} {
		config := files(t)[name]
		r := newReference(t, config)
		file, err := pipeline.Parse(config)
		if err != nil {
			t.Fatal(err)
		}
		tokenizer, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, bits := range []uint64{0xAAAAAAAAAAAAAAAA, ^uint64(0)} {
			for i := range tokenizer.model.cuts.pairs {
				tokenizer.model.cuts.pairs[i] |= bits
			}
			c, err := pipeline.New(file, pipeline.Options{}, Family, func() pipeline.Worker { return newWorker(tokenizer, 0) })
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(5, 6))
			for range 1000 {
				check(t, c, r, tricky.Text(rng, nil))
			}
			for a := rune(0x4E00); a < 0x4E40; a++ {
				check(t, c, r, string([]rune{a, 'の', a, '中', a + 1, 'é', a, 'カ', 'カ', a}))
			}
		}
	}
}

// Words of all lengths at all places of a block.
func TestWordsAtEdges(t *testing.T) {
	for _, name := range []string{"T5", "T5, all known"} {
		config := files(t)[name]
		c, r := open(t, config), newReference(t, config)
		for _, word := range []string{"a", "ab", "é", "한", "国", "国{", "国a", "\U00020000", "\x00", "!", " ", "~", "{~a"} {
			for n := range 7 {
				for before := range 70 {
					check(t, c, r, strings.Repeat(" ", before)+strings.Repeat(word, n)+" b")
					check(t, c, r, strings.Repeat("国", before)+strings.Repeat(word, n)+"b")
				}
			}
		}
	}
}

// Runs of characters that no entry has, of two to four bytes each, between others
// and at the ends.
func TestDeadRuns(t *testing.T) {
	for _, name := range []string{"T5", "T5, all known"} {
		config := files(t)[name]
		c, r := open(t, config), newReference(t, config)
		file, err := pipeline.Parse(config)
		if err != nil {
			t.Fatal(err)
		}
		x, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		units := []string{"ص", "ل", "ө", "\u07ff", "\u0800", "क", "国", "\U00020000", "é", "a", " ", "\ufdfa", "ﬁ", "<", "{", "д", "–"}
		rng := rand.New(rand.NewPCG(7, 8))
		for range 4000 {
			var b strings.Builder
			for range rng.IntN(12) {
				b.WriteString(strings.Repeat(units[rng.IntN(len(units))], 1+rng.IntN(40)/10*rng.IntN(20)))
			}
			text := b.String()
			if text == "" {
				continue
			}
			check(t, c, r, text)
			want := 0
			for _, char := range text {
				if char < utf8.RuneSelf || x.model.cuts.kindOf(char) != dead {
					break
				}
				want += utf8.RuneLen(char)
			}
			if got := x.model.cuts.deadRun([]byte(text)); got != want {
				t.Fatalf("%s: %+q: a run of %d bytes, want %d", name, text, got, want)
			}
		}
	}
}

func FuzzCount(f *testing.F) {
	f.Add("Hello, wörld!  中文 e\u0301\x00\u302e\u0301 한국 ▁▁a\r\n <unk>")
	var counters []*pipeline.Counter
	var references []*reference
	for _, config := range files(f) {
		counters, references = append(counters, open(f, config)), append(references, newReference(f, config))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, c := range counters {
			check(t, c, references[i], text)
		}
	})
}

func TestRefused(t *testing.T) {
	old := `{"type":"Metaspace","replacement":"▁","add_prefix_space":true}`
	for name, config := range map[string][]byte{
		"digits":          toy(`null`, `{"type":"Digits","individual_digits":true}`, false),
		"expression":      toy(`{"type":"Replace","pattern":{"Regex":"[a-z]"},"content":""}`, old, false),
		"first, stripped": toy(`{"type":"Strip","strip_left":true,"strip_right":true}`, `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}`, false),
		"first, words":    toy(`null`, `{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]}`, false),
		"prefix space":    toy(`null`, `{"type":"Metaspace","replacement":"▁","add_prefix_space":false}`, false),
		"no unk":          []byte(strings.Replace(string(toy(`null`, old, false)), `"unk_id":1`, `"unk_id":null`, 1)),
		"a long piece":    []byte(strings.Replace(string(toy(`null`, old, false)), `"한국"`, `"`+strings.Repeat("a", mostPiece+1)+`"`, 1)),
		"some bytes":      []byte(strings.Replace(string(toy(`null`, old, true)), `0x41`, `0x4`, 1)),
	} {
		file, err := pipeline.Parse(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(file, pipeline.Options{}); !errors.Is(err, doc.ErrUnsupported) {
			t.Errorf("%s: %v, want doc.ErrUnsupported", name, err)
		}
	}
	file, err := pipeline.Parse(toy(`null`, old, false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(file, pipeline.Options{AddedAsText: true}); !errors.Is(err, doc.ErrUnsupported) {
		t.Errorf("added tokens as text: %v", err)
	}
}

// Numbers as serde_json 1.0.145 reads them.
func TestParseFloat(t *testing.T) {
	over := func(digits uint64, power float64) float64 { return float64(digits) / power }
	for text, want := range map[string]float64{
		"0": 0, "-0.0": 0, "1": 1, "-3.5": -3.5, "1e3": 1000, "12E-1": 1.2, "1.5e+2": 150,
		"-2.0122928619384766":        -over(20122928619384766, 1e16),
		"0.123456789012345678901234": over(12345678901234567890, 1e20),
		"12345678901234567890123.5":  over(12345678901234567890, 1) * 1e3,
		"1e-400":                     0,
		"123456789012345678e-320":    over(123456789012345678, 1e308) / 1e12,
	} {
		if got, err := parseFloat([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "1e", "1e999", `"a"`, "null"} {
		if f, err := parseFloat([]byte(text)); err == nil && text != "" {
			t.Errorf("%s: %v", text, f)
		}
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
		{"../../../testdata", "t5"},
		{refdata.Path(), "t5"},
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

// No text takes more than linear time, whatever it repeats.
func TestHostileTextsAreLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	c := open(t, t5JSON(t))
	for _, unit := range []string{"a", "A", "ab ", "中", "é", "\u0301", "a\u0301", "\u302e", "\u302e\u1b44", "\x00", "!", " ", "'", "한", "한 ", "\U0001d15e", "\ufdfa", "ﬁﬂﬃ", "…", "zq", "zzzzzzzzzqxzqxzqxzqxzqxz "} {
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
