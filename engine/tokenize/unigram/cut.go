package unigram

import (
	"bytes"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/runes"
)

// cutter is how a pre_tokenizer cuts normalised text into pieces.
type cutter struct {
	atSpaces  bool // first at white space, which is left out
	metaspace bool // then spaces become the mark, which is put before a piece if need be
	split     bool // then before every mark
	mark      string
	scheme    scheme
	odd       [][]byte // characters that normalised text may have, and for which only each will do
}

// scheme says which pieces are given a mark if they do not begin with one.
type scheme string

const (
	always    scheme = "always"
	onlyFirst scheme = "first" // that which begins the document
	never     scheme = "never"
)

func (c *cutter) prepends(first bool) bool {
	return c.metaspace && (c.scheme == always || c.scheme == onlyFirst && first)
}

// each calls fn for every piece, with spaces for marks. Pieces are valid until
// fn returns; they may be in scratch.
func (c *cutter) each(text []byte, first bool, scratch *[]byte, fn func(piece []byte)) {
	if !c.atSpaces {
		c.eachMarked(text, first, scratch, fn)
		return
	}
	for len(text) > 0 {
		end := bytes.IndexFunc(text, isSpace)
		if end < 0 {
			end = len(text)
		}
		if end > 0 {
			c.eachMarked(text[:end], false, scratch, fn)
			text = text[end:]
			continue
		}
		_, n := utf8.DecodeRune(text)
		text = text[n:]
	}
}

func isSpace(r rune) bool { return runes.PropsOf(r)&runes.WhiteSpace != 0 }

// eachMarked is each for what is not cut at white space.
func (c *cutter) eachMarked(text []byte, first bool, scratch *[]byte, fn func(piece []byte)) {
	if !c.metaspace {
		fn(text)
		return
	}
	mark := []byte(c.mark)
	marked := (*scratch)[:0]
	if c.prepends(first) && text[0] != ' ' && !bytes.HasPrefix(text, mark) {
		marked = append(marked, ' ')
	}
	for i := bytes.Index(text, mark); i >= 0; i = bytes.Index(text, mark) {
		marked = append(append(marked, text[:i]...), ' ')
		text = text[i+len(mark):]
	}
	marked = append(marked, text...)
	*scratch = marked
	for text := marked; len(text) > 0; {
		end := len(text)
		if c.split {
			if i := bytes.IndexByte(text[1:], ' '); i >= 0 {
				end = 1 + i
			}
		}
		fn(text[:end])
		text = text[end:]
	}
}

// isOdd tells that text has to be cut by each: it has marks, or white space to
// cut at, that are no spaces.
func (c *cutter) isOdd(text []byte) bool {
	if len(c.odd) > fewOdd {
		return bytes.Contains(text, []byte(c.mark)) ||
			bytes.IndexFunc(text, func(r rune) bool { return r != ' ' && isSpace(r) }) >= 0
	}
	for _, char := range c.odd {
		if bytes.Contains(text, char) {
			return true
		}
	}
	return false
}

// fewOdd is for how many characters a text is searched one by one.
const fewOdd = 4

// parse reads a pre_tokenizer.
func (c *cutter) parse(o pipeline.Object) error {
	if o == nil {
		return nil
	}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return err
	}
	switch kind {
	case "Sequence":
		var parts []pipeline.Object
		if err := o.Require("pretokenizers", &parts); err != nil {
			return err
		}
		for _, part := range parts {
			if part == nil {
				return pipeline.Unsupported("null in a sequence")
			}
			if err := c.parse(part); err != nil {
				return err
			}
		}
		return nil
	case "WhitespaceSplit":
		if c.metaspace {
			return pipeline.Unsupported("WhitespaceSplit after Metaspace")
		}
		c.atSpaces = true
		return nil
	case "Metaspace":
		if c.metaspace {
			return pipeline.Unsupported("Metaspace twice")
		}
		return c.parseMetaspace(o)
	}
	return pipeline.Unsupported("%q", kind)
}

func (c *cutter) parseMetaspace(o pipeline.Object) error {
	c.metaspace, c.split, c.scheme = true, true, always
	prefix := true
	if err := o.Require("replacement", &c.mark); err != nil {
		return err
	}
	for key, v := range map[string]any{"prepend_scheme": (*string)(&c.scheme), "split": &c.split, "add_prefix_space": &prefix} {
		if err := o.Decode(key, v); err != nil {
			return err
		}
	}
	switch {
	case utf8.RuneCountInString(c.mark) != 1:
		return pipeline.Unsupported("replacement %q", c.mark)
	case c.scheme != always && c.scheme != onlyFirst && c.scheme != never:
		return pipeline.Unsupported("prepend_scheme %q", c.scheme)
	case !prefix && c.scheme != never: // an error there
		return pipeline.Unsupported("no add_prefix_space with prepend_scheme %q", c.scheme)
	case c.atSpaces && c.scheme == onlyFirst:
		// Which piece begins the document depends on what became of white
		// space before it.
		return pipeline.Unsupported("prepend_scheme %q after WhitespaceSplit", c.scheme)
	}
	return nil
}
