package plan

import (
	"fmt"
	"strings"
)

// ValidLabel reports whether s can name a tokenizer's columns: ASCII letters and
// digits and, but at the beginning, ._- are usable everywhere.
func ValidLabel(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// CutLabel splits NAME=FILE, as a user names a tokenizer. label is empty if
// spec is a file alone; a file called like that is ./NAME=FILE.
func CutLabel(spec string) (label, file string) {
	if label, file, ok := strings.Cut(spec, "="); ok && ValidLabel(label) {
		return label, file
	}
	return "", spec
}

// Tokenizers returns the main tokenizer and the further ones, in order.
func (p *Plan) Tokenizers() []Tokenizer {
	return append([]Tokenizer{p.Tokenizer}, p.Further...)
}

// TokenizerFiles returns where to read the tokenizers from, in order. That is
// where the plan says unless specs say otherwise: NAME=FILE for the tokenizer
// of that label, or FILE for that in the same position.
func (p *Plan) TokenizerFiles(specs []string) ([]string, error) {
	all := p.Tokenizers()
	files := make([]string, len(all))
	for i, t := range all {
		files[i] = t.Name
	}
	for i, spec := range specs {
		label, file := CutLabel(spec)
		if label != "" {
			var err error
			if i, err = p.FindTokenizer(label); err != nil {
				return nil, err
			}
		}
		if i >= len(all) {
			return nil, fmt.Errorf("tokenizer %s is one more than the plan has", spec)
		}
		files[i] = file
	}
	return files, nil
}

// FindTokenizer returns the index in Tokenizers of the one that the user calls
// name: by its label, or as the plan names it. Empty is the main one.
func (p *Plan) FindTokenizer(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	var known []string
	for i, t := range p.Tokenizers() {
		if t.Label == name || t.Name == name {
			return i, nil
		}
		if t.Label != "" {
			known = append(known, t.Label)
		} else {
			known = append(known, t.Name)
		}
	}
	return 0, fmt.Errorf("no tokenizer %s in the plan, but %s", name, strings.Join(known, ", "))
}
