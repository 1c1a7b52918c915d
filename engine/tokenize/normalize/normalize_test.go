package normalize

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/growth"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/runes"
)

func parseJSON(t testing.TB, config []byte) []Step {
	t.Helper()
	o, err := pipeline.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := Parse(o)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func t5(t testing.TB) []byte {
	t.Helper()
	var file struct{ Normalizer json.RawMessage }
	if err := json.Unmarshal(refdata.ReadAll(t, "../../../testdata/tokenizers/t5.json.zst"), &file); err != nil {
		t.Fatal(err)
	}
	return file.Normalizer
}

// What Hugging Face's normalizers make of texts.
func TestWheel(t *testing.T) {
	var c Chain
	var name string
	texts := 0
	refdata.Lines(t, "testdata/wheel.jsonl.zst", func(line []byte) bool {
		var l struct {
			N    json.RawMessage
			T, W string
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.N != nil {
			if name = string(l.N); name == `"t5"` {
				l.N = t5(t)
			}
			c = Chain{Steps: parseJSON(t, l.N)}
			return true
		}
		texts++
		if got := string(c.Run([]byte(l.T))); got != l.W {
			t.Errorf("%s: %+q: %+q, want %+q", name, l.T, got, l.W)
		}
		return !t.Failed()
	})
	if texts < 1000 {
		t.Errorf("%d texts", texts)
	}
}

// slow is Precompiled as spm_precompiled has it: cluster by cluster.
func slow(p *Precompiled, text []byte) (out []byte) {
	for len(text) > 0 {
		n := runes.Cluster(text)
		out = p.appendCluster(out, text[:n])
		text = text[n:]
	}
	return out
}

func TestPrecompiledIsByCluster(t *testing.T) {
	p := parseJSON(t, t5(t))[0].(*Precompiled)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		checkPrecompiled(t, p, tricky.Text(rng, nil))
	}
}

func FuzzPrecompiled(f *testing.F) {
	p := parseJSON(f, t5(f))[0].(*Precompiled)
	f.Add("a\u0301\u0323\r\n\x00\u1100\u1161 ＡＢ\u0301 क्षि 👨\u200d👩")
	f.Fuzz(func(t *testing.T, text string) { checkPrecompiled(t, p, text) })
}

func checkPrecompiled(t *testing.T, p *Precompiled, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		return
	}
	if got, want := string(p.Append(nil, []byte(text))), string(slow(p, []byte(text))); got != want {
		t.Fatalf("%+q: %+q, want %+q", text, got, want)
	}
}

// A limit ends the work early and changes nothing before it.
func TestAppendLimited(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var s Scratch
	for flags := range 16 {
		b := Bert{CleanText: flags&1 != 0, ChineseChars: flags&2 != 0, StripAccents: flags&4 != 0, Lowercase: flags&8 != 0}
		for range 500 {
			text := []byte(tricky.Text(rng, nil))
			all := string(b.Append(nil, text))
			for _, limit := range []int{0, 1, 5, 100, len(text) * 4} {
				out, chars := b.AppendLimited(nil, text, limit, &s)
				if chars != utf8.RuneCount(out) {
					t.Fatalf("%+v: %+q: %d characters, said %d", b, text, utf8.RuneCount(out), chars)
				}
				if chars <= limit && string(out) != all || chars > limit && utf8.RuneCountInString(all) <= limit {
					t.Fatalf("%+v, limit %d: %+q: %+q, want %+q", b, limit, text, out, all)
				}
			}
		}
	}
}

// Long runs of marks are ordered in linear time.
func TestManyMarks(t *testing.T) {
	growth.Linear(t, "marks", 1<<20, func(size int) func() {
		n := size / 4
		text, want := []byte(strings.Repeat("\u0323\u0301", n)), strings.Repeat("\u0323", n)+strings.Repeat("\u0301", n)
		return func() {
			if got := (nfd{}).Append(nil, text); string(got) != want {
				t.Error("wrong order")
			}
		}
	})
}

func TestMoreRefused(t *testing.T) {
	for _, config := range []string{
		`{"type":"Unheard"}`, `{}`, `{"type":"Bert"}`, `{"type":"BertNormalizer"}`, `{"type":"ByteLevel"}`,
		`{"type":"Replace","pattern":{"Regex":"a|b"},"content":""}`, `{"type":"Replace","pattern":{"String":""},"content":""}`,
		`{"type":"Sequence","normalizers":[null]}`, `{"type":"Strip","strip_left":true}`,
	} {
		o, err := pipeline.Parse([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(o); !errors.Is(err, doc.ErrUnsupported) {
			t.Errorf("%s: %v, want doc.ErrUnsupported", config, err)
		}
	}
	for _, charsmap := range []string{"", "AAAA", "!", "BAAAAA==", "/////w=="} {
		if _, err := newPrecompiled(charsmap); err == nil {
			t.Errorf("charsmap %q is accepted", charsmap)
		}
	}
}
