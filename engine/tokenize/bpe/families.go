package bpe

import (
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
)

// The expressions of the known families as their files spell them. Oniguruma
// reads {1,3}+ as a repeated {1,3}, not as a possessive one: in that spelling
// of cl100k a run of numbers is one pretoken.
const (
	contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	words        = contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|`
	signs        = `| ?[^\s\p{L}\p{N}]+[\r\n]*`
	casedStart   = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	casedMiddle  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	casedSigns   = `| ?[^\s\p{L}\p{N}]+[\r\n/]*`
	spaces       = `|\s+(?!\S)|\s+`
	spacesLines  = `|\s*[\r\n]+` + spaces
)

type family struct {
	name     string
	pretoken pretokenizer
}

// families are the known pre-tokenizers by the expressions of their Splits,
// joined by a line feed.
var families = map[string]family{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` + spaces:                                                 {"G2", spaced{}},
	`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` + spaces:                                                    {"G2", spaced{}},
	`'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s`:                                       {"G2", spaced{}},
	words + `\p{N}{1,3}` + signs + `|\s++$|\s*[\r\n]` + spaces:                                                              {"CL", prefixed{digits: 3, trailing: true}},
	`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]` + spaces:              {"CL", prefixed{digits: 3}},
	`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`: {"CL", prefixed{digits: unlimited, trailing: true}},
	words + `\p{N}{1,3}` + signs + spacesLines:                                                                              {"L3", prefixed{digits: 3}},
	words + `\p{N}` + signs + spacesLines:                                                                                   {"Q2", prefixed{digits: 1}},
	casedStart + contractions + `?|` + casedMiddle + contractions + `?|\p{N}{1,3}` + casedSigns + spacesLines:               {"O2", cased{digits: 3, contractions: true}},
	casedStart + `|` + casedMiddle + `|\p{N}` + casedSigns + spacesLines:                                                    {"TK", cased{digits: 1}},
	`\p{N}{1,3}` + "\n" + `[一-龥぀-ゟ゠-ヿ]+` + "\n" +
		"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		`|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*` + spacesLines: {"DS", deepSeek{}},
}

// setPretokenizer recognises ByteLevel with its own expression, and sequences
// of Splits that end in a ByteLevel without.
func (t *tokenizer) setPretokenizer(o pipeline.Object) error {
	steps, err := flatten(o)
	if err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	if len(steps) == 0 {
		return pipeline.Unsupported("pre_tokenizer that is not byte-level")
	}
	last := len(steps) - 1
	var expressions []string
	for _, step := range steps[:last] {
		expression, err := splitExpression(step)
		if err != nil {
			return fmt.Errorf("pre_tokenizer: %w", err)
		}
		expressions = append(expressions, expression)
	}
	level, err := readByteLevel(steps[last])
	if err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	switch {
	case level.useRegex && last == 0:
		t.family, t.pretoken, t.prefixSpace = "G2", spaced{}, level.addPrefixSpace
		return nil
	case level.useRegex || last == 0:
		return pipeline.Unsupported("pre_tokenizer of %d Splits and a ByteLevel with use_regex %v", last, level.useRegex)
	case level.addPrefixSpace:
		return pipeline.Unsupported("pre_tokenizer with add_prefix_space after a Split")
	}
	f, ok := families[strings.Join(expressions, "\n")]
	if !ok {
		return pipeline.Unsupported("pre_tokenizer Split %q", expressions)
	}
	t.family, t.pretoken = f.name, f.pretoken
	return nil
}

// flatten returns the steps of a pre-tokenizer, sequences undone.
func flatten(o pipeline.Object) ([]pipeline.Object, error) {
	if o == nil {
		return nil, nil
	}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return nil, err
	}
	if kind != "Sequence" {
		return []pipeline.Object{o}, nil
	}
	var parts, steps []pipeline.Object
	if err := o.Require("pretokenizers", &parts); err != nil {
		return nil, err
	}
	for _, part := range parts {
		inner, err := flatten(part)
		if err != nil {
			return nil, err
		}
		steps = append(steps, inner...)
	}
	return steps, nil
}

// splitExpression returns the expression of a Split whose matches, and what is
// between them, all become pieces. Removed with invert keeps only the matches,
// which comes to the same for an expression that leaves nothing unmatched, as
// every known one does that stands alone.
func splitExpression(o pipeline.Object) (string, error) {
	var kind, behavior, expression string
	var invert bool
	var pattern pipeline.Object
	if err := o.Decode("type", &kind); err != nil {
		return "", err
	}
	if kind != "Split" {
		return "", pipeline.Unsupported("%q before the last step", kind)
	}
	if err := o.Require("behavior", &behavior); err != nil {
		return "", err
	}
	if err := o.Require("invert", &invert); err != nil {
		return "", err
	}
	if err := o.Require("pattern", &pattern); err != nil {
		return "", err
	}
	if _, ok := pattern["Regex"]; !ok || len(pattern) != 1 {
		return "", pipeline.Unsupported("Split by a pattern that is no Regex")
	}
	if err := pattern.Require("Regex", &expression); err != nil {
		return "", err
	}
	// The characters themselves mean what their escapes do.
	expression = strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(expression)
	switch {
	case behavior == "Isolated":
		return expression, nil
	case behavior == "Removed" && invert:
		if _, ok := families[expression]; ok {
			return expression, nil
		}
	}
	return "", pipeline.Unsupported("Split %s, invert %v, by %q", behavior, invert, expression)
}

type byteLevel struct{ addPrefixSpace, useRegex bool }

func readByteLevel(o pipeline.Object) (byteLevel, error) {
	level := byteLevel{useRegex: true}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return level, err
	}
	if kind != "ByteLevel" {
		return level, pipeline.Unsupported("%q as the last step", kind)
	}
	if err := o.Require("add_prefix_space", &level.addPrefixSpace); err != nil {
		return level, err
	}
	return level, o.Decode("use_regex", &level.useRegex)
}
