package bpe

import (
	"fmt"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/pretoken"
)

// setPretokenizer recognises ByteLevel with its own expression, also after a
// Digits, and sequences of Splits that end in a ByteLevel without.
func (t *tokenizer) setPretokenizer(o pipeline.Object) error {
	steps, err := flatten(o)
	if err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	if len(steps) == 0 {
		return pipeline.Unsupported("pre_tokenizer that is not byte-level")
	}
	first, last := steps[:len(steps)-1], steps[len(steps)-1]
	level, err := readByteLevel(last)
	if err == nil && !level.useRegex {
		t.rules, err = readSplits(first)
	} else if err == nil {
		t.rules, err = readDigits(first)
	}
	if err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	if level.addPrefixSpace && len(first) > 0 {
		return pipeline.Unsupported("pre_tokenizer with add_prefix_space after another step")
	}
	t.family, t.prefixSpace = t.rules.Name(), level.addPrefixSpace
	return nil
}

// readDigits returns the rules of what is before a ByteLevel with its own
// expression: nothing, or a Digits.
func readDigits(steps []pipeline.Object) (*pretoken.Rules, error) {
	if len(steps) == 0 {
		return pretoken.GPT2(), nil
	}
	var kind string
	var individual bool
	if err := steps[0].Decode("type", &kind); err != nil {
		return nil, err
	}
	if len(steps) > 1 || kind != "Digits" {
		return nil, pipeline.Unsupported("%d steps, the first %q, and a ByteLevel with use_regex true", len(steps), kind)
	}
	if err := steps[0].Decode("individual_digits", &individual); err != nil {
		return nil, err
	}
	return pretoken.AfterDigits(individual), nil
}

// readSplits returns the rules of what is before a ByteLevel without an
// expression of its own.
func readSplits(steps []pipeline.Object) (*pretoken.Rules, error) {
	if len(steps) == 0 {
		return nil, pipeline.Unsupported("ByteLevel with use_regex false and no Split")
	}
	var expressions []string
	for _, step := range steps {
		expression, err := splitExpression(step)
		if err != nil {
			return nil, err
		}
		expressions = append(expressions, expression)
	}
	rules, ok := pretoken.Find(expressions...)
	if !ok {
		return nil, pipeline.Unsupported("Split %q", expressions)
	}
	return rules, nil
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
		return "", pipeline.Unsupported("%q before the ByteLevel", kind)
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
	switch {
	case behavior == "Isolated":
		return expression, nil
	case behavior == "Removed" && invert:
		if _, ok := pretoken.Find(expression); ok {
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
