// Package normalize is the normalizers of Hugging Face tokenizers 0.22.2, for
// the engines whose models are fed normalised text: what they make of a text,
// byte for byte, without the alignments that only offsets need. What they know of
// characters is in package runes.
package normalize

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/runes"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// Step is one normalizer. Append appends to dst what it makes of text, which is
// valid UTF-8; the two do not overlap.
type Step interface {
	Append(dst, text []byte) []byte
}

// Parse returns the steps of the normalizer of a tokenizer.json, none if o is
// nil. One that is not known exactly gives an error that wraps
// doc.ErrUnsupported.
func Parse(o pipeline.Object) ([]Step, error) {
	if o == nil {
		return nil, nil
	}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	steps, err := parse(kind, o)
	if err != nil {
		return nil, fmt.Errorf("normalizer %q: %w", kind, err)
	}
	return steps, nil
}

func parse(kind string, o pipeline.Object) ([]Step, error) {
	switch kind {
	case "Sequence":
		var parts []pipeline.Object
		if err := o.Require("normalizers", &parts); err != nil {
			return nil, err
		}
		var steps []Step
		for _, part := range parts {
			if part == nil {
				return nil, pipeline.Unsupported("null in it")
			}
			inner, err := Parse(part)
			if err != nil {
				return nil, err
			}
			steps = append(steps, inner...)
		}
		return steps, nil
	case "BertNormalizer":
		var b Bert
		for key, v := range map[string]*bool{"clean_text": &b.CleanText, "handle_chinese_chars": &b.ChineseChars, "lowercase": &b.Lowercase} {
			if err := o.Require(key, v); err != nil {
				return nil, err
			}
		}
		b.StripAccents = b.Lowercase
		return []Step{b}, o.Decode("strip_accents", &b.StripAccents)
	case "Strip":
		var s Strip
		if err := o.Require("strip_left", &s.Left); err != nil {
			return nil, err
		}
		return []Step{&s}, o.Require("strip_right", &s.Right)
	case "Replace":
		r, err := parseReplace(o)
		return []Step{r}, err
	case "Prepend":
		var p Prepend
		if err := o.Require("prepend", (*string)(&p)); err != nil {
			return nil, err
		}
		if p == "" { // it fails on every text
			return nil, pipeline.Unsupported("of nothing")
		}
		return []Step{&p}, nil
	case "Precompiled":
		var charsmap string
		if err := o.Require("precompiled_charsmap", &charsmap); err != nil {
			return nil, err
		}
		p, err := newPrecompiled(charsmap)
		return []Step{p}, err
	case "NFC":
		return []Step{nfc{}}, nil
	case "NFD":
		return []Step{nfd{}}, nil
	case "NFKC":
		return []Step{nfd{compatible: true}, nfc{}}, nil
	case "NFKD":
		return []Step{nfd{compatible: true}}, nil
	case "Lowercase":
		return []Step{perRune(lowercase)}, nil
	case "StripAccents":
		return []Step{perRune(stripMarks)}, nil
	case "Nmt":
		return []Step{perRune(nmt)}, nil
	}
	return nil, pipeline.Unsupported("it")
}

// Chain runs steps one after the other. It is for one goroutine.
type Chain struct {
	Steps []Step
	bufs  [2][]byte
}

// Run returns the normalised text, valid until the next call; text itself if
// there are no steps.
func (c *Chain) Run(text []byte) []byte {
	for i, step := range c.Steps {
		buf := &c.bufs[i%2]
		*buf = step.Append((*buf)[:0], text)
		text = *buf
	}
	return text
}

// Trim gives back buffers of more than limit bytes.
func (c *Chain) Trim(limit int) {
	for i := range c.bufs {
		if cap(c.bufs[i]) > limit {
			c.bufs[i] = nil
		}
	}
}

// Strip takes white space off the ends.
type Strip struct{ Left, Right bool }

func (s *Strip) Append(dst, text []byte) []byte {
	space := func(r rune) bool { return runes.PropsOf(r)&runes.WhiteSpace != 0 }
	if s.Left {
		text = bytes.TrimLeftFunc(text, space)
	}
	if s.Right {
		text = bytes.TrimRightFunc(text, space)
	}
	return append(dst, text...)
}

// Prepend puts itself before a text that is not empty.
type Prepend string

func (p *Prepend) Append(dst, text []byte) []byte {
	if len(text) > 0 {
		dst = append(dst, *p...)
	}
	return append(dst, text...)
}

