package spbpe

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// load reads a tokenizer.json (tokenizers/src/tokenizer/serialization.rs and
// models/bpe/serialization.rs). Keys unknown to Hugging Face are passed over,
// as it does; truncation, padding, post_processor and decoder change no count.
func load(file pipeline.Object, addedAsText bool) (*tokenizer, error) {
	version := "1.0"
	if err := file.Decode("version", &version); err != nil {
		return nil, err
	}
	if version != "1.0" {
		return nil, pipeline.Unsupported("version %q", version)
	}
	// The cheap refusals first: vocabularies are large.
	t := &tokenizer{}
	var normalizer, pre, spec pipeline.Object
	var r recognizer
	if err := file.Decode("normalizer", &normalizer); err != nil {
		return nil, err
	}
	if err := r.normalizer(normalizer); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	replaced := r.replaces // by the normalizer
	if err := file.Decode("pre_tokenizer", &pre); err != nil {
		return nil, err
	}
	if err := r.preTokenizer(pre); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if !r.replaces {
		return nil, pipeline.Unsupported("BPE over characters whose spaces stay spaces")
	}
	if r.nfc && r.prefix == firstSegment {
		// A token in the midst of what NFC makes of one character would leave
		// two segments that Hugging Face takes for the first.
		return nil, pipeline.Unsupported("normalizer NFC with prepend_scheme first")
	}
	t.nfc, t.prepend, t.prefix, t.split = r.nfc, r.prepend, r.prefix, r.split
	var err error
	var added []addedToken
	if !addedAsText {
		if added, err = readAdded(file); err != nil {
			return nil, fmt.Errorf("added_tokens: %w", err)
		}
	}
	t.normalized = normalFormFor(added, replaced)
	if err := file.Require("model", &spec); err != nil {
		return nil, err
	}
	if t.model, err = loadModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	t.cuts = newCuts(t.model, t.split)
	t.model.junctions = nil
	t.join(added)
	return t, nil
}

// addedToken is what this package asks of an added token.
type addedToken struct {
	content                                string
	singleWord, lstrip, rstrip, normalized bool
}

func readAdded(file pipeline.Object) ([]addedToken, error) {
	var list []pipeline.Object
	if err := file.Decode("added_tokens", &list); err != nil {
		return nil, err
	}
	added := make([]addedToken, len(list))
	for i, o := range list {
		a := &added[i]
		for key, v := range map[string]any{
			"content": &a.content, "single_word": &a.singleWord, "lstrip": &a.lstrip, "rstrip": &a.rstrip, "normalized": &a.normalized,
		} {
			if err := o.Require(key, v); err != nil {
				return nil, err
			}
		}
	}
	return added, nil
}

// normalFormFor returns the form of normalised text that suffices for the
// search for added tokens. Replaced tells that the normalizer makes spaces
// markers.
func normalFormFor(added []addedToken, replaced bool) (form normalForm) {
	for _, a := range added {
		switch {
		case !a.normalized:
		case !replaced:
			form = literal
		case a.lstrip || a.rstrip:
			form = markers
		default:
			form = max(form, spaces)
		}
	}
	return form
}

// join sets joined if it can.
func (t *tokenizer) join(added []addedToken) {
	if len(added) == 0 || t.nfc || t.prepend || t.prefix != never || t.model.whole != nil || !t.cuts.plain {
		return
	}
	joined := &joined{contents: map[string]struct{}{}}
	for _, a := range added {
		if a.normalized || a.singleWord || a.lstrip || a.rstrip {
			return
		}
		if a.content != "" {
			joined.contents[a.content] = struct{}{}
			joined.first[a.content[0]] = true
		}
	}
	t.joined = joined
}

// recognizer gathers what the normalizers and pre-tokenizers of a file do.
type recognizer struct {
	nfc, prepend bool
	replaces     bool // spaces have become markers so far
	metaspace    bool // a Metaspace has been met
	prefix       scheme
	split        bool
}

