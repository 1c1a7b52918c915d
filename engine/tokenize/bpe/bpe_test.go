package bpe

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

const toyAdded = `"added_tokens":[
	{"id":900,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
	{"id":901,"content":"<s>s","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false},
	{"id":902,"content":"<l>","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":false},
	{"id":903,"content":"<r>","single_word":false,"lstrip":false,"rstrip":true,"normalized":true,"special":false},
	{"id":904,"content":"ab","single_word":true,"lstrip":false,"rstrip":false,"normalized":false,"special":false},
	{"id":905,"content":"e\u0301","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}],`

// open is New for a whole file.
func open(file []byte, addedAsText bool) (*pipeline.Counter, error) {
	o, err := pipeline.Parse(file)
	if err != nil {
		return nil, err
	}
	return New(o, pipeline.Options{AddedAsText: addedAsText})
}

func toyCounter(t testing.TB) *pipeline.Counter {
	t.Helper()
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(2, 0)), 40)
	c, err := open([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":true`, "", `"normalizer":{"type":"NFC"},`+toyAdded)), false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Counts with no merges are bytes, which shows what was cut where.
func TestAddedTokens(t *testing.T) {
	tokens, _ := toyVocab(rand.New(rand.NewPCG(0, 0)), 0)
	file := func(prefix string) []byte {
		return []byte(toyFile(tokens, nil, `"type":"ByteLevel","add_prefix_space":`+prefix, "", `"normalizer":{"type":"NFC"},`+toyAdded))
	}
	for _, c := range []struct {
		text                   string
		plain, prefixed, words int // words: added tokens as text
	}{
		{"", 0, 0, 0},
		{"<s>", 1, 1, 3},
		{"<s><s>", 2, 2, 6},
		{"<s>s<s>", 2, 2, 7}, // the longest wins
		{"x<s>y", 3, 5, 5},   // each segment is given a space
		{"x <s> y", 5, 6, 7}, // unless it has one
		{"x  <l>  y", 5, 6, 9},
		{"x  <r>  y", 5, 7, 9}, // takes what follows, so y is given a space
		{"\u3000<l>", 1, 1, 6},
		{"ab", 1, 1, 2},
		{"ab ab,ab", 5, 6, 8}, // " " and ","
		{"xab abx", 7, 8, 7},
		{"éab", 3, 4, 4},       // é is a word character to the one, and is the other
		{"caf\u00e9", 4, 5, 5}, // the normalised token is found in normalised text
		{"cafe\u0301", 4, 5, 5},
		{"<r", 2, 3, 2},
	} {
		for _, v := range []struct {
			prefix string
			text   bool
			want   int
		}{{"false", false, c.plain}, {"true", false, c.prefixed}, {"false", true, c.words}} {
			counter, err := open(file(v.prefix), v.text)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := counter.Count([]byte(c.text)); err != nil || n != v.want {
				t.Errorf("%+q, prefix %s, as text %v: %d tokens, %v; want %d", c.text, v.prefix, v.text, n, err, v.want)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(0, 0)), 3)
	const level = `{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}`
	good := toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, `"type":"BPE",`, "")
	if _, err := open([]byte(good), false); err != nil {
		t.Fatal(err)
	}
	sequence := func(steps string) string {
		return toyFile(tokens, pairs, `"type":"Sequence","pretokenizers":[`+steps+`]`, "", "")
	}
	split := func(expression, behavior, invert string) string {
		return `{"type":"Split","pattern":{"Regex":"` + expression + `"},"behavior":"` + behavior + `","invert":` + invert + `}`
	}
	model := func(s string) string {
		return toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, s, "")
	}
	const digits = `{"type":"Digits","individual_digits":true}`
	const q2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
	for _, ok := range []string{
		sequence(split(q2, "Isolated", "false") + "," + level),
		sequence(split(q2, "Isolated", "true") + "," + level),
		sequence(split(q2, "Removed", "true") + "," + level),
		sequence(`{"type":"ByteLevel","add_prefix_space":false}`),
		sequence(digits + `,{"type":"ByteLevel","add_prefix_space":false}`),
		sequence(split(`\\s+`, "MergedWithNext", "false") + `,{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}`), // by the automaton
		model(`"dropout":0.0,`),
		model(`"unk_token":"<unk>","fuse_unk":true,`),
	} {
		if _, err := open([]byte(ok), false); err != nil {
			t.Errorf("%v for %.200s", err, ok)
		}
	}
	for thing, file := range map[string]string{
		`version "2.0"`:               strings.Replace(good, "{", `{"version":"2.0",`, 1),
		"no model":                    `{"pre_tokenizer":null}`,
		`type "Unigram"`:              model(`"type":"Unigram",`),
		"dropout 0.1":                 model(`"dropout":0.1,`),
		"byte_fallback":               model(`"byte_fallback":true,`),
		"continuing_subword_prefix":   model(`"continuing_subword_prefix":"##",`),
		"end_of_word_suffix":          model(`"end_of_word_suffix":"</w>",`),
		"vocab without byte 0x00":     toyFile(tokens[1:], nil, `"type":"ByteLevel","add_prefix_space":false`, "", ""),
		"not in vocab":                toyFile(tokens, [][2]string{{"q", "q"}}, `"type":"ByteLevel","add_prefix_space":false`, "", ""),
		"id 0 for two tokens":         strings.Replace(good, `":1,`, `":0,`, 1),
		`normalizer "ByteLevel"`:      strings.Replace(good, "{", `{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"ByteLevel"}]},`, 1),
		"not byte-level":              toyFile(tokens, pairs, `"type":"Sequence","pretokenizers":[]`, "", ""),
		`"Whitespace" as the last`:    toyFile(tokens, pairs, `"type":"Whitespace"`, "", ""),
		`"Digits" before`:             sequence(`{"type":"Digits","individual_digits":true},` + level),
		"2 steps":                     sequence(digits + "," + digits + `,{"type":"ByteLevel","add_prefix_space":false}`),
		"use_regex false":             sequence(level),
		"use_regex true":              sequence(split(q2, "Isolated", "false") + `,{"type":"ByteLevel","add_prefix_space":false}`),
		"add_prefix_space after":      sequence(split(q2, "Isolated", "false") + `,{"type":"ByteLevel","add_prefix_space":true,"use_regex":false}`),
		`Split ["\\s+"]`:              sequence(split(`\\s+`, "Isolated", "false") + "," + level),
		"Split Removed, invert false": sequence(split(q2, "Removed", "false") + "," + level),
		"Split MergedWithNext":        sequence(split(q2, "MergedWithNext", "false") + "," + level),
		"no Regex":                    sequence(`{"type":"Split","pattern":{"String":" "},"behavior":"Isolated","invert":false},` + level),
		"different flags":             strings.Replace(good, "{", "{"+strings.Replace(toyAdded, "<s>s", "<s>", 1), 1),
		"no lstrip":                   strings.Replace(good, "{", "{"+strings.Replace(toyAdded, `"lstrip":false,`, "", 1), 1),
	} {
		c, err := open([]byte(file), false)
		if !errors.Is(err, doc.ErrUnsupported) || !strings.Contains(err.Error(), thing) {
			t.Errorf("%s: counter %v, error %v", thing, c != nil, err)
		}
	}
	for _, broken := range []string{"", "{", "[]", "null", `{"model":3}`, `{"model":{"vocab":[],"merges":{}}}`, `{"version":1}`, `{"model":{"vocab":{},"merges":[]},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}}`} {
		if _, err := open([]byte(broken), false); err == nil {
			t.Errorf("%q was taken for a tokenizer", broken)
		}
	}
}

// Files that are not tokenizers, and tokenizers with a bit changed, give an
// error or a counter.
func FuzzNew(f *testing.F) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(0, 0)), 3)
	f.Add(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":true`, `"ignore_merges":true,`, toyAdded))
	f.Add(`{"model":{"vocab":{"a":1},"merges":["a b",["a","b"]]}}`)
	f.Fuzz(func(t *testing.T, file string) {
		if c, err := open([]byte(file), false); err == nil {
			if _, err := c.Count([]byte("ab abcd\u0301 <s>")); err != nil {
				t.Error(err)
			}
		}
	})
}

