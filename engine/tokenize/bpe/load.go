package bpe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// object is a JSON object with its keys as they are spelt: encoding/json would
// match the fields of a struct whatever their case, which serde does not.
type object map[string]json.RawMessage

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", doc.ErrUnsupported, fmt.Sprintf(format, args...))
}

// decode reads the value of a key; absent and null leave v as it is.
func (o object) decode(key string, v any) error {
	raw, ok := o[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// require is decode for a key that serde does not let be absent or null.
func (o object) require(key string, v any) error {
	if raw, ok := o[key]; !ok || string(raw) == "null" {
		return unsupported("no %s", key)
	}
	return o.decode(key, v)
}

// load reads a tokenizer.json (tokenizers/src/tokenizer/serialization.rs and
// models/bpe/serialization.rs). Keys unknown to Hugging Face are passed over,
// as it does; truncation, padding, post_processor and decoder change no count.
func load(data []byte, addedAsText bool) (*Counter, error) {
	var file object
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	version := "1.0"
	if err := file.decode("version", &version); err != nil {
		return nil, err
	}
	if version != "1.0" {
		return nil, unsupported("version %q", version)
	}
	c := &Counter{}
	var spec, normalizer, pre object
	if err := file.require("model", &spec); err != nil {
		return nil, err
	}
	// The cheap refusals first: vocabularies are large.
	if err := checkModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if err := file.decode("normalizer", &normalizer); err != nil {
		return nil, err
	}
	if err := c.setNormalizer(normalizer); err != nil {
		return nil, err
	}
	if err := file.decode("pre_tokenizer", &pre); err != nil {
		return nil, err
	}
	if err := c.setPretokenizer(pre); err != nil {
		return nil, err
	}
	model, vocab, err := loadModel(spec)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	c.model = model
	var added []object
	if err := file.decode("added_tokens", &added); err != nil {
		return nil, err
	}
	if addedAsText {
		added = nil
	}
	if err := c.setAdded(added, vocab); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	return c, nil
}

// setNormalizer accepts none, NFC, and sequences of them.
func (c *Counter) setNormalizer(o object) error {
	if o == nil {
		return nil
	}
	var kind string
	if err := o.decode("type", &kind); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	switch kind {
	case "NFC":
		c.nfc = true
		return nil
	case "Sequence":
		var parts []object
		if err := o.require("normalizers", &parts); err != nil {
			return fmt.Errorf("normalizer: %w", err)
		}
		for _, part := range parts {
			if part == nil {
				return unsupported("normalizer null in a Sequence")
			}
			if err := c.setNormalizer(part); err != nil {
				return err
			}
		}
		return nil
	}
	return unsupported("normalizer %q", kind)
}

// checkModel refuses what is not a plain byte-level BPE model.
func checkModel(o object) error {
	kind := "BPE" // files from before tokenizers 0.9 name no type
	if err := o.decode("type", &kind); err != nil {
		return err
	}
	if kind != "BPE" {
		return unsupported("type %q", kind)
	}
	if o["vocab"] == nil || o["merges"] == nil {
		return unsupported("without vocab and merges")
	}
	var dropout float64
	if err := o.decode("dropout", &dropout); err != nil {
		return err
	}
	if dropout != 0 {
		return unsupported("dropout %v", dropout)
	}
	for _, key := range []string{"continuing_subword_prefix", "end_of_word_suffix"} {
		var affix string
		if err := o.decode(key, &affix); err != nil {
			return err
		}
		if affix != "" {
			return unsupported("%s %q", key, affix)
		}
	}
	var fallback bool
	if err := o.decode("byte_fallback", &fallback); err != nil {
		return err
	}
	if fallback {
		return unsupported("byte_fallback")
	}
	return nil
}

// loadModel returns the model and its vocabulary. unk_token and fuse_unk are
// not asked for: a vocabulary that has every byte leaves nothing unknown.
func loadModel(o object) (*model, map[string]uint32, error) {
	var vocab map[string]uint32
	if err := o.require("vocab", &vocab); err != nil {
		return nil, nil, err
	}
	owner := make(map[uint32]string, len(vocab))
	for token, id := range vocab {
		if other, taken := owner[id]; taken {
			return nil, nil, unsupported("vocab gives id %d to %q and %q", id, min(token, other), max(token, other))
		}
		owner[id] = token
	}
	m := &model{}
	for b, char := range byteChars {
		id, ok := vocab[string(char)]
		if !ok && inUTF8(byte(b)) {
			return nil, nil, unsupported("vocab without byte 0x%02X", b)
		}
		m.bytes[b] = id
	}
	pairs, err := mergePairs(o["merges"])
	if err != nil {
		return nil, nil, err
	}
	m.merges = newMergeTable(len(pairs))
	for rank, pair := range pairs {
		left, ok1 := vocab[pair[0]]
		right, ok2 := vocab[pair[1]]
		merged, ok3 := vocab[pair[0]+pair[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, nil, unsupported("merge %q + %q of a token that is not in vocab", pair[0], pair[1])
		}
		m.merges.set(left, right, uint32(rank), merged)
	}
	var ignoreMerges bool
	if err := o.decode("ignore_merges", &ignoreMerges); err != nil {
		return nil, nil, err
	}
	if ignoreMerges {
		m.whole = make(map[string]struct{}, len(vocab))
		for token := range vocab {
			if text, ok := tokenBytes(token); ok {
				m.whole[text] = struct{}{}
			}
		}
	}
	return m, vocab, nil
}

// mergePairs reads merges in either form: pairs of tokens, or older, strings
// of two tokens with a space between.
func mergePairs(raw json.RawMessage) ([][2]string, error) {
	if first := bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("[")), " \t\r\n"); len(first) > 0 && first[0] == '"' {
		var lines []string
		if err := json.Unmarshal(raw, &lines); err != nil {
			return nil, fmt.Errorf("merges: %w", err)
		}
		pairs := make([][2]string, 0, len(lines))
		for _, line := range lines {
			if strings.HasPrefix(line, "#version") {
				continue
			}
			left, right, ok := strings.Cut(line, " ")
			if !ok || strings.Contains(right, " ") {
				return nil, unsupported("merge %q is not two tokens", line)
			}
			pairs = append(pairs, [2]string{left, right})
		}
		return pairs, nil
	}
	var lists [][]string
	if err := json.Unmarshal(raw, &lists); err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	pairs := make([][2]string, len(lists))
	for i, list := range lists {
		if len(list) != 2 {
			return nil, unsupported("merge %q is not two tokens", list)
		}
		pairs[i] = [2]string(list)
	}
	return pairs, nil
}

// setAdded sets up the search for added tokens (added_vocabulary.rs): special
// ones come first, and those to be normalised are looked for in their
// normalised form.
func (c *Counter) setAdded(list []object, vocab map[string]uint32) error {
	var raw, normalized [2][]addedToken // by special, others
	seen := map[string]addedFlags{}
	for _, o := range list {
		var t addedToken
		var f addedFlags
		for key, v := range map[string]any{
			"content": &t.content, "single_word": &f.singleWord, "lstrip": &f.lstrip, "rstrip": &f.rstrip,
			"normalized": &f.normalized, "special": &f.special,
		} {
			if err := o.require(key, v); err != nil {
				return err
			}
		}
		if t.content == "" {
			continue
		}
		if earlier, ok := seen[t.content]; ok {
			if earlier != f {
				return unsupported("two of %q with different flags", t.content)
			}
			continue
		}
		seen[t.content] = f
		t.singleWord, t.lstrip, t.rstrip = f.singleWord, f.lstrip, f.rstrip
		rank := 1
		if f.special {
			rank = 0
		}
		if !f.normalized {
			raw[rank] = append(raw[rank], t)
			continue
		}
		if c.nfc {
			var z ucd.Normalizer
			t.content = string(z.AppendNFC(nil, []byte(t.content)))
		}
		normalized[rank] = append(normalized[rank], t)
	}
	c.raw = newAddedTokens(append(raw[0], raw[1]...))
	c.normalized = newAddedTokens(append(normalized[0], normalized[1]...))
	return nil
}

type addedFlags struct{ singleWord, lstrip, rstrip, normalized, special bool }

// byteChars are the characters that byte-level vocabularies spell bytes with:
// printable ones stand for themselves, the others are moved up by 256
// (bytes_to_unicode of GPT-2's encoder.py).
var byteChars = func() (chars [256]rune) {
	moved := rune(256)
	for b := range chars {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			chars[b] = rune(b)
			continue
		}
		chars[b] = moved
		moved++
	}
	return chars
}()

var charBytes = func() map[rune]byte {
	m := make(map[rune]byte, len(byteChars))
	for b, r := range byteChars {
		m[r] = byte(b)
	}
	return m
}()

// tokenBytes returns the bytes that a token of the vocabulary spells; ok is
// false for one, like most added tokens, that spells none.
func tokenBytes(token string) (text string, ok bool) {
	out := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := charBytes[r]
		if !ok {
			return "", false
		}
		out = append(out, b)
	}
	return string(out), true
}

// inUTF8 reports whether b occurs in valid UTF-8.
func inUTF8(b byte) bool { return b != 0xC0 && b != 0xC1 && b < 0xF5 }
