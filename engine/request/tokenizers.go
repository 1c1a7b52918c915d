package request

import (
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// Tokenizers are opened tokenizers: the main one first.
type Tokenizers struct {
	Plan     []plan.Tokenizer
	Counters []*tokenize.Counter
}

// OpenTokenizers opens the tokenizers that specs name: each a file or built-in
// name, or NAME=FILE. Where there are several, each gets a label, its name
// unless one is given, and labels must differ.
func OpenTokenizers(specs []string, addedTokens string, m Means) (Tokenizers, error) {
	labels, files := make([]string, len(specs)), make([]string, len(specs))
	for i, spec := range specs {
		labels[i], files[i] = plan.CutLabel(spec)
	}
	counters, infos, err := openAll(files, addedTokens, m)
	if err != nil {
		return Tokenizers{}, err
	}
	t := Tokenizers{Counters: counters}
	byLabel := map[string]string{}
	for i, file := range files {
		if labels[i] == "" && len(specs) > 1 {
			labels[i] = infos[i].Name
		}
		t.Plan = append(t.Plan, plan.Tokenizer{Name: file, SHA256: infos[i].SHA256, AddedTokens: addedTokens, Label: labels[i]})
		if len(specs) == 1 {
			break
		}
		if !plan.ValidLabel(labels[i]) {
			return Tokenizers{}, fmt.Errorf("%w: tokenizer %s: %q cannot name columns, which takes letters, digits and ._-; give it another name: --tokenizer NAME=%s", doc.ErrUsage, file, labels[i], file)
		}
		// Readers of Parquet take columns that differ in letter case for one.
		key := strings.ToLower(labels[i])
		if other, taken := byLabel[key]; taken {
			return Tokenizers{}, fmt.Errorf("%w: the tokenizers %s and %s would both be called %s; give one another name: --tokenizer NAME=%s", doc.ErrUsage, other, file, labels[i], file)
		}
		byLabel[key] = file
	}
	return t, nil
}

// openAll opens tokenizers side by side: loading one may take a second.
func openAll(files []string, addedTokens string, m Means) ([]*tokenize.Counter, []tokenize.Info, error) {
	counters, infos := make([]*tokenize.Counter, len(files)), make([]tokenize.Info, len(files))
	var group errgroup.Group
	for i, file := range files {
		group.Go(func() (err error) {
			counters[i], infos[i], err = tokenize.Open(file, tokenize.Options{
				Engine: m.Engine, AddedTokens: addedTokens, CacheBytes: m.CacheBytes,
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for i, info := range infos {
		if info.Family == tokenize.FamilyAutomaton && m.Progress != nil {
			m.Progress.Notice(fmt.Sprintf("tokenizer %s: no fast way is known for its pre_tokenizer; it counts exactly, and several times slower", files[i]))
		}
	}
	return counters, infos, nil
}

// OpenCounters opens the tokenizers that a plan names and checks that they are
// the same ones. specs override where they are read from, as in
// plan.TokenizerFiles.
func OpenCounters(p plan.Plan, specs []string, m Means) ([]*tokenize.Counter, error) {
	files, err := p.TokenizerFiles(specs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", doc.ErrUsage, err)
	}
	counters, infos, err := openAll(files, p.Tokenizer.AddedTokens, m)
	if err != nil {
		return nil, err
	}
	for i, t := range p.Tokenizers() {
		if infos[i].SHA256 != t.SHA256 {
			return nil, fmt.Errorf("%w: tokenizer %s has SHA-256 %s, the plan's has %s", doc.ErrInputChanged, files[i], infos[i].SHA256, t.SHA256)
		}
	}
	return counters, nil
}
