package unigram

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// load reads a tokenizer.json. Keys unknown to Hugging Face are passed over, as
// it does; truncation, padding and decoder change no count;
// post_processor is package pipeline's.
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
	if err := file.Decode("pre_tokenizer", &pre); err != nil {
		return nil, err
	}
	if err := t.cutter.parse(pre); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if err := file.Decode("normalizer", &normalizer); err != nil {
		return nil, err
	}
	var err error
	if t.steps, err = normalize.Parse(normalizer); err != nil {
		return nil, err
	}
	if t.metaspace && t.scheme == onlyFirst {
		if err := t.checkFirst(); err != nil {
			return nil, err
		}
	}
	t.findOdd()
	if t.model, err = loadModel(spec, t.mark); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return t, nil
}

// checkFirst refuses the normalizers after which the piece that begins the
// document may not begin with its first byte, unless it begins with a mark.
func (t *tokenizer) checkFirst() error {
	for _, step := range t.steps {
		ok := true
		switch s := step.(type) {
		case *normalize.Strip:
			ok = !s.Left
		case *normalize.Replace:
			ok = strings.HasPrefix(s.Content, " ") || strings.HasPrefix(s.Content, t.mark)
		default:
			ok = normalize.KeepsStart(step)
		}
		if !ok {
			return pipeline.Unsupported("prepend_scheme %q after this normalizer", t.scheme)
		}
	}
	return nil
}

// findOdd lists the characters that text may have after the last normalizer and
// that are cut at like spaces, or are marks already.
func (t *tokenizer) findOdd() {
	var last *normalize.Precompiled
	if n := len(t.steps); n > 0 {
		last, _ = t.steps[n-1].(*normalize.Precompiled)
	}
	for r := rune(1); r <= utf8.MaxRune; r++ {
		if r == ' ' || string(r) != t.mark && !(t.atSpaces && isSpace(r)) {
			continue
		}
		if last == nil || last.MayLeave(r) {
			t.odd = append(t.odd, []byte(string(r)))
		}
	}
}
