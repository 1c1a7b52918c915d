package wordpiece

import (
	"fmt"
	"slices"

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
	var spec, normalizer, pre pipeline.Object
	if err := file.Require("model", &spec); err != nil {
		return nil, err
	}
	if err := file.Decode("normalizer", &normalizer); err != nil {
		return nil, err
	}
	steps, err := normalize.Parse(normalizer)
	if err != nil {
		return nil, err
	}
	if err := file.Decode("pre_tokenizer", &pre); err != nil {
		return nil, err
	}
	p, err := parsePretokenizer(pre)
	if err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	added, err := file.AddedTokens()
	if err != nil {
		return nil, err
	}
	// Added tokens may be looked for in normalised text.
	inText := slices.ContainsFunc(added, func(t pipeline.AddedToken) bool { return t.Flags.Normalized })
	t := &tokenizer{steps: steps}
	// What the expression makes of characters that the normalizer leaves out
	// depends on their neighbours.
	if len(steps) == 1 && !inText && p != whitespace {
		if b, ok := steps[0].(normalize.Bert); ok {
			t.steps, t.words = nil, b
		}
	}
	t.classes = newClasses(t.words, p)
	if t.model, err = loadModel(spec); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return t, nil
}

func parsePretokenizer(o pipeline.Object) (pretokenizer, error) {
	if o == nil {
		return 0, pipeline.Unsupported("none")
	}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return 0, err
	}
	switch kind {
	case "BertPreTokenizer":
		return bertPretokenizer, nil
	case "WhitespaceSplit":
		return whitespaceSplit, nil
	case "Whitespace":
		return whitespace, nil
	case "Sequence":
		return parseSequence(o)
	}
	return 0, pipeline.Unsupported("%q", kind)
}

// parseSequence accepts a sequence of one, and white space and then
// punctuation, which is what BertPreTokenizer does.
func parseSequence(o pipeline.Object) (pretokenizer, error) {
	var parts []pipeline.Object
	if err := o.Require("pretokenizers", &parts); err != nil {
		return 0, err
	}
	if len(parts) == 1 {
		return parsePretokenizer(parts[0])
	}
	if len(parts) == 2 && parts[0] != nil && parts[1] != nil {
		var first, second string
		behavior := "Isolated"
		for v, key := range map[*string]string{&first: "type"} {
			if err := parts[0].Decode(key, v); err != nil {
				return 0, err
			}
		}
		for v, key := range map[*string]string{&second: "type", &behavior: "behavior"} {
			if err := parts[1].Decode(key, v); err != nil {
				return 0, err
			}
		}
		if first == "WhitespaceSplit" && (second == "BertPreTokenizer" || second == "Punctuation" && behavior == "Isolated") {
			return bertPretokenizer, nil
		}
	}
	return 0, pipeline.Unsupported("sequence %s", o["pretokenizers"])
}
