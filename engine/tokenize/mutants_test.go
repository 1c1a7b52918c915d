package tokenize_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/refdata"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/tokenize/internal/tricky"
)

// TestEnginesAgreeOnMutants makes up tokenizers that nobody has published: small
// ones of every model type, with their normalizer, pre-tokenizer, model flags,
// vocabulary and added tokens changed at random. The native engine may refuse
// one; if it does not, it must count what Hugging Face's library counts, and
// know no text on which that fails. TALLYSTICK_SEED and TALLYSTICK_MUTANTS (of
// each base) change what is made up; TALLYSTICK_MUTANT is the only one to try.
func TestEnginesAgreeOnMutants(t *testing.T) {
	needHF(t)
	seed := environment(t, "TALLYSTICK_SEED", 1)
	mutants := environment(t, "TALLYSTICK_MUTANTS", 60)
	t.Logf("TALLYSTICK_SEED=%d TALLYSTICK_MUTANTS=%d", seed, mutants)
	for name, base := range bases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accepted := 0
			only := environment(t, "TALLYSTICK_MUTANT", -1)
			for i := range mutants {
				if only >= 0 && i != only {
					continue
				}
				rng := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
				m := base.mutate(rng)
				if m.agrees(t, rng, fmt.Sprintf("seed %d, mutant %d", seed, i)) {
					accepted++
				}
			}
			t.Logf("the native engine accepts %d of %d", accepted, mutants)
		})
	}
}

