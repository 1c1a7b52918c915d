package wordpiece

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/runes"
)

// reference counts as the definition has it: normalise all of a text, cut it
// character by character, look up every beginning of every word.
type reference struct {
	chain  normalize.Chain
	pre    pretokenizer
	vocab  map[string]int
	prefix string
	max    int
}

func newReference(t testing.TB, config []byte) *reference {
	t.Helper()
	file, err := pipeline.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Model struct {
			Vocab  map[string]int
			Prefix string `json:"continuing_subword_prefix"`
			Max    int    `json:"max_input_chars_per_word"`
		}
	}
	if err := json.Unmarshal(config, &f); err != nil {
		t.Fatal(err)
	}
	r := &reference{vocab: f.Model.Vocab, prefix: f.Model.Prefix, max: f.Model.Max}
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
	if r.pre, err = parsePretokenizer(pre); err != nil {
		t.Fatal(err)
	}
	return r
}

// count is for a text without added tokens.
func (r *reference) count(text []byte) (n int) {
	var word []rune
	kind := space
	end := func() {
		if len(word) > 0 {
			n += r.word(word)
		}
		word = word[:0]
	}
	for _, c := range string(r.chain.Run(text)) {
		var k class
		if r.pre == whitespace {
			k = classOfExpression(c)
		} else {
			k = classOf(runes.PropsOf(c), normalize.Bert{}, r.pre)
		}
		if k != kind || k == alone {
			end()
		}
		if kind = k; k != space {
			word = append(word, c)
		}
	}
	end()
	return n
}

func (r *reference) word(word []rune) (n int) {
	if len(word) > r.max {
		return 1
	}
	for start := 0; start < len(word); n++ {
		end := len(word)
		for ; end > start; end-- {
			piece := string(word[start:end])
			if start > 0 {
				piece = r.prefix + piece
			}
			if _, ok := r.vocab[piece]; ok {
				break
			}
		}
		if end == start {
			return 1
		}
		start = end
	}
	return n
}

// toy is a small WordPiece file; normalizer and pre are JSON.
func toy(normalizer, pre string) []byte {
	vocab := map[string]int{"[UNK]": 0}
	for _, token := range strings.Fields("a b c d e i o u he hello world un ##a ##b ##c ##d ##e ##i ##l ##o ##known ##ing ##ed ##1 1 2 20 ##24 中 文 の カ ##カ é ##é e\u0301 ᄒ ##ᅡ ##ᆫ 한 ##국 н ##а ##ст , . ! - _ ≠ = ## # ### A Hello ##W") {
		vocab[token] = len(vocab)
	}
	quoted, err := json.Marshal(vocab)
	if err != nil {
		panic(err)
	}
	return []byte(`{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":` + normalizer + `,"pre_tokenizer":` + pre +
		`,"post_processor":null,"decoder":null,"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":` + string(quoted) + `}}`)
}

// variants are toys of all flags, by name.
func variants() map[string][]byte {
	const bert = `{"type":"BertPreTokenizer"}`
	v := map[string][]byte{
		"whitespace split":     toy(normalizerJSON(true, true, "null", true), `{"type":"WhitespaceSplit"}`),
		"whitespace":           toy(normalizerJSON(true, true, "null", true), `{"type":"Whitespace"}`),
		"whitespace, not bert": toy(`{"type":"Lowercase"}`, `{"type":"Whitespace"}`),
		"none":                 toy(`null`, bert),
		"none, whitespace":     toy(`null`, `{"type":"Whitespace"}`),
		"sequence": toy(`{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"Lowercase"},{"type":"StripAccents"}]}`,
			`{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Punctuation","behavior":"Isolated"}]}`),
		"NFKC": toy(`{"type":"NFKC"}`, bert),
	}
	for _, strip := range []string{"null", "true", "false"} {
		for flags := range 8 {
			json := normalizerJSON(flags&1 != 0, flags&2 != 0, strip, flags&4 != 0)
			v[json] = toy(json, bert)
		}
	}
	return v
}

func normalizerJSON(clean, chinese bool, strip string, lower bool) string {
	b := func(v bool) string { return map[bool]string{true: "true", false: "false"}[v] }
	return `{"type":"BertNormalizer","clean_text":` + b(clean) + `,"handle_chinese_chars":` + b(chinese) + `,"strip_accents":` + strip + `,"lowercase":` + b(lower) + `}`
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
