// Package bpe counts the tokens of byte-level BPE tokenizers exactly, and
// counts only: no ids are made.
//
// The definition is the number of ids that Hugging Face tokenizers 0.22.2
// returns with add_special_tokens=false and truncation and padding off. The
// stages are its: added tokens that are not normalised are found in the raw
// text, the text between them is normalised, normalised added tokens are found
// in that, the rest is cut into pretokens, and every pretoken is merged.
//
// What a tokenizer.json asks for is recognised from its normalizer,
// pre_tokenizer, model and added_tokens, never from a name. Seven families of
// pre-tokenizer are known, each a hand-written scanner for one regular
// expression (see families):
//
//	G2  GPT-2, GPT-NeoX, OLMo 1
//	CL  cl100k as OpenAI spells it today
//	L3  Llama 3, OLMo 2, and cl100k as it was first published
//	Q2  Qwen 2, 2.5 and 3
//	O2  o200k: GPT-4o, gpt-oss
//	TK  Tekken: Mistral Nemo
//	DS  DeepSeek V3
//
// Anything else is refused with an error that wraps doc.ErrUnsupported and
// names the thing. The Unicode data is that of package ucd.
package bpe

import (
	"fmt"
	"math"
	"sync"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// Counter counts tokens for one tokenizer. It is safe for concurrent use.
type Counter struct {
	family      string
	pretoken    pretokenizer
	nfc         bool // text between added tokens is brought to NFC
	prefixSpace bool // a segment that does not begin with a space is given one

	raw        *addedTokens // found in the text as it is
	normalized *addedTokens // found in the normalised text
	model      *model

	scratch sync.Pool // of *scratch
}

// New reads a Hugging Face tokenizer.json. With addedAsText, added tokens that
// stand in a text are counted as plain text. A configuration that this package
// does not know exactly gives an error that wraps doc.ErrUnsupported.
func New(json []byte, addedAsText bool) (*Counter, error) {
	c, err := load(json, addedAsText)
	if err != nil {
		return nil, fmt.Errorf("bpe: %w", err)
	}
	c.scratch.New = func() any { return newScratch(c.model) }
	return c, nil
}

// Family returns which of the known pre-tokenizers the tokenizer uses.
func (c *Counter) Family() string { return c.family }

// Count returns the number of tokens of text, which must be valid UTF-8 and
// shorter than 2 GiB. It needs about 40 bytes of memory for each byte of the
// longest pretoken, given back when it returns; most texts need none.
func (c *Counter) Count(text []byte) (int, error) {
	if len(text) > math.MaxInt32 {
		return 0, fmt.Errorf("bpe: a text of %d bytes is too long", len(text))
	}
	if !utf8.Valid(text) {
		return 0, fmt.Errorf("bpe: text is not valid UTF-8")
	}
	s := c.scratch.Get().(*scratch)
	n := c.count(text, s)
	s.trim()
	c.scratch.Put(s)
	return n, nil
}

func (c *Counter) count(text []byte, s *scratch) (n int) {
	for piece, added := range c.raw.split(text) {
		if added {
			n++
			continue
		}
		if c.nfc {
			piece = s.normalize(piece)
		}
		for segment, added := range c.normalized.split(piece) {
			if added {
				n++
				continue
			}
			if c.prefixSpace && segment[0] != ' ' {
				s.prefixed = append(append(s.prefixed[:0], ' '), segment...)
				segment = s.prefixed
			}
			n += c.countSegment(segment, s)
		}
	}
	return n
}

func (c *Counter) countSegment(text []byte, s *scratch) (n int) {
	for i := 0; i < len(text); {
		end := c.pretoken.next(text, i)
		n += s.cache.count(text, i, end)
		i = end
	}
	return n
}

// scratch is the memory of one Count at a time. What it caches is a function
// of the model alone, so that dropping it changes no count.
type scratch struct {
	cache      *cache
	normalizer ucd.Normalizer
	normal     []byte
	prefixed   []byte
}

// maxScratch is the largest buffer, in bytes, that outlives a Count.
const maxScratch = 1 << 20

func newScratch(m *model) *scratch { return &scratch{cache: newCache(m)} }

func (s *scratch) trim() {
	if cap(s.normal) > maxScratch {
		s.normal = nil
	}
	if cap(s.prefixed) > maxScratch {
		s.prefixed = nil
	}
	s.cache.trim()
}

// normalize returns the NFC of text, valid until the next call.
func (s *scratch) normalize(text []byte) []byte {
	quick := ucd.QuickNFC(text)
	if quick == len(text) {
		return text
	}
	s.normal = append(s.normal[:0], text[:quick]...)
	s.normal = s.normalizer.AppendNFC(s.normal, text[quick:])
	return s.normal
}
