package bpe

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// load reads a tokenizer.json (tokenizers/src/tokenizer/serialization.rs and
// models/bpe/serialization.rs). Keys unknown to Hugging Face are passed over,
// as it does; truncation, padding, post_processor and decoder change no count.
func load(file pipeline.Object) (*tokenizer, error) {
	version := "1.0"
	if err := file.Decode("version", &version); err != nil {
		return nil, err
	}
	if version != "1.0" {
		return nil, pipeline.Unsupported("version %q", version)
	}
	t := &tokenizer{}
	var spec, normalizer, pre pipeline.Object
	if err := file.Require("model", &spec); err != nil {
		return nil, err
	}
	// The cheap refusals first: vocabularies are large.
	if err := checkModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if err := file.Decode("normalizer", &normalizer); err != nil {
		return nil, err
	}
	if err := t.setNormalizer(normalizer); err != nil {
		return nil, err
	}
	if err := file.Decode("pre_tokenizer", &pre); err != nil {
		return nil, err
	}
	if err := t.setPretokenizer(pre); err != nil {
		return nil, err
	}
	var err error
	if t.model, err = loadModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return t, nil
}

// setNormalizer accepts none, NFC, and sequences of them.
func (t *tokenizer) setNormalizer(o pipeline.Object) error {
	if o == nil {
		return nil
	}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	switch kind {
	case "NFC":
		t.nfc = true
		return nil
	case "Sequence":
		var parts []pipeline.Object
		if err := o.Require("normalizers", &parts); err != nil {
			return fmt.Errorf("normalizer: %w", err)
		}
		for _, part := range parts {
			if part == nil {
				return pipeline.Unsupported("normalizer null in a Sequence")
			}
			if err := t.setNormalizer(part); err != nil {
				return err
			}
		}
		return nil
	}
	return pipeline.Unsupported("normalizer %q", kind)
}

// checkModel refuses what is not a plain byte-level BPE model.
func checkModel(o pipeline.Object) error {
	kind := "BPE" // files from before tokenizers 0.9 name no type
	if err := o.Decode("type", &kind); err != nil {
		return err
	}
	if kind != "BPE" {
		return pipeline.Unsupported("type %q", kind)
	}
	if o["vocab"] == nil || o["merges"] == nil {
		return pipeline.Unsupported("without vocab and merges")
	}
	var dropout float64
	if err := o.Decode("dropout", &dropout); err != nil {
		return err
	}
	if dropout != 0 {
		return pipeline.Unsupported("dropout %v", dropout)
	}
	for _, key := range []string{"continuing_subword_prefix", "end_of_word_suffix"} {
		var affix string
		if err := o.Decode(key, &affix); err != nil {
			return err
		}
		if affix != "" {
			return pipeline.Unsupported("%s %q", key, affix)
		}
	}
	var fallback bool
	if err := o.Decode("byte_fallback", &fallback); err != nil {
		return err
	}
	if fallback {
		return pipeline.Unsupported("byte_fallback")
	}
	return nil
}

// loadModel returns the model. unk_token and fuse_unk are
// not asked for: a vocabulary that has every byte leaves nothing unknown.
func loadModel(o pipeline.Object) (*model, error) {
	vocab, err := readVocab(o["vocab"])
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	m := &model{}
	for b, char := range byteChars {
		id, ok := vocab[string(char)]
		if !ok && inUTF8(byte(b)) {
			return nil, pipeline.Unsupported("vocab without byte 0x%02X", b)
		}
		m.bytes[b] = id
	}
	type merge struct{ left, right, merged uint32 }
	var merges []merge
	err = readMerges(o["merges"], func(left, right string) error {
		l, ok1 := vocab[left]
		r, ok2 := vocab[right]
		merged, ok3 := vocab[left+right]
		if !ok1 || !ok2 || !ok3 {
			return pipeline.Unsupported("merge %q + %q of a token that is not in vocab", left, right)
		}
		merges = append(merges, merge{l, r, merged})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	m.merges = newMergeTable(len(merges))
	for rank, x := range merges {
		m.merges.set(x.left, x.right, uint32(rank), x.merged)
	}
	var ignoreMerges bool
	if err := o.Decode("ignore_merges", &ignoreMerges); err != nil {
		return nil, err
	}
	if ignoreMerges {
		m.whole = make(map[string]struct{}, len(vocab))
		for token := range vocab {
			if text, ok := tokenBytes(token); ok {
				m.whole[text] = struct{}{}
			}
		}
	}
	return m, nil
}

// readVocab reads the ids of tokens. An id that two tokens share would make
// merges of the one merges of the other.
func readVocab(raw []byte) (map[string]uint32, error) {
	vocab := make(map[string]uint32, len(raw)/16)
	ids := make([]uint32, 0, len(raw)/16)
	err := pipeline.EachMember(raw, func(token string, value []byte) error {
		id, err := strconv.ParseUint(string(value), 10, 32)
		vocab[token] = uint32(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range vocab {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return nil, pipeline.Unsupported("id %d for two tokens", ids[i])
		}
	}
	return vocab, nil
}

// readMerges calls fn for every merge in order. They come in either form:
// pairs of tokens, or older, strings of two tokens with a space between.
func readMerges(raw []byte, fn func(left, right string) error) error {
	return pipeline.EachElement(raw, func(value []byte) error {
		switch value[0] {
		case '"':
			line, err := pipeline.Unquote(value)
			if err != nil || strings.HasPrefix(line, "#version") {
				return err
			}
			left, right, ok := strings.Cut(line, " ")
			if !ok || strings.Contains(right, " ") {
				return pipeline.Unsupported("merge %q is not two tokens", line)
			}
			return fn(left, right)
		case '[':
			var pair [2]string
			n := 0
			err := pipeline.EachElement(value, func(value []byte) (err error) {
				if n < len(pair) {
					pair[n], err = pipeline.Unquote(value)
				}
				n++
				return err
			})
			if err == nil && n != len(pair) {
				err = pipeline.Unsupported("merge of %d tokens", n)
			}
			if err != nil {
				return err
			}
			return fn(pair[0], pair[1])
		}
		return errors.New("not a merge")
	})
}

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