// Merges as strings with a heading, in a file with no model type, load too.
func TestOldFile(t *testing.T) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(3, 0)), 20)
	newer := toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false,"use_regex":true`, `"type":"BPE",`, "")
	older := toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":false`, `"continuing_subword_prefix":"","end_of_word_suffix":"",`, "")
	head, merges, _ := strings.Cut(older, `"merges":[`)
	merges = strings.NewReplacer(`["`, `"`, `","`, ` `, `"]`, `"`).Replace(merges)
	merges = strings.ReplaceAll(merges, ` "`, `","`)
	older = head + `"merges":[ "#version: 0.2",` + strings.ReplaceAll(merges, `","`, `","`)
	a, err := open([]byte(newer), false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := open([]byte(older), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"abcd dcba aabbccdd", "bad cab a b c d"} {
		n, _ := a.Count([]byte(text))
		m, _ := b.Count([]byte(text))
		if n != m {
			t.Errorf("%q: %d tokens, %d of the old file", text, n, m)
		}
	}
}

// What no rules know an automaton cuts: merges do not cross its pieces.
func TestAutomaton(t *testing.T) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(0, 0)), 0)
	tokens, pairs = append(tokens, "ab"), append(pairs, [2]string{"a", "b"})
	c, err := open([]byte(toyFile(tokens, pairs, `"type":"Sequence","pretokenizers":[
		{"type":"Split","pattern":{"Regex":"a(?=b.)|."},"behavior":"Isolated","invert":false},
		{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]`, "", "")), false)
	if err != nil {
		t.Fatal(err)
	}
	if c.Family() != FamilyAutomaton {
		t.Errorf("family %s", c.Family())
	}
	for text, want := range map[string]int{"ab": 2, "abab": 4, "\nab": 3, "": 0} {
		if n, err := c.Count([]byte(text)); n != want || err != nil {
			t.Errorf("%q: %d tokens, %v; want %d", text, n, err, want)
		}
	}
	long := strings.Repeat("ab\n", batchBytes)
	if n, err := c.Count([]byte(long)); n != len(long) || err != nil {
		t.Errorf("%d tokens of %d bytes, %v", n, len(long), err)
	}
}

