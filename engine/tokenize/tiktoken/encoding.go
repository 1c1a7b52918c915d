package tiktoken

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Encoding is what a rank file does not say.
type Encoding struct {
	Name    string
	Pattern string    // cuts text into pretokens: an expression as Oniguruma reads it
	NFC     bool      // text is brought to NFC first
	Special []Special // by id
}

// Special is a special token: text that is one token wherever it stands.
type Special struct {
	Text string
	ID   uint32
}

// The patterns as tokenizer.json files spell them. Those of tiktoken
// (tiktoken_ext/openai_public.py) mean the same, but are written for another
// engine: {1,3}+ is possessive there, and repeats {1,3} in Oniguruma.
const (
	contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	words        = contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|`
	signs        = `| ?[^\s\p{L}\p{N}]+[\r\n]*`
	spaces       = `|\s+(?!\S)|\s+`
	linesSpaces  = `|\s*[\r\n]+` + spaces

	prefix  = `[^\r\n\p{L}\p{N}]?`
	upper   = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lower   = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	kUpper  = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
	kLower  = `[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
	maybe   = contractions + `?|`
	gpt2    = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` + spaces
	cl100k  = words + `\p{N}{1,3}` + signs + `|\s++$|\s*[\r\n]` + spaces
	llama3  = words + `\p{N}{1,3}` + signs + linesSpaces
	qwen    = words + `\p{N}` + signs + linesSpaces
	o200k   = prefix + upper + `*` + lower + `+` + maybe + prefix + upper + `+` + lower + `*` + maybe + `\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + linesSpaces
	kimi    = `[\p{Han}]+|` + prefix + kUpper + `*` + kLower + `+` + maybe + prefix + kUpper + `+` + kLower + `*` + maybe + `\p{N}{1,3}` + signs + linesSpaces
	endText = "<|endoftext|>"
)

// encodings are the known ones by name. Of kimi_k2 and qwen the special tokens
// are not part of the pattern's publication but of each model's, so they have
// none here. They are made when one is asked for, not at every start of the program:
// one has 1,091 special tokens.
var encodings = sync.OnceValue(func() map[string]Encoding {
	return map[string]Encoding{
		"r50k_base": {Pattern: gpt2, Special: []Special{{endText, 50256}}},
		"p50k_base": {Pattern: gpt2, Special: []Special{{endText, 50256}}},
		"p50k_edit": {Pattern: gpt2, Special: []Special{
			{endText, 50256}, {"<|fim_prefix|>", 50281}, {"<|fim_middle|>", 50282}, {"<|fim_suffix|>", 50283},
		}},
		"cl100k_base": {Pattern: cl100k, Special: []Special{
			{endText, 100257}, {"<|fim_prefix|>", 100258}, {"<|fim_middle|>", 100259}, {"<|fim_suffix|>", 100260},
			{"<|endofprompt|>", 100276},
		}},
		"o200k_base":    {Pattern: o200k, Special: []Special{{endText, 199999}, {"<|endofprompt|>", 200018}}},
		"o200k_harmony": {Pattern: o200k, Special: harmonySpecial()},
		"llama3":        {Pattern: llama3, Special: llama3Special()},
		"qwen":          {Pattern: qwen, NFC: true},
		"kimi_k2":       {Pattern: kimi},
	}
})

// harmonySpecial returns the special tokens of openai/harmony.
func harmonySpecial() []Special {
	names := map[uint32]string{
		199998: "<|startoftext|>", 199999: endText, 200002: "<|return|>", 200003: "<|constrain|>",
		200005: "<|channel|>", 200006: "<|start|>", 200007: "<|end|>", 200008: "<|message|>", 200012: "<|call|>",
	}
	var all []Special
	for id := uint32(199998); id < 201088; id++ {
		name, ok := names[id]
		if !ok {
			name = fmt.Sprintf("<|reserved_%d|>", id)
		}
		all = append(all, Special{name, id})
		if id == 200018 { // two names for one id
			all = append(all, Special{"<|endofprompt|>", id})
		}
	}
	return all
}

// llama3Special returns the special tokens of meta-llama/llama3 (tokenizer.py).
func llama3Special() []Special {
	const first, count = 128000, 256
	names := map[uint32]string{0: "<|begin_of_text|>", 1: "<|end_of_text|>", 6: "<|start_header_id|>", 7: "<|end_header_id|>", 9: "<|eot_id|>"}
	var all []Special
	reserved := 0
	for i := range uint32(count) {
		name, ok := names[i]
		if !ok {
			name = fmt.Sprintf("<|reserved_special_token_%d|>", reserved)
			reserved++
		}
		all = append(all, Special{name, first + i})
	}
	return all
}

// Names returns the names that ByName knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(encodings())) }

// ByName returns the encoding of a name.
func ByName(name string) (Encoding, bool) {
	e, ok := encodings()[name]
	e.Name = name
	return e, ok
}

// digests are the SHA-256 of the published files.
var digests = map[string]string{
	"306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930": "r50k_base",
	"94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069": "p50k_base",
	"223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7": "cl100k_base",
	"446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d": "o200k_base",
	"82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55": "llama3",
}

// Identify returns the encoding of a published rank file.
func Identify(file []byte) (Encoding, bool) {
	sum := sha256.Sum256(file)
	return ByName(digests[hex.EncodeToString(sum[:])])
}
