package spbpe

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// loadModel reads the section model of a tokenizer.json.
func loadModel(o pipeline.Object) (*model, error) {
	var ignoreMerges bool
	m := &model{}
	unknown, err := checkModel(o, m, &ignoreMerges)
	if err != nil {
		return nil, err
	}
	vocab, err := readVocab(o["vocab"])
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	m.setUnknown(vocab)
	if err := checkUnknown(m, vocab, unknown); err != nil {
		return nil, err
	}
	merges, err := readMerges(o["merges"], vocab, func(token string) bool {
		return m.hasUnknown && m.unk && token == *unknown || m.byteFallback && isByteToken(token)
	})
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	if err := m.setMerges(vocab, merges); err != nil {
		return nil, err
	}
	if ignoreMerges {
		m.whole = vocab.ids
		for _, token := range vocab.tokens {
			m.longest = max(m.longest, len(token))
		}
	}
	return m, nil
}

// checkModel refuses what is not plain BPE over characters, and reads how
// characters that the vocabulary does not have are treated.
func checkModel(o pipeline.Object, m *model, ignoreMerges *bool) (unknown *string, err error) {
	kind := "BPE" // files from before tokenizers 0.9 name no type
	if err := o.Decode("type", &kind); err != nil {
		return nil, err
	}
	if kind != "BPE" {
		return nil, pipeline.Unsupported("type %q", kind)
	}
	if o["vocab"] == nil || o["merges"] == nil {
		return nil, pipeline.Unsupported("without vocab and merges")
	}
	var dropout float64
	var prefix, suffix string
	for key, v := range map[string]any{
		"dropout": &dropout, "continuing_subword_prefix": &prefix, "end_of_word_suffix": &suffix,
		"unk_token": &unknown, "byte_fallback": &m.byteFallback, "fuse_unk": &m.fuseUnk, "ignore_merges": ignoreMerges,
	} {
		if err := o.Decode(key, v); err != nil {
			return nil, err
		}
	}
	switch {
	case dropout != 0:
		return nil, pipeline.Unsupported("dropout %v", dropout)
	case prefix != "":
		return nil, pipeline.Unsupported("continuing_subword_prefix %q", prefix)
	case suffix != "":
		return nil, pipeline.Unsupported("end_of_word_suffix %q", suffix)
	}
	m.unk = unknown != nil
	return unknown, nil
}

func checkUnknown(m *model, v *vocab, unknown *string) error {
	if !m.hasUnknown || unknown == nil {
		return nil
	}
	if _, ok := v.ids[*unknown]; !ok {
		return pipeline.Unsupported("unk_token %q that is not in vocab", *unknown)
	}
	return nil
}

// vocab is the tokens of a vocabulary, numbered in the order of the file.
type vocab struct {
	tokens []string
	ids    map[string]uint32
}

// readVocab reads a vocabulary. An id that two tokens share would make merges
// of the one merges of the other.
func readVocab(raw []byte) (*vocab, error) {
	n := len(raw) / 16
	v := &vocab{ids: make(map[string]uint32, n), tokens: make([]string, 0, n)}
	given := make([]uint32, 0, n)
	err := pipeline.EachMember(raw, func(token string, value []byte) error {
		id, err := strconv.ParseUint(string(value), 10, 32)
		if err != nil {
			return err
		}
		if _, ok := v.ids[token]; ok {
			return pipeline.Unsupported("token %q twice", token)
		}
		v.ids[token] = uint32(len(v.tokens))
		v.tokens = append(v.tokens, token)
		given = append(given, uint32(id))
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(given)
	for i := 1; i < len(given); i++ {
		if given[i] == given[i-1] {
			return nil, pipeline.Unsupported("id %d for two tokens", given[i])
		}
	}
	return v, nil
}

// byteToken returns the token that stands for a byte.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

func isByteToken(token string) bool {
	return len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>'
}

// merge makes one token, product, of two; all are numbers of a vocab.
type merge struct{ left, right, product uint32 }

// readMerges returns the merges in order. They come in either form: pairs of
// tokens, or older, strings of two tokens with a space between. A merge of a
// token that stands for unknown characters or bytes is refused: nothing then
// is known of what such a token stands beside.
func readMerges(raw []byte, v *vocab, standsForUnknown func(string) bool) ([]merge, error) {
	merges := make([]merge, 0, len(raw)/32)
	add := func(left, right string) error {
		l, ok1 := v.ids[left]
		r, ok2 := v.ids[right]
		product, ok3 := v.ids[left+right]
		if !ok1 || !ok2 || !ok3 {
			return pipeline.Unsupported("merge %q + %q of a token that is not in vocab", left, right)
		}
		if standsForUnknown(left) || standsForUnknown(right) {
			return pipeline.Unsupported("merge %q + %q of a token for unknown characters", left, right)
		}
		merges = append(merges, merge{l, r, product})
		return nil
	}
	err := pipeline.EachElement(raw, func(value []byte) error {
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
			return add(left, right)
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
			return add(pair[0], pair[1])
		}
		return errors.New("not a merge")
	})
	return merges, err
}
