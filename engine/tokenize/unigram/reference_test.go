package unigram

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// reference counts as the definition has it: normalise all of a text, cut it
// with true marks, try every way to end at every place of a piece, and follow
// the best back.
type reference struct {
	chain    normalize.Chain
	cutter   cutter
	scores   map[string]float64
	ids      map[string]int
	unknown  int
	min      float64
	fallback bool
}

func newReference(t testing.TB, config []byte) *reference {
	t.Helper()
	file, err := pipeline.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Model struct {
			Vocab        [][2]json.RawMessage
			Unknown      int  `json:"unk_id"`
			ByteFallback bool `json:"byte_fallback"`
		}
	}
	if err := json.Unmarshal(config, &f); err != nil {
		t.Fatal(err)
	}
	r := &reference{scores: map[string]float64{}, ids: map[string]int{}, unknown: f.Model.Unknown, min: math.Inf(1), fallback: f.Model.ByteFallback}
	for id, e := range f.Model.Vocab {
		var piece string
		if err := json.Unmarshal(e[0], &piece); err != nil {
			t.Fatal(err)
		}
		score, err := parseFloat(e[1])
		if err != nil {
			t.Fatal(err)
		}
		r.scores[piece], r.ids[piece] = score, id
		r.min = min(r.min, score)
	}
	var normalizer, pre pipeline.Object
	if err := file.Decode("normalizer", &normalizer); err != nil {
		t.Fatal(err)
	}
	if r.chain.Steps, err = normalize.Parse(normalizer); err != nil {
		t.Fatal(err)
	}
	if err := file.Decode("pre_tokenizer", &pre); err != nil {
		t.Fatal(err)
	}
	if err := r.cutter.parse(pre); err != nil {
		t.Fatal(err)
	}
	return r
}

// count is for a text without added tokens.
func (r *reference) count(text []byte) (n int) {
	if len(text) == 0 {
		return 0
	}
	words := []string{string(r.chain.Run(text))}
	if r.cutter.atSpaces {
		words = strings.FieldsFunc(words[0], isSpace)
	}
	for _, word := range words {
		if r.cutter.metaspace && word != "" {
			mark := r.cutter.mark
			word = strings.ReplaceAll(word, " ", mark)
			if r.cutter.scheme != never && !strings.HasPrefix(word, mark) {
				word = mark + word
			}
			if r.cutter.split {
				parts := strings.SplitAfter(word, mark) // each but the first lacks its mark
				for i, part := range parts {
					part = strings.TrimSuffix(part, mark)
					if i > 0 {
						part = mark + part
					}
					n += r.piece(part)
				}
				continue
			}
		}
		n += r.piece(word)
	}
	return n
}

func (r *reference) piece(piece string) (n int) {
	type node struct {
		score float64
		start int
		id    int
	}
	best := make([]node, len(piece)+1)
	for i := range best {
		best[i].start = -1
	}
	for start := range piece {
		_, size := utf8.DecodeRuneInString(piece[start:])
		single := false
		try := func(end int, score float64, id int) {
			if score += best[start].score; best[end].start < 0 || score > best[end].score {
				best[end] = node{score, start, id}
			}
		}
		for end := start + 1; end <= len(piece); end++ {
			if id, ok := r.ids[piece[start:end]]; ok {
				try(end, r.scores[piece[start:end]], id)
				single = single || end-start == size
			}
		}
		if !single {
			try(start+size, r.min-10, r.unknown)
		}
	}
	for end := len(piece); end > 0; {
		start := best[end].start
		if best[end].id == r.unknown {
			for start > 0 && best[start].id == r.unknown {
				start = best[start].start
			}
			n += r.fused(piece[start:end])
		} else {
			n++
		}
		end = start
	}
	return n
}

func (r *reference) fused(s string) int {
	if _, ok := r.ids[s]; ok || !r.fallback {
		return 1
	}
	for _, b := range []byte(s) {
		if _, ok := r.ids[fmt.Sprintf("<0x%02X>", b)]; !ok {
			return 1
		}
	}
	return len(s)
}

