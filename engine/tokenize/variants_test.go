package tokenize_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize"
)

const (
	ending     = `|\s+(?!\S)|\s+`
	anyCase    = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	upperStart = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lowerEnd   = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
)

// spellings are expressions found in published files, by family. Several
// families have more than one; not every one is in the files of the reference
// counts.
var spellings = map[string]string{
	"G2 tiktoken":   `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` + ending,
	"G2 possessive": `'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s`,
	"G2":            `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` + ending,
	"CL":            `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]` + ending,
	"CL trailing":   anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s++$|\s*[\r\n]` + ending,
	"CL possessive": `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`,
	"L3":            anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+` + ending,
	"Q2":            anyCase + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+` + ending,
	"Q3.5":          anyCase + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+` + ending,
	"O2":            upperStart + `*` + lowerEnd + `+` + anyCase + `?|` + upperStart + `+` + lowerEnd + `*` + anyCase + `?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+` + ending,
	"TK":            upperStart + `*` + lowerEnd + `+|` + upperStart + `+` + lowerEnd + `*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+` + ending,
}

// TestEnginesAgreeOnVariants changes GPT-2's tokenizer.json piece by piece.
// The native engine may refuse what comes of it; if it does not, it must count
// what Hugging Face's library counts.
func TestEnginesAgreeOnVariants(t *testing.T) {
	needHF(t)
	texts := environment(t, "TALLYSTICK_TRAPS", 300)
	seed := environment(t, "TALLYSTICK_SEED", 1)
	base := gpt2JSON(t)
	entries, _ := vocabulary(t, base)

	byteLevel := `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}`
	variants := map[string]map[string]string{
		"prefix space":    {"pre_tokenizer": `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`},
		"no expression":   {"pre_tokenizer": byteLevel},
		"digits apart":    {"pre_tokenizer": `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}`},
		"NFC":             {"normalizer": `{"type":"NFC"}`},
		"NFC in sequence": {"normalizer": `{"type":"Sequence","normalizers":[{"type":"NFC"}]}`},
		"NFKC":            {"normalizer": `{"type":"NFKC"}`},
		"NFD, lower case": {"normalizer": `{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"}]}`},
		"stripped":        {"normalizer": `{"type":"Strip","strip_left":true,"strip_right":true}`, "pre_tokenizer": `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`},
		"replaced":        {"normalizer": `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Prepend","prepend":"a"}]}`},
		"template":        {"post_processor": `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"a","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"a":{"id":"a","ids":[64],"tokens":["a"]}}}`},
		"empty template":  {"post_processor": `{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`},
		"text twice":      {"post_processor": `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}`},
		"no normalizers":  {"normalizer": `{"type":"Sequence","normalizers":[]}`},
		"added flags": {"added_tokens": `[
			{"id":50256,"content":"<|endoftext|>","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":true},
			{"id":50257,"content":"word","single_word":true,"lstrip":false,"rstrip":false,"normalized":false,"special":false},
			{"id":50258,"content":"  ","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false},
			{"id":50259,"content":"é","single_word":false,"lstrip":false,"rstrip":true,"normalized":true,"special":false},
			{"id":50260,"content":"'","single_word":true,"lstrip":true,"rstrip":false,"normalized":true,"special":true}]`},
		"added flags, NFC": {"normalizer": `{"type":"NFC"}`, "added_tokens": `[
			{"id":50258,"content":"\n","single_word":false,"lstrip":true,"rstrip":false,"normalized":true,"special":false},
			{"id":50259,"content":"e\u0301","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false},
			{"id":50260,"content":"\u1112\u1161","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
			{"id":50261,"content":"a","single_word":true,"lstrip":false,"rstrip":false,"normalized":true,"special":true}]`},
	}
	for name, expression := range spellings {
		quoted, err := json.Marshal(expression)
		if err != nil {
			t.Fatal(err)
		}
		variants["Removed, "+name] = map[string]string{"pre_tokenizer": `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + string(quoted) + `},"behavior":"Removed","invert":true},` + byteLevel + `]}`}
		variants["Isolated, "+name] = map[string]string{"pre_tokenizer": `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + string(quoted) + `},"behavior":"Isolated","invert":false},` + byteLevel + `]}`}
	}

	for name, changes := range variants {
		t.Run(name, func(t *testing.T) {
			config := change(t, base, changes)
			native, info, err := tokenize.OpenBytes(name, config, tokenize.Options{Engine: tokenize.EngineNative})
			if errors.Is(err, doc.ErrUnsupported) {
				t.Logf("refused: %v", err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("family %s", info.Family)
			reference := openAs(t, name, config, tokenize.EngineHF)
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			for range texts {
				var b strings.Builder
				for range 1 + rng.IntN(8) {
					switch rng.IntN(6) {
					case 0:
						b.WriteString(entries[rng.IntN(len(entries))])
					case 1:
						b.WriteString([]string{"<|endoftext|>", " word ", "words", "a word", "a", "a\n"}[rng.IntN(6)])
					default:
						b.WriteString(trap(rng))
					}
				}
				text := []byte(strings.ToValidUTF8(b.String(), "\uFFFD"))
				got, err := native.TryCount(text)
				want, wantErr := reference.TryCount(text)
				if err != nil || wantErr != nil || got != want {
					t.Fatalf("seed %d: %q: native %d (%v), hf %d (%v)", seed, text, got, err, want, wantErr)
				}
			}
		})
	}
}

// change returns a tokenizer.json with some of its keys set anew.
func change(t *testing.T, config []byte, changes map[string]string) []byte {
	t.Helper()
	var file map[string]json.RawMessage
	if err := json.Unmarshal(config, &file); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		file[key] = json.RawMessage(value)
	}
	out, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