func TestInvalidUTF8(t *testing.T) {
	if n, err := toyCounter(t).Count([]byte("ab\xff")); err == nil {
		t.Errorf("%d tokens of invalid UTF-8", n)
	}
}

// A cache that forgets and one that is full give the counts of none.
func FuzzCache(f *testing.F) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(2, 0)), 40)
	file, err := pipeline.Parse([]byte(toyFile(tokens, pairs, `"type":"ByteLevel","add_prefix_space":true`, "", "")))
	if err != nil {
		f.Fatal(err)
	}
	t, err := load(file)
	if err != nil {
		f.Fatal(err)
	}
	kept := newWorker(t, 0)
	f.Add("abcd abcd <s> cafe\u0301  <l> " + strings.Repeat("abcdabcd", 9))
	f.Add("\x00\x00 a\x00b \x00a\x00")
	f.Fuzz(func(tt *testing.T, text string) {
		if text == "" || !utf8.ValidString(text) {
			return
		}
		segment := []byte(text)
		if segment[0] != ' ' {
			segment = append([]byte{' '}, segment...)
		}
		want := 0
		for i := 0; i < len(segment); {
			end := t.rules.Next(segment, i)
			want += t.model.count(segment[i:end])
			i = end
		}
		for _, w := range []*worker{kept, newWorker(t, 0)} {
			for pass := range 2 {
				if got := w.Count([]byte(text), true); got != want {
					tt.Errorf("%q, pass %d: %d tokens, %d without a cache", text, pass, got, want)
				}
			}
		}
	})
}

func TestConcurrent(t *testing.T) {
	c := toyCounter(t)
	texts := []string{"abcd dcba", "cafe\u0301 <s> ab", strings.Repeat("aab ", 300), strings.Repeat("abcd", 400)}
	var want []int
	for _, text := range texts {
		n, err := c.Count([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, n)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for k := range 200 {
				i := k % len(texts)
				if n, err := c.Count([]byte(texts[i])); err != nil || n != want[i] {
					t.Errorf("text %d: %d tokens, %v; want %d", i, n, err, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// The vocabulary that finds rows is made while other goroutines count.
func TestRowsMadeBesideCounting(t *testing.T) {
	tokens, pairs := toyVocab(rand.New(rand.NewPCG(4, 0)), 200)
	m, _ := modelOf(t, tokens, pairs)
	rng, text := rand.New(rand.NewPCG(5, 0)), make([]byte, manyWindowed/6)
	for i := range text {
		text[i] = "abcd "[rng.IntN(5)]
	}
	want := referenceOf(t, tokens, pairs).merge(text)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			g := lanedMerger(m)
			for i := range 3 {
				lanes, windows := g.merge(text), g.countLong(text)
				if lanes != want || windows != want {
					t.Errorf("worker %d, %d: %d tokens in lanes, %d by windows, want %d", worker, i, lanes, windows, want)
				}
			}
		})
	}
	wg.Wait()
	if m.rows.Load() == nil {
		t.Error("no rows were made")
	}
}
