package spbpe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

// slow is BPE as Hugging Face writes it down, over strings: merge_word of
// models/bpe/model.rs, one pair after another, and Metaspace of
// pre_tokenizers/metaspace.rs. It reads the file by itself.
type slow struct {
	Normalizer, PreTokenizer *slowPart
	Model                    slowModel
	ranks                    map[[2]string]int
}

type slowModel struct {
	Vocab        map[string]int
	Merges       []any
	UnkToken     *string `json:"unk_token"`
	FuseUnk      bool    `json:"fuse_unk"`
	ByteFallback bool    `json:"byte_fallback"`
	IgnoreMerges bool    `json:"ignore_merges"`
}

func (m *slowModel) has(token string) bool { _, ok := m.Vocab[token]; return ok }

type slowPart struct {
	Type                       string
	Normalizers, Pretokenizers []*slowPart
	StripLeft                  bool   `json:"strip_left"`
	StripRight                 bool   `json:"strip_right"`
	PrependScheme              string `json:"prepend_scheme"`
	Split                      *bool
}

func newSlow(t testing.TB, config []byte) *slow {
	t.Helper()
	s := &slow{ranks: map[[2]string]int{}}
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(config, &sections); err != nil {
		t.Fatal(err)
	}
	for key, v := range map[string]any{"normalizer": &s.Normalizer, "pre_tokenizer": &s.PreTokenizer, "model": &s.Model} {
		if raw, ok := sections[key]; ok {
			if err := json.Unmarshal(raw, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	for rank, m := range s.Model.Merges {
		switch m := m.(type) {
		case string:
			l, r, _ := strings.Cut(m, " ")
			s.ranks[[2]string{l, r}] = rank
		case []any:
			s.ranks[[2]string{m[0].(string), m[1].(string)}] = rank
		}
	}
	return s
}

// count is that of a text without added tokens.
func (s *slow) count(text string, first bool) (n int) {
	if text = s.normalize(s.Normalizer, text); text == "" {
		return 0
	}
	for _, word := range s.pretokenize(s.PreTokenizer, []string{text}, first) {
		n += s.countWord(word)
	}
	return n
}

func (s *slow) normalize(p *slowPart, text string) string {
	switch {
	case p == nil:
	case p.Type == "Prepend":
		if text != "" {
			text = "▁" + text
		}
	case p.Type == "Lowercase":
		text = strings.ToLower(text)
	case p.Type == "Strip":
		if p.StripLeft {
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
		}
		if p.StripRight {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
	case p.Type == "Replace":
		text = strings.ReplaceAll(text, " ", "▁")
	case p.Type == "Sequence":
		for _, part := range p.Normalizers {
			text = s.normalize(part, text)
		}
	default:
		panic(p.Type)
	}
	return text
}

func (s *slow) pretokenize(p *slowPart, words []string, first bool) []string {
	switch {
	case p == nil:
	case p.Type == "Sequence":
		for _, part := range p.Pretokenizers {
			words = s.pretokenize(part, words, first)
		}
	case p.Type == "Split":
		for _, word := range words {
			if strings.Contains(word, " ") {
				panic("Split at spaces that are there")
			}
		}
	case p.Type == "Metaspace":
		var out []string
		for i, word := range words {
			word = strings.ReplaceAll(word, " ", "▁")
			if p.PrependScheme == "" {
				p.PrependScheme = "always"
			}
			if !strings.HasPrefix(word, "▁") && (p.PrependScheme == "always" || p.PrependScheme == "first" && first && i == 0) {
				word = "▁" + word
			}
			if p.Split != nil && !*p.Split {
				out = append(out, word)
				continue
			}
			start := 0
			for j := range word {
				if j > start && strings.HasPrefix(word[j:], "▁") {
					out = append(out, word[start:j])
					start = j
				}
			}
			out = append(out, word[start:])
		}
		words = out
	default:
		panic(p.Type)
	}
	return words
}

func (s *slow) countWord(word string) int {
	m := &s.Model
	if m.IgnoreMerges && m.has(word) {
		return 1
	}
	var parts []string
	var unk *string
	for _, r := range word {
		char := string(r)
		if m.has(char) {
			if unk != nil {
				parts = append(parts, *unk)
				unk = nil
			}
			parts = append(parts, char)
			continue
		}
		if m.ByteFallback {
			var tokens []string
			for _, b := range []byte(char) {
				if code := fmt.Sprintf("<0x%02X>", b); m.has(code) {
					tokens = append(tokens, code)
				}
			}
			if len(tokens) == len(char) {
				parts = append(parts, tokens...)
				continue
			}
		}
		if m.UnkToken != nil {
			if unk != nil && !m.FuseUnk {
				parts = append(parts, *unk)
			}
			unk = m.UnkToken
		}
	}
	if unk != nil {
		parts = append(parts, *unk)
	}
	for {
		best, at := -1, 0
		for i := 1; i < len(parts); i++ {
			if rank, ok := s.ranks[[2]string{parts[i-1], parts[i]}]; ok && (best < 0 || rank < best) {
				best, at = rank, i
			}
		}
		if best < 0 {
			return len(parts)
		}
		parts[at-1] += parts[at]
		parts = append(parts[:at], parts[at+1:]...)
	}
}
