package automaton

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// Splitter cuts text into the pieces that a byte-level model gets, as the
// pre_tokenizer of a tokenizer.json does: a ByteLevel, or a Sequence that ends
// in one. Every step sees only the pieces of the one before. It is safe for
// concurrent use.
type Splitter struct{ steps []split }

// object is a JSON object with its keys as they are spelt.
type object map[string]json.RawMessage

// get reads the value of a key; absent and null are told by ok.
func (o object) get(key string, v any) (ok bool, err error) {
	raw, ok := o[key]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return true, fmt.Errorf("%s: %w", key, err)
	}
	return true, nil
}

// require is get for a key that must be there.
func (o object) require(key string, v any) error {
	ok, err := o.get(key, v)
	if err == nil && !ok {
		err = unsupported("no %s", key)
	}
	return err
}

// NewSplitter reads a pre_tokenizer. Errors wrap doc.ErrUnsupported for one
// that does not end in ByteLevel, and for steps that cannot be taken exactly.
func NewSplitter(preTokenizer []byte) (*Splitter, error) {
	var o object
	if err := json.Unmarshal(preTokenizer, &o); err != nil {
		return nil, err
	}
	s := &Splitter{}
	level := false
	if err := s.add(o, &level, 0); err != nil {
		return nil, err
	}
	if !level {
		return nil, unsupported("a pre_tokenizer that does not end in ByteLevel")
	}
	return s, nil
}

// add adds a step; level tells whether the last one was a ByteLevel, after
// which text is spelt in other characters.
func (s *Splitter) add(o object, level *bool, depth int) error {
	var kind string
	if err := o.require("type", &kind); err != nil {
		return err
	}
	if *level {
		return unsupported("%s after ByteLevel", kind)
	}
	if kind == "Sequence" {
		var steps []object
		if err := o.require("pretokenizers", &steps); err != nil {
			return err
		}
		if depth == maxDepth {
			return unsupported("sequences nested deeper than %d", maxDepth)
		}
		for _, step := range steps {
			if err := s.add(step, level, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	read, ok := steps[kind]
	if !ok {
		return unsupported("%s", kind)
	}
	more, err := read(o)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	s.steps = append(s.steps, more...)
	*level = kind == "ByteLevel"
	return nil
}

// steps are the pre-tokenizers that split and change nothing
// (tokenizers/src/pre_tokenizers), by their types.
var steps = map[string]func(object) ([]split, error){
	"Split":              readSplit,
	"ByteLevel":          readByteLevel,
	"Digits":             readDigits,
	"Punctuation":        readPunctuation,
	"FixedLength":        readFixedLength,
	"CharDelimiterSplit": readDelimiter,
	"Whitespace":         func(object) ([]split, error) { return oneSplit(words(), removed, true) },
	"WhitespaceSplit":    func(object) ([]split, error) { return oneSplit(setOf(space()), removed, false) },
	"BertPreTokenizer": func(object) ([]split, error) {
		spaces, err := newSplit(setOf(space()), removed, false)
		if err != nil {
			return nil, err
		}
		signs, err := newSplit(setOf(punctuation()), isolated, false)
		return []split{spaces, signs}, err
	},
}

func space() set       { s, _ := ucd.Property("space"); return newSet(s) }
func punctuation() set { return newSet(ucd.PretokenPunctuation()) }

// words is \w+|[^\w\s]+ of Rust.
func words() *node {
	word := newSet(ucd.RustWord())
	other := word.union(space()).negate()
	return alt(repeat(setOf(word), 1, unlimited, false), repeat(setOf(other), 1, unlimited, false))
}

func newSplit(n *node, b behavior, invert bool) (split, error) {
	re, err := newRegexp(n)
	return split{re: re, behavior: b, invert: invert}, err
}

func oneSplit(n *node, b behavior, invert bool) ([]split, error) {
	s, err := newSplit(n, b, invert)
	return []split{s}, err
}

var behaviors = map[string]behavior{
	"Isolated": isolated, "Removed": removed, "MergedWithPrevious": withBefore, "MergedWithNext": withAfter, "Contiguous": contiguous,
}

func (o object) behavior(b *behavior) (ok bool, err error) {
	var name string
	if ok, err = o.get("behavior", &name); err != nil || !ok {
		return ok, err
	}
	if *b, ok = behaviors[name]; !ok {
		return true, unsupported("behavior %q", name)
	}
	return true, nil
}

func readSplit(o object) ([]split, error) {
	var s split
	var pattern object
	ok, err := o.behavior(&s.behavior)
	if err == nil && !ok {
		err = unsupported("no behavior")
	}
	if err == nil {
		err = o.require("invert", &s.invert)
	}
	if err == nil {
		err = o.require("pattern", &pattern)
	}
	if err != nil {
		return nil, err
	}
	var expr string
	switch regex, err := pattern.get("Regex", &expr); {
	case err != nil:
		return nil, err
	case len(pattern) != 1:
		return nil, unsupported("a pattern with %d keys", len(pattern))
	case !regex:
		if err := pattern.require("String", &expr); err != nil {
			return nil, err
		}
		expr = quote.Replace(expr)
	}
	if s.re, err = Compile(expr); err != nil {
		return nil, fmt.Errorf("%q: %w", expr, err)
	}
	return []split{s}, nil
}

// quote is regex::escape.
var quote = func() *strings.Replacer {
	var pairs []string
	for _, r := range `\.+*?()|[]{}^$#&-~` {
		pairs = append(pairs, string(r), `\`+string(r))
	}
	return strings.NewReplacer(pairs...)
}()

// gpt2 is the expression of ByteLevel (byte_level.rs).
const gpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

func readByteLevel(o object) ([]split, error) {
	var s split
	var trim bool
	useRegex := true
	if err := o.require("add_prefix_space", &s.prefixSpace); err != nil {
		return nil, err
	}
	if err := o.require("trim_offsets", &trim); err != nil {
		return nil, err
	}
	if raw, ok := o["use_regex"]; ok {
		if err := json.Unmarshal(raw, &useRegex); err != nil {
			return nil, err
		}
	}
	if !useRegex {
		if !s.prefixSpace {
			return nil, nil // every piece stays as it is
		}
		return []split{s}, nil
	}
	var err error
	s.re, err = Compile(gpt2)
	return []split{s}, err
}

func readDigits(o object) ([]split, error) {
	var individual bool
	if err := o.require("individual_digits", &individual); err != nil {
		return nil, err
	}
	b := contiguous
	if individual {
		b = isolated
	}
	return oneSplit(setOf(newSet(ucd.Numeric())), b, false)
}

func readPunctuation(o object) ([]split, error) {
	b := isolated
	if _, err := o.behavior(&b); err != nil {
		return nil, err
	}
	return oneSplit(setOf(punctuation()), b, false)
}

func readFixedLength(o object) ([]split, error) {
	length := 5
	if _, err := o.get("length", &length); err != nil {
		return nil, err
	}
	if length < 1 || length > maxRepeat {
		return nil, unsupported("length %d", length)
	}
	return oneSplit(repeat(setOf(anything), 1, length, false), isolated, false)
}

func readDelimiter(o object) ([]split, error) {
	var delimiter string
	if err := o.require("delimiter", &delimiter); err != nil {
		return nil, err
	}
	runes := []rune(delimiter)
	if len(runes) != 1 {
		return nil, unsupported("delimiter %q", delimiter)
	}
	return oneSplit(setOf(single(runes[0])), removed, false)
}
