package plan

import (
	"slices"
	"strings"
	"testing"
)

func TestLabels(t *testing.T) {
	for label, valid := range map[string]bool{
		"gpt2": true, "Qwen2.5": true, "cl100k_base": true, "all-minilm-l6-v2": true, strings.Repeat("a", 64): true,
		"": false, "-x": false, ".x": false, "a b": false, "a,b": false, "é": false, "a/b": false, "a\"": false, "@a": false, "[": false, "`a": false, "{": false,
		strings.Repeat("a", 65): false,
	} {
		if ValidLabel(label) != valid {
			t.Errorf("ValidLabel(%q) = %v", label, !valid)
		}
	}
	for spec, want := range map[string][2]string{
		"gpt2":                  {"", "gpt2"},
		"q=models/q.json":       {"q", "models/q.json"},
		"./q=7.json":            {"", "./q=7.json"},
		"models/a=b/t.json":     {"", "models/a=b/t.json"},
		"q=a=b":                 {"q", "a=b"},
		"kimi=k.tiktoken#kimi":  {"kimi", "k.tiktoken#kimi"},
		"=x":                    {"", "=x"},
		"no label=x/tokenizers": {"", "no label=x/tokenizers"},
	} {
		if label, file := CutLabel(spec); label != want[0] || file != want[1] {
			t.Errorf("CutLabel(%q) = %q, %q; want %q", spec, label, file, want)
		}
	}
}

func TestTokenizerFiles(t *testing.T) {
	one := Plan{Tokenizer: Tokenizer{Name: "a/tokenizer.json"}}
	two := Plan{Tokenizer: Tokenizer{Name: "a.json", Label: "a"}, Further: []Tokenizer{{Name: "b.json", Label: "b"}}}
	for _, c := range []struct {
		p     *Plan
		specs []string
		want  []string
	}{
		{&one, nil, []string{"a/tokenizer.json"}},
		{&one, []string{"here.json"}, []string{"here.json"}},
		{&one, []string{"a=here.json"}, nil},
		{&one, []string{"x", "y"}, nil},
		{&two, nil, []string{"a.json", "b.json"}},
		{&two, []string{"x"}, []string{"x", "b.json"}},
		{&two, []string{"x", "y"}, []string{"x", "y"}},
		{&two, []string{"b=y"}, []string{"a.json", "y"}},
		{&two, []string{"b=y", "a=x"}, []string{"x", "y"}},
		{&two, []string{"c=z"}, nil},
		{&two, []string{"x", "y", "z"}, nil},
	} {
		got, err := c.p.TokenizerFiles(c.specs)
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%q: %q, %v; want %q", c.specs, got, err, c.want)
		}
	}
}

func TestFindTokenizer(t *testing.T) {
	p := Plan{Tokenizer: Tokenizer{Name: "a.json", Label: "a"}, Further: []Tokenizer{{Name: "b.json", Label: "b"}}}
	for name, want := range map[string]int{"": 0, "a": 0, "a.json": 0, "b": 1, "b.json": 1} {
		if i, err := p.FindTokenizer(name); i != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", name, i, err, want)
		}
	}
	if _, err := p.FindTokenizer("c"); err == nil || !strings.Contains(err.Error(), "but a, b") {
		t.Errorf("%v", err)
	}
}
