package spbpe

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/tokenize/normalize"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// load reads a tokenizer.json (tokenizers/src/tokenizer/serialization.rs and
// models/bpe/serialization.rs). Keys unknown to Hugging Face are passed over,
// as it does; truncation, padding and decoder change no count;
// post_processor is package pipeline's.
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
	added, err := t.setStages(file, addedAsText)
	if err != nil {
		return nil, err
	}
	var spec pipeline.Object
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

// setStages sets what comes before the model, and returns the added tokens.
func (t *tokenizer) setStages(file pipeline.Object, addedAsText bool) (added []pipeline.AddedToken, err error) {
	var normalizer, pre pipeline.Object
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
	if (r.nfc || len(r.steps) > 0) && r.prefix == firstSegment {
		// A token in the midst of what NFC makes of one character would leave
		// two segments that Hugging Face takes for the first.
		return nil, pipeline.Unsupported("a normalizer that changes characters with prepend_scheme first")
	}
	t.steps, t.nfc, t.prepend, t.prefix, t.split = r.steps, r.nfc, r.prepend, r.prefix, r.split
	if !addedAsText {
		if added, err = file.AddedTokens(); err != nil {
			return nil, err
		}
	}
	t.normalized = normalFormFor(added, replaced)
	return added, nil
}

// normalFormFor returns the form of normalised text that suffices for the
// search for added tokens. Replaced tells that the normalizer makes spaces
// markers.
func normalFormFor(added []pipeline.AddedToken, replaced bool) (form normalForm) {
	for _, a := range added {
		switch f := a.Flags; {
		case !f.Normalized:
		case !replaced:
			form = literal
		case f.LStrip || f.RStrip:
			form = markers
		default:
			form = max(form, spaces)
		}
	}
	return form
}

// join sets joined if it can.
func (t *tokenizer) join(added []pipeline.AddedToken) {
	if len(added) == 0 || len(t.steps) > 0 || t.nfc || t.prepend || t.prefix != never || t.model.whole != nil || !t.cuts.plain {
		return
	}
	joined := &joined{contents: make(map[string]struct{}, len(added))}
	for _, a := range added {
		if f := a.Flags; f.Normalized || f.SingleWord || f.LStrip || f.RStrip {
			return
		}
		if a.Content != "" {
			joined.contents[a.Content] = struct{}{}
			joined.first[a.Content[0]] = true
		}
	}
	t.joined = joined
}

// recognizer gathers what the normalizers and pre-tokenizers of a file do.
type recognizer struct {
	steps        []normalize.Step // before the others
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
		if len(pattern) == 1 && space == " " && content == marker {
			r.replaces = true
			return nil
		}
	}
	return r.step(kind, o)
}

// step reads a normalizer that is not one of this kind of tokenizer. It is known
// before those: what it would make of markers and spaces is another thing.
func (r *recognizer) step(kind string, o pipeline.Object) error {
	if r.nfc || r.prepend || r.replaces {
		return pipeline.Unsupported("normalizer %q after NFC, Prepend or the Replace of spaces", kind)
	}
	steps, err := normalize.Parse(o)
	r.steps = append(r.steps, steps...)
	return err
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
