package tokenize_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/engine/tokenize"
)

func openGPT2(t testing.TB) *tokenize.Counter {
	t.Helper()
	c, _, err := tokenize.Open("gpt2", tokenize.Options{Engine: tokenize.EngineNative})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// maximalSubparts are from the Unicode Standard, tables 3-8 to 3-11, and what
// Python makes of a few more.
var maximalSubparts = map[string]string{
	"\x41\xc0\xaf\x41\xf4\x80\x80\x41":        "A\ufffd\ufffdA\ufffdA",
	"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41":    strings.Repeat("\ufffd", 8) + "A",
	"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41":    strings.Repeat("\ufffd", 8) + "A",
	"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42":    strings.Repeat("\ufffd", 5) + "A\ufffd\ufffdB",
	"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41":    strings.Repeat("\ufffd", 4) + "A",
	"caf\xe9":                                 "caf\ufffd",
	"\xe4\xb8":                                "\ufffd",
	"\ufffd\xe4\xb8\xad\xe4\xb8":              "\ufffd中\ufffd",
	strings.Repeat("a", 70) + "\xf0\x9f\x98":  strings.Repeat("a", 70) + "\ufffd",
	"\xf0\x9f\x98" + strings.Repeat("日本", 20): "\ufffd" + strings.Repeat("日本", 20),
}

func TestInvalidUTF8CountsAsReplaced(t *testing.T) {
	c := openGPT2(t)
	for bad, good := range maximalSubparts {
		want, err := c.TryCount([]byte(good))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.TryCount([]byte(bad)); n != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", bad, n, err, want)
		}
		if n := c.Count([]byte(bad)); n != want {
			t.Errorf("%q: %d, want %d", bad, n, want)
		}
	}
}

// All sequences of up to four of the bytes that matter, against the SHA-256 of
// what Python 3 makes of them with bytes.decode("utf-8", "replace").
func TestReplacementIsPythons(t *testing.T) {
	bytes := []byte{
		0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef,
		0xf0, 0xf1, 0xf4, 0xf5, 0xff,
	}
	h := sha256.New()
	var each func(prefix []byte, more int)
	each = func(prefix []byte, more int) {
		if more == 0 {
			h.Write(append(tokenize.AppendReplaced(nil, prefix), '\n'))
			return
		}
		for _, b := range bytes {
			each(append(slices.Clip(prefix), b), more-1)
		}
	}
	for length := 1; length <= 4; length++ {
		each(nil, length)
	}
	if got, want := fmt.Sprintf("%x", h.Sum(nil)), "d27037a0ff7ff261264194143b379e39b9084e74aa33c3c9ac2f4b4614ae23f2"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestCountBatch(t *testing.T) {
	c := openGPT2(t)
	var texts [][]byte
	for i := range 3000 {
		texts = append(texts, []byte(strings.Repeat(fmt.Sprintf("text %d, ", i), i%40)))
	}
	texts[7] = []byte(strings.Repeat("one text is much longer than the others; ", 10_000))
	want := make([]int, len(texts))
	for i, text := range texts {
		want[i] = c.Count(text)
	}
	for _, n := range []int{0, 1, 2, 20, len(texts)} {
		counts := make([]int, n+1)
		counts[n] = -1
		c.CountBatch(texts[:n], counts)
		if !slices.Equal(counts[:n], want[:n]) || counts[n] != -1 {
			t.Errorf("%d texts: other counts than one by one", n)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("counts for fewer texts than there are: no panic")
		}
	}()
	c.CountBatch(texts, want[:5])
}

func TestConcurrentCounts(t *testing.T) {
	c := openGPT2(t)
	texts := [][]byte{[]byte("Hello world"), []byte("naïve 日本語 text \xff"), []byte(strings.Repeat("abc ", 5000))}
	want := make([]int, len(texts))
	c.CountBatch(texts, want)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 30 {
				for i, text := range texts {
					if n := c.Count(text); n != want[i] {
						t.Errorf("text %d: %d, want %d", i, n, want[i])
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestCountAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools drop what they are given")
	}
	c := openGPT2(t)
	for name, text := range map[string][]byte{
		"prose":       []byte(strings.Repeat("It was the best of times, it was the worst of times.\n", 40)),
		"tiny":        []byte("Hello world"),
		"empty":       nil,
		"added token": []byte("a<|endoftext|>b"),
		"Chinese":     []byte(strings.Repeat("今天天气很好，我们去公园散步。", 30)),
		"not UTF-8":   []byte("caf\xe9 cr\xe8me"),
	} {
		c.Count(text) // warm
		if n := testing.AllocsPerRun(200, func() { c.Count(text) }); n != 0 {
			t.Errorf("%s: %v allocations a call", name, n)
		}
	}
	texts := [][]byte{[]byte("a small batch"), []byte("of two texts")}
	counts := make([]int, 2)
	if n := testing.AllocsPerRun(200, func() { c.CountBatch(texts, counts) }); n != 0 {
		t.Errorf("a small batch: %v allocations a call", n)
	}
}

// What Hugging Face's library cannot count is an error, or a panic of the
// caller, never a number.
func TestFailuresOfHF(t *testing.T) {
	needHF(t)
	// A Unigram model without an unknown token has nothing for "b".
	c, _, err := tokenize.OpenBytes("toy", []byte(`{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,
		"post_processor":null,"decoder":null,"model":{"type":"Unigram","unk_id":null,"vocab":[["a",0.0]]}}`), tokenize.Options{Engine: tokenize.EngineHF})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.TryCount([]byte("b")); err == nil {
		t.Errorf("TryCount = %d", n)
	}
	texts := make([][]byte, 500)
	for i := range texts {
		texts[i] = []byte(strings.Repeat("a", 1000))
	}
	texts[499] = []byte("b")
	for name, count := range map[string]func(){
		"Count":      func() { c.Count([]byte("b")) },
		"CountBatch": func() { c.CountBatch(texts, make([]int, len(texts))) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			count()
		}()
	}
	if n := c.Count([]byte("a")); n != 1 {
		t.Errorf("after the failures: %d", n)
	}
}