// Replace puts Content in the place of every match.
type Replace struct {
	Content string
	// next returns the first match in text; start is len(text) if there is none.
	next func(text []byte) (start, stop int)
}

func parseReplace(o pipeline.Object) (*Replace, error) {
	var pattern pipeline.Object
	var literal, expression string
	var r Replace
	if err := o.Require("content", &r.Content); err != nil {
		return nil, err
	}
	if err := o.Require("pattern", &pattern); err != nil {
		return nil, err
	}
	if err := pattern.Decode("String", &literal); err != nil {
		return nil, err
	}
	if err := pattern.Decode("Regex", &expression); err != nil {
		return nil, err
	}
	space := func(r rune) bool { return ucd.ClassOf(r) == ucd.Space }
	blank := func(r rune) bool { return r == ' ' }
	switch {
	case len(pattern) != 1:
		return nil, pipeline.Unsupported("pattern")
	case literal != "":
		r.next = func(text []byte) (start, stop int) {
			if start = bytes.Index(text, []byte(literal)); start < 0 {
				return len(text), len(text)
			}
			return start, start + len(literal)
		}
	case expression == " {2,}":
		r.next = func(text []byte) (start, stop int) {
			if start = bytes.Index(text, []byte("  ")); start < 0 {
				return len(text), len(text)
			}
			return start, run(text, start, blank)
		}
	case expression == " +":
		r.next = func(text []byte) (start, stop int) { return firstRun(text, blank) }
	case expression == `\s+`:
		r.next = func(text []byte) (start, stop int) { return firstRun(text, space) }
	default:
		return nil, pipeline.Unsupported("pattern %s", o["pattern"])
	}
	return &r, nil
}

func firstRun(text []byte, is func(r rune) bool) (start, stop int) {
	start = bytes.IndexFunc(text, is)
	if start < 0 {
		return len(text), len(text)
	}
	return start, run(text, start, is)
}

// run returns where characters of a kind end that begin at start.
func run(text []byte, start int, is func(r rune) bool) int {
	if n := bytes.IndexFunc(text[start:], func(r rune) bool { return !is(r) }); n >= 0 {
		return start + n
	}
	return len(text)
}

func (r *Replace) Append(dst, text []byte) []byte {
	for len(text) > 0 {
		start, stop := r.next(text)
		dst = append(dst, text[:start]...)
		if start < len(text) {
			dst = append(dst, r.Content...)
		}
		text = text[stop:]
	}
	return dst
}

// nfc composes.
type nfc struct{}

func (nfc) Append(dst, text []byte) []byte {
	return new(ucd.Normalizer).AppendNFC(slices.Grow(dst, len(text)), text)
}

// nfd decomposes.
type nfd struct{ compatible bool }

func (n nfd) Append(dst, text []byte) []byte {
	d := decomposer{decompose: true, compatible: n.compatible, dst: dst}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		d.add(r)
		i += size
	}
	d.flush()
	return d.dst
}

// perRune appends to dst what becomes of a character.
type perRune func(dst []byte, r rune) []byte

func (f perRune) Append(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		dst = f(dst, r)
		i += size
	}
	return dst
}

func lowercase(dst []byte, r rune) []byte {
	first, second := runes.Lower(r)
	dst = utf8.AppendRune(dst, first)
	if second != 0 {
		dst = utf8.AppendRune(dst, second)
	}
	return dst
}

func stripMarks(dst []byte, r rune) []byte {
	if runes.IsMark(r) {
		return dst
	}
	return utf8.AppendRune(dst, r)
}

// nmt is the normalizer of that name (tokenizers/src/normalizers/unicode.rs).
func nmt(dst []byte, r rune) []byte {
	switch {
	case 1 <= r && r <= 8, r == 0xB, 0xE <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
		return dst
	case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200B <= r && r <= 0x200F,
		r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
		r = ' '
	}
	return utf8.AppendRune(dst, r)
}

// IsNFC tells that a step is the normalizer NFC.
func IsNFC(step Step) bool {
	_, ok := step.(nfc)
	return ok
}

// KeepsStart tells that what step makes of the beginning of a text counts as
// the beginning of the text, as the offsets of Hugging Face have it. It may be
// false all the same.
func KeepsStart(step Step) bool {
	switch step.(type) {
	case *Precompiled, *Prepend, nfc, nfd:
		return true
	}
	return false
}