func (r *recognizer) normalizer(o pipeline.Object) error {
	if o == nil {
		return nil
	}
	var kind string
	if err := o.Require("type", &kind); err != nil {
		return err
	}
	switch kind {
	case "Sequence":
		return eachPart(o, "normalizers", r.normalizer)
	case "NFC":
		// Nothing composes with a space or a marker, so that its place among
		// the others does not matter.
		r.nfc = true
		return nil
	case "Prepend":
		var prepend string
		if err := o.Require("prepend", &prepend); err != nil {
			return err
		}
		if prepend != marker || r.prepend {
			return pipeline.Unsupported("Prepend of %q", prepend)
		}
		r.prepend = true
		return nil
	case "Replace":
		var pattern pipeline.Object
		var space, content string
		if err := o.Require("pattern", &pattern); err != nil {
			return err
		}
		if err := o.Require("content", &content); err != nil {
			return err
		}
		if err := pattern.Decode("String", &space); err != nil {
			return err
		}
		if len(pattern) != 1 || space != " " || content != marker {
			return pipeline.Unsupported("Replace of %s by %q", o["pattern"], content)
		}
		r.replaces = true
		return nil
	}
	return pipeline.Unsupported("normalizer %q", kind)
}

func (r *recognizer) preTokenizer(o pipeline.Object) error {
	if o == nil {
		return nil
	}
	var kind string
	if err := o.Require("type", &kind); err != nil {
		return err
	}
	switch kind {
	case "Sequence":
		return eachPart(o, "pretokenizers", r.preTokenizer)
	case "Split":
		var pattern pipeline.Object
		var space string
		var invert bool
		if err := o.Require("pattern", &pattern); err != nil {
			return err
		}
		if err := pattern.Decode("String", &space); err != nil {
			return err
		}
		if err := o.Require("invert", &invert); err != nil {
			return err
		}
		// Where no space is left there is nothing to split.
		if len(pattern) != 1 || space != " " || invert || !r.replaces {
			return pipeline.Unsupported("Split at %s", o["pattern"])
		}
		return nil
	case "Metaspace":
		return r.metaspaceOf(o)
	}
	return pipeline.Unsupported("pre_tokenizer %q", kind)
}

// metaspaceOf reads the pre-tokenizer Metaspace (pre_tokenizers/metaspace.rs).
func (r *recognizer) metaspaceOf(o pipeline.Object) error {
	if r.metaspace {
		return pipeline.Unsupported("more than one Metaspace")
	}
	var replacement string
	if err := o.Require("replacement", &replacement); err != nil {
		return err
	}
	if replacement != marker {
		return pipeline.Unsupported("Metaspace of %q", replacement)
	}
	name := "always"
	if o["prepend_scheme"] != nil {
		if err := o.Require("prepend_scheme", &name); err != nil {
			return err
		}
	}
	known := false
	if r.prefix, known = schemes[name]; !known {
		return pipeline.Unsupported("prepend_scheme %q", name)
	}
	addPrefix, split := true, true
	if err := o.Decode("add_prefix_space", &addPrefix); err != nil {
		return err
	}
	if !addPrefix && r.prefix != never {
		return pipeline.Unsupported("add_prefix_space false with prepend_scheme %s", name)
	}
	if err := o.Decode("split", &split); err != nil {
		return err
	}
	r.metaspace, r.replaces, r.split = true, true, split
	return nil
}

var schemes = map[string]scheme{"always": always, "first": firstSegment, "never": never}

// eachPart calls fn for the parts of a Sequence.
func eachPart(o pipeline.Object, key string, fn func(pipeline.Object) error) error {
	var parts []pipeline.Object
	if err := o.Require(key, &parts); err != nil {
		return err
	}
	for _, part := range parts {
		if part == nil {
			return pipeline.Unsupported("null in a Sequence")
		}
		if err := fn(part); err != nil {
			return err
		}
	}
	return nil
}