// toy is a small Unigram file; normalizer and pre are JSON.
func toy(normalizer, pre string, fallback bool) []byte {
	var vocab [][2]any
	add := func(piece string, score float64) { vocab = append(vocab, [2]any{piece, score}) }
	add("<pad>", 0)
	add("<unk>", 0)
	pieces := strings.Fields("▁ ▁a ▁b a b c ab abc bc ▁the the he ▁hello llo lo l o e t h ▁中 中 文 中文 の カ カカ é ▁é 한 국 한국 ст а . , ▁. .. ... ! ▁▁ ▁a▁b 1 2 12 a▁ ' '' \" fi 1⁄2 TM A ABC <unk>a xy ̈")
	switch {
	case strings.Contains(pre, "mark in no piece"):
		pieces = slices.DeleteFunc(pieces, func(piece string) bool { return strings.Contains(piece, "▁") })
	case strings.Contains(pre, "mark within pieces"):
		pieces = slices.DeleteFunc(pieces, func(piece string) bool { return piece == "▁" })
	}
	for i, piece := range pieces {
		// Sums of tenths are rounded, and often nearly equal.
		add(piece, -float64(i%13)/10-1.1-float64(len([]rune(piece)))/3)
	}
	if fallback {
		for b := range 256 {
			add(fmt.Sprintf("<0x%02X>", b), -9.5)
		}
	}
	if strings.Contains(pre, "all known") {
		seen := map[rune]bool{}
		for _, e := range vocab {
			for _, r := range e[0].(string) {
				if !seen[r] {
					seen[r] = true
					add(string(r), -5)
				}
			}
		}
	}
	quoted, err := json.Marshal(vocab)
	if err != nil {
		panic(err)
	}
	flag := map[bool]string{true: `,"byte_fallback":true`}[fallback]
	return []byte(`{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":` + normalizer + `,"pre_tokenizer":` + pre +
		`,"post_processor":null,"decoder":null,"model":{"type":"Unigram","unk_id":1,"vocab":` + string(quoted) + flag + `}}`)
}

// variants are files of all kinds, by name; charsmap is that of T5.
func variants(charsmap string) map[string][]byte {
	precompiled := `{"type":"Precompiled","precompiled_charsmap":"` + charsmap + `"}`
	sequence := func(steps ...string) string {
		return `{"type":"Sequence","normalizers":[` + strings.Join(steps, ",") + `]}`
	}
	replace := func(kind, pattern, content string) string {
		return `{"type":"Replace","pattern":{"` + kind + `":"` + pattern + `"},"content":"` + content + `"}`
	}
	quotes := replace("String", "``", `\"`) + "," + replace("String", "''", `\"`)
	metaspace := func(scheme string, split bool) string {
		return fmt.Sprintf(`{"type":"Metaspace","replacement":"▁","prepend_scheme":"%s","split":%v}`, scheme, split)
	}
	old := `{"type":"Metaspace","replacement":"▁","str_rep":"▁","add_prefix_space":true}`
	both := `{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},` + old + `]}`
	return map[string][]byte{
		"T5, all known":       toy(precompiled, `{"type":"Sequence","all known":1,"pretokenizers":[{"type":"WhitespaceSplit"},`+old+`]}`, false),
		"XLM-R, all known":    toy(precompiled, `{"all known":1,"type":"Metaspace","replacement":"▁","add_prefix_space":true}`, false),
		"T5, mark unknown":    toy(precompiled, `{"type":"Sequence","mark in no piece":1,"pretokenizers":[{"type":"WhitespaceSplit"},`+old+`]}`, false),
		"XLM-R, mark unknown": toy(precompiled, `{"mark in no piece":1,"type":"Metaspace","replacement":"▁","add_prefix_space":true}`, false),
		"mark within pieces":  toy(precompiled, `{"mark within pieces":1,"type":"Metaspace","replacement":"▁","add_prefix_space":true}`, false),
		"T5":                  toy(precompiled, both, false),
		"XLM-R":               toy(sequence(precompiled, replace("Regex", " {2,}", " ")), old, false),
		"T5, newer":           toy(sequence(precompiled, `{"type":"Strip","strip_left":false,"strip_right":true}`, replace("Regex", " {2,}", "▁")), metaspace("first", true), false),
		"ALBERT":              toy(sequence(quotes, `{"type":"NFKD"}`, `{"type":"StripAccents"}`, `{"type":"Lowercase"}`, precompiled), both, false),
		"trained here":        toy(sequence(`{"type":"Nmt"}`, `{"type":"NFKC"}`, replace("Regex", " {2,}", " ")), metaspace("always", true), false),
		"no normalizer":       toy(`null`, both, false),
		"no normalizer, meta": toy(`null`, old, false),
		"first":               toy(`null`, metaspace("first", true), false),
		"first, NFKC":         toy(`{"type":"NFKC"}`, metaspace("first", true), false),
		"first, precompiled":  toy(precompiled, metaspace("first", true), false),
		"never, precompiled":  toy(precompiled, metaspace("never", true), true),
		"never":               toy(`{"type":"NFC"}`, metaspace("never", true), false),
		"one piece":           toy(precompiled, metaspace("always", false), false),
		"words":               toy(precompiled, `{"type":"WhitespaceSplit"}`, false),
		"nothing":             toy(`null`, `null`, false),
		"bytes":               toy(precompiled, both, true),
		"bytes, one piece":    toy(`null`, metaspace("first", false), true),
	}
}

func open(t testing.TB, config []byte) *pipeline.Counter {
	t.Helper()
	file, err := pipeline.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(file, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func check(t testing.TB, c *pipeline.Counter, r *reference, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		return
	}
	got, err := c.Count([]byte(text))
	if want := r.count([]byte(text)); err != nil || got != want {
		t.Fatalf("%+q: %d (%v), want %d", text, got, err, want)
	}
}