// Hugging Face reads merges as text or as lists, not both in one file.
func TestMergesOfTwoFormsAreRefused(t *testing.T) {
	for name, m := range bases(t) {
		merges, ok := m.model["merges"].([]any)
		if !ok {
			continue
		}
		left, right := halves(merges[0])
		merges[0] = left + " " + right
		config, err := json.Marshal(m.file)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = tokenize.OpenBytes(name, config, tokenize.Options{Engine: tokenize.EngineNative})
		if !errors.Is(err, doc.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A mutant is a tokenizer.json and what has been done to it.
type mutant struct {
	file    map[string]any
	model   map[string]any // of file
	entries []string       // what the vocabulary spells
	changes []string
}

// agrees compares the engines; it returns false if the native engine refuses.
func (m *mutant) agrees(t *testing.T, rng *rand.Rand, name string) bool {
	config, err := json.Marshal(m.file)
	if err != nil {
		t.Fatal(err)
	}
	o := tokenize.Options{Engine: tokenize.EngineNative, AddedTokens: []string{tokenize.AddedMatch, tokenize.AddedText}[rng.IntN(8)/7]}
	native, _, err := tokenize.OpenBytes(name, config, o)
	if errors.Is(err, doc.ErrUnsupported) || errors.Is(err, doc.ErrInput) {
		return false
	}
	if err != nil {
		t.Errorf("%s, %q: %v", name, m.changes, err)
		return false
	}
	o.Engine = tokenize.EngineHF
	reference, _, err := tokenize.OpenBytes(name, config, o)
	if err != nil {
		t.Errorf("%s, %q: native opens it, hf does not: %v", name, m.changes, err)
		return true
	}
	var added []string
	for _, a := range m.added() {
		added = append(added, a["content"].(string))
	}
	for range 60 {
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			switch k := rng.IntN(8); {
			case k == 0:
				b.WriteString(tricky.Text(rng, m.entries))
			case k < 3:
				b.WriteString(trap(rng))
			case k < 5 && len(added) > 0:
				b.WriteString(spoil(rng, added[rng.IntN(len(added))]))
			case k < 6:
				b.WriteString(" ")
			default:
				b.WriteString(m.entries[rng.IntN(len(m.entries))])
			}
		}
		text := strings.ToValidUTF8(b.String(), "\uFFFD")
		if !same(native, reference, text) {
			text = shortened(text, func(text string) bool { return !same(native, reference, text) })
			got, err := native.TryCount([]byte(text))
			want, wantErr := reference.TryCount([]byte(text))
			t.Errorf("%s, %q: %+q: native %d (%v), hf %d (%v)", name, m.changes, text, got, err, want, wantErr)
			break
		}
	}
	return true
}

func same(a, b *tokenize.Counter, text string) bool {
	n, errA := a.TryCount([]byte(text))
	m, errB := b.TryCount([]byte(text))
	return errA == nil && errB == nil && n == m
}

// shortened leaves out of a text what is not needed for it to be bad.
func shortened(text string, bad func(text string) bool) string {
	runes := []rune(text)
	for step := len(runes); step > 0; step /= 2 {
		for i := 0; i+step <= len(runes); {
			if less := slices.Concat(runes[:i], runes[i+step:]); bad(string(less)) {
				runes = less
			} else {
				i += step
			}
		}
	}
	return string(runes)
}

func (m *mutant) added() []map[string]any { return m.file["added_tokens"].([]map[string]any) }

// bases are small tokenizers of every model type.
func bases(t testing.TB) map[string]*mutant {
	t.Helper()
	refdata.Need(t)
	read := func(name string) []byte { return refdata.ReadAll(t, refdata.Path("tokenizers", name+".json.zst")) }
	return map[string]*mutant{
		"byte-level":          base(t, read("gpt2"), 2500),
		"SentencePiece-style": base(t, read("llama2"), 3000),
		"Unigram":             base(t, read("t5"), 3000),
		"WordPiece":           base(t, read("bert-base-uncased"), 5000),
	}
}

// base cuts a tokenizer down to its first tokens and all that are one character.
func base(t testing.TB, config []byte, tokens int) *mutant {
	t.Helper()
	m := &mutant{file: map[string]any{}}
	if err := json.Unmarshal(config, &m.file); err != nil {
		t.Fatal(err)
	}
	m.model = m.file["model"].(map[string]any)
	switch vocab := m.model["vocab"].(type) {
	case []any: // Unigram
		m.model["vocab"] = vocab[:min(tokens, len(vocab))]
		for _, entry := range m.model["vocab"].([]any) {
			m.entries = append(m.entries, strings.ReplaceAll(entry.([]any)[0].(string), "▁", " "))
		}
	case map[string]any:
		kept := map[string]any{}
		for token, id := range vocab {
			if int(id.(float64)) < tokens || len([]rune(token)) == 1 || strings.HasPrefix(token, "<|") {
				kept[token] = id
			}
		}
		m.model["vocab"] = kept
		for _, token := range slices.Sorted(maps.Keys(kept)) {
			text, ok := byteLevelText(token)
			if !ok || m.model["merges"] == nil {
				text = strings.TrimPrefix(strings.ReplaceAll(token, "▁", " "), "##")
			}
			if text != "" {
				m.entries = append(m.entries, text)
			}
		}
		if merges, ok := m.model["merges"].([]any); ok {
			var live []any
			for _, merge := range merges {
				left, right := halves(merge)
				if kept[left] != nil && kept[right] != nil && kept[left+right] != nil {
					live = append(live, []any{left, right})
				}
			}
			m.model["merges"] = live
		}
	}
	var added []map[string]any
	for _, a := range m.file["added_tokens"].([]any) {
		added = append(added, a.(map[string]any))
	}
	m.file["added_tokens"] = added[:min(4, len(added))]
	return m
}

func halves(merge any) (left, right string) {
	if s, ok := merge.(string); ok {
		left, right, _ = strings.Cut(s, " ")
		return left, right
	}
	pair := merge.([]any)
	return pair[0].(string), pair[1].(string)
}

// mutate returns a copy with a few changes.
func (m *mutant) mutate(rng *rand.Rand) *mutant {
	c := &mutant{file: maps.Clone(m.file), model: maps.Clone(m.model), entries: m.entries}
	c.file["model"] = c.model
	for range 1 + rng.IntN(4) {
		switch rng.IntN(8) {
		case 0, 1:
			c.set("normalizer", some(rng, c.normalizer))
		case 2, 3:
			value := some(rng, c.preTokenizer)
			if own, ok := m.file["pre_tokenizer"].(object); ok && own["type"] == "ByteLevel" && value != nil && rng.IntN(4) > 0 {
				bytes := object{"type": "ByteLevel", "add_prefix_space": rng.IntN(4) == 0, "trim_offsets": true, "use_regex": flip(rng)}
				value = object{"type": "Sequence", "pretokenizers": []any{value, bytes}}
			}
			c.set("pre_tokenizer", value)
		case 4:
			c.changeFlag(rng)
		case 5:
			c.changeVocabulary(rng)
		default:
			c.addToken(rng)
		}
	}
	return c
}

func (m *mutant) set(section string, value any) {
	m.file[section] = value
	text, _ := json.Marshal(value)
	if len(text) > 500 {
		text = append(text[:500], "…"...)
	}
	m.changes = append(m.changes, section+" "+string(text))
}

type object = map[string]any

// some returns what one calls for, nothing, or a sequence of a few, with what
// the file has among them.
func some(rng *rand.Rand, one func(rng *rand.Rand) (o object, sequence, key string)) any {
	var parts []object
	for range 1 + rng.IntN(3) {
		if o, _, _ := one(rng); o != nil {
			parts = append(parts, o)
		}
	}
	_, sequence, key := one(rng)
	switch {
	case rng.IntN(10) == 0:
		return nil
	case len(parts) == 1 && rng.IntN(4) > 0:
		return parts[0]
	}
	return object{"type": sequence, key: parts}
}

func flip(rng *rand.Rand) bool { return rng.IntN(2) == 0 }

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// normalizer returns one at random, every other time what the file has.
func (m *mutant) normalizer(rng *rand.Rand) (o object, sequence, key string) {
	own, _ := m.file["normalizer"].(object)
	if flip(rng) {
		return own, "Sequence", "normalizers"
	}
	kind := pick(rng, "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Nmt", "Replace", "Replace", "Prepend", "BertNormalizer", "ByteLevel")
	o = object{"type": kind}
	switch kind {
	case "Strip":
		o["strip_left"], o["strip_right"] = flip(rng), flip(rng)
	case "Replace":
		o["pattern"] = pick(rng, object{"String": " "}, object{"String": "▁"}, object{"String": "aa"}, object{"String": "``"}, object{"String": ""},
			object{"Regex": " {2,}"}, object{"Regex": `\s+`}, object{"Regex": " +"}, object{"Regex": `\p{Zs}`}, object{"Regex": "[a-c]"}, object{"Regex": `\d`})
		o["content"] = pick(rng, "▁", " ", "", "a", "  ", "é")
	case "Prepend":
		o["prepend"] = pick(rng, "▁", " ", "a", "", "\u0301")
	case "BertNormalizer":
		o["clean_text"], o["handle_chinese_chars"], o["lowercase"] = flip(rng), flip(rng), flip(rng)
		o["strip_accents"] = pick[any](rng, nil, true, false)
	}
	return o, "Sequence", "normalizers"
}

// preTokenizer is normalizer for pre-tokenizers.
func (m *mutant) preTokenizer(rng *rand.Rand) (o object, sequence, key string) {
	own, _ := m.file["pre_tokenizer"].(object)
	if flip(rng) {
		return own, "Sequence", "pretokenizers"
	}
	kind := pick(rng, "ByteLevel", "ByteLevel", "Split", "Split", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit", "Metaspace", "BertPreTokenizer", "CharDelimiterSplit", "UnicodeScripts")
	o = object{"type": kind}
	behavior := pick(rng, "Isolated", "Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")
	switch kind {
	case "ByteLevel":
		o["add_prefix_space"], o["trim_offsets"], o["use_regex"] = flip(rng), flip(rng), flip(rng)
	case "Split":
		names := slices.Sorted(maps.Keys(spellings))
		o["pattern"] = pick(rng, object{"String": " "}, object{"String": "a"}, object{"String": "▁"}, object{"Regex": `\d`}, object{"Regex": `\p{N}{1,3}`},
			object{"Regex": `\s+`}, object{"Regex": `\n`}, object{"Regex": `[一-龥]+`}, object{"Regex": `\w+|[^\w\s]+`}, object{"Regex": ` ?[^\s]+|\s`},
			object{"Regex": spellings[names[rng.IntN(len(names))]]}, object{"Regex": spellings[names[rng.IntN(len(names))]]})
		o["behavior"], o["invert"] = behavior, flip(rng)
	case "Digits":
		o["individual_digits"] = flip(rng)
	case "Punctuation":
		if flip(rng) {
			o["behavior"] = behavior
		}
	case "Metaspace":
		o["replacement"] = pick(rng, "▁", "▁", "▁", "_", "é")
		if flip(rng) {
			o["prepend_scheme"] = pick(rng, "always", "first", "never")
		}
		if flip(rng) {
			o["split"] = flip(rng)
		}
		if rng.IntN(4) == 0 {
			o["add_prefix_space"] = flip(rng)
		}
	case "CharDelimiterSplit":
		o["delimiter"] = pick(rng, " ", "a", "▁", "\n")
	}
	return o, "Sequence", "pretokenizers"
}

// changeFlag sets a key of the model that is neither vocabulary nor merges.
func (m *mutant) changeFlag(rng *rand.Rand) {
	token := m.entries[rng.IntN(len(m.entries))]
	var key string
	var value any
	switch {
	case m.model["unk_id"] != nil: // Unigram
		key = pick(rng, "unk_id", "byte_fallback")
		value = map[string]any{"unk_id": pick[any](rng, nil, 0, 2, 5, 1<<20), "byte_fallback": flip(rng)}[key]
	case m.model["merges"] == nil: // WordPiece
		key = pick(rng, "unk_token", "continuing_subword_prefix", "max_input_chars_per_word")
		value = map[string]any{"unk_token": pick(rng, "[UNK]", "the", "absent\x00"), "continuing_subword_prefix": pick(rng, "##", "", "#", "é"), "max_input_chars_per_word": pick(rng, 0, 1, 2, 5, 20, 1000)}[key]
	default:
		key = pick(rng, "ignore_merges", "unk_token", "fuse_unk", "byte_fallback", "continuing_subword_prefix", "end_of_word_suffix", "dropout")
		value = map[string]any{
			"ignore_merges": flip(rng), "unk_token": pick[any](rng, nil, "<unk>", token, "absent\x00"), "fuse_unk": flip(rng), "byte_fallback": flip(rng),
			"continuing_subword_prefix": pick[any](rng, nil, "", "##", "Ġ"), "end_of_word_suffix": pick[any](rng, nil, "", "</w>"), "dropout": pick[any](rng, nil, 0, 0.1, 1),
		}[key]
	}
	m.model[key] = value
	m.changes = append(m.changes, fmt.Sprintf("%s %v", key, value))
}

// changeVocabulary changes tokens, their ids, scores, or merges.
func (m *mutant) changeVocabulary(rng *rand.Rand) {
	switch vocab := m.model["vocab"].(type) {
	case []any:
		vocab = slices.Clone(vocab)
		change := pick(rng, "same scores", "removed", "moved", "twice", "text")
		m.changes = append(m.changes, "pieces: "+change)
		for range 1 + rng.IntN(300) {
			i, j := 3+rng.IntN(len(vocab)-3), 3+rng.IntN(len(vocab)-3)
			text := vocab[i].([]any)[0]
			switch change {
			case "same scores":
				vocab[i] = []any{text, pick[any](rng, -5, 0, 1.5, -10.25, -1e300, -1e-300)}
			case "removed":
				vocab[i] = []any{"removed " + fmt.Sprint(i), -1}
			case "moved":
				vocab[i], vocab[j] = vocab[j], vocab[i]
			case "twice":
				vocab[i] = []any{text, vocab[j].([]any)[1]}
				vocab[j] = []any{text, vocab[j].([]any)[1]}
			case "text":
				vocab[i] = []any{pick(rng, "", " ", "▁▁", "a b", "\x00", "▁é", "中文", "<0x41>", "<0xE4>", "<0xB8>", "<0xAD>"), vocab[j].([]any)[1]}
			}
		}
		m.model["vocab"] = vocab
	case map[string]any:
		vocab = maps.Clone(vocab)
		tokens := slices.Sorted(maps.Keys(vocab))
		merges, _ := m.model["merges"].([]any)
		merges = slices.Clone(merges)
		change := pick(rng, "removed", "removed character", "same id", "far id", "spelled", "merges gone", "merges twice", "merges moved", "merges made", "merges as text")
		m.changes = append(m.changes, "vocabulary: "+change)
		for range 1 + rng.IntN(pick(rng, 2, 300)) {
			token := tokens[rng.IntN(len(tokens))]
			var at, to int
			if strings.HasPrefix(change, "merges") {
				if len(merges) == 0 {
					break
				}
				at, to = rng.IntN(len(merges)), rng.IntN(len(merges))
			}
			switch change {
			case "removed":
				delete(vocab, token)
			case "removed character":
				for n := len([]rune(token)); n != 1; n = len([]rune(token)) {
					token = tokens[rng.IntN(len(tokens))]
				}
				delete(vocab, token)
			case "same id":
				vocab[token] = vocab[tokens[rng.IntN(len(tokens))]]
			case "far id":
				vocab[token] = pick(rng, 1<<20, 1<<31, 0, len(tokens)) + rng.IntN(1000)
			case "spelled":
				vocab[pick(rng, "", " ", "##a", "▁▁▁", "<0x41>", "<0xE4>", "é", "ab", "Ġab", "a b", "中文", "\x00")] = len(tokens) + rng.IntN(1000)
			case "merges gone":
				merges = slices.Delete(merges, at, at+1)
			case "merges twice":
				merges = append(merges, merges[at])
			case "merges moved":
				merges[at], merges[to] = merges[to], merges[at]
			case "merges made": // another way to a token, if its halves are tokens
				if runes := []rune(token); len(runes) > 2 {
					cut := 1 + rng.IntN(len(runes)-1)
					left, right := string(runes[:cut]), string(runes[cut:])
					if vocab[left] != nil && vocab[right] != nil {
						merges[at] = []any{left, right}
					}
				}
			case "merges as text":
				left, right := halves(merges[at])
				merges[at] = left + " " + right
			}
		}
		if change == "merges as text" {
			for i := range merges {
				left, right := halves(merges[i])
				merges[i] = left + " " + right
			}
		}
		if merges != nil { // keep those that can be read
			merges = slices.DeleteFunc(merges, func(merge any) bool {
				left, right := halves(merge)
				return vocab[left] == nil || vocab[right] == nil || vocab[left+right] == nil
			})
			m.model["merges"] = merges
		}
		m.model["vocab"] = vocab
	}
}

// addToken adds an added token.
func (m *mutant) addToken(rng *rand.Rand) {
	content := pick(rng, "", " ", "  ", "\n", "▁", "▁▁", "a", "ab", "abc", "bc", "<s>", "é", "e\u0301", "\u0301", "ſ", "İ", "\u212a", "中", "中文", "\u00a0", " x", "x ", "<|x|>", "##a", "ABC", "_", "\u1112\u1161", "ﬁ", "\x00",
		m.entries[rng.IntN(len(m.entries))], m.entries[rng.IntN(len(m.entries))], m.entries[rng.IntN(len(m.entries))])
	if !jsonSafe(content) {
		return
	}
	a := object{"id": pick(rng, 1<<20, 5, 3000) + rng.IntN(1000), "content": content,
		"single_word": flip(rng), "lstrip": flip(rng), "rstrip": flip(rng), "normalized": flip(rng), "special": flip(rng)}
	m.file["added_tokens"] = append(slices.Clone(m.added()), a)
	m.changes = append(m.changes, fmt.Sprintf("added %+q %v", content, a))
}

func jsonSafe(text string) bool { return strings.ToValidUTF8(text, "") == text }
