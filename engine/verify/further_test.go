package verify

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// The rows of a run with two tokenizers, as this test sees them.
type (
	decisionRowOfTwo struct {
		decisionRow
		Tokens2 int64 `parquet:"tokens_bytes"`
	}
	tallyRowOfTwo struct {
		tallyParquet
		In2       int64 `parquet:"in_tokens_bytes"`
		Kept2     int64 `parquet:"kept_tokens_bytes"`
		ExactDup2 int64 `parquet:"exact_dup_tokens_bytes"`
		NearDup2  int64 `parquet:"near_dup_tokens_bytes"`
		Excluded2 int64 `parquet:"excluded_tokens_bytes"`
		Rejected2 int64 `parquet:"rejected_tokens_bytes"`
	}
)

func withSecond(rows []tallyParquet, source []tallyRow) (out []tallyRowOfTwo) {
	for i, r := range rows {
		t := source[i].Further["bytes"]
		out = append(out, tallyRowOfTwo{
			r, int64(t.In), int64(t.Kept), int64(t.ExactDup), int64(t.NearDup), int64(t.Excluded), int64(t.Rejected),
		})
	}
	return out
}

// buildTwo makes a valid run of two tokenizers.
func buildTwo(t *testing.T) *artefacts {
	t.Helper()
	a := build(t)
	const file = "../../testdata/tokenizers/bytes.json"
	c, info, err := tokenize.Open(file, tokenize.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.plan.Tokenizer.Label = "gpt2"
	a.plan.Further = []plan.Tokenizer{{Name: file, SHA256: info.SHA256, AddedTokens: "match", Label: "bytes"}}
	a.second = map[string]int64{}
	for i := range a.tally {
		a.tally[i].Further = map[string]furtherTokens{"bytes": {}}
	}
	for id, l := range a.lines {
		if l.class == doc.Rejected {
			continue
		}
		n := c.Count([]byte(l.text))
		a.second[id] = int64(n)
		a.creditSecond(l.contributor, l.class, n)
	}
	return a
}

// creditSecond adds to the tally by the second tokenizer.
func (a *artefacts) creditSecond(contributor string, class doc.Class, tokens int) {
	row := a.row(contributor)
	second := row.Further["bytes"]
	second.In += uint64(tokens)
	*second.of(class) += uint64(tokens)
	row.Further = map[string]furtherTokens{"bytes": second}
}

func TestTwoTokenizers(t *testing.T) {
	if r := run(t, buildTwo(t).write(t), true); !r.OK() {
		t.Fatalf("a valid run fails:\n%s", text(r))
	}
}

func TestForgedFurtherTokens(t *testing.T) {
	for _, c := range []struct {
		name   string
		forge  func(a *artefacts)
		inputs bool // only reading them tells
		want   string
	}{
		{"a kept token too many", func(a *artefacts) { a.creditSecond("ann", doc.Kept, 1) }, true, `contributor "ann": kept is`},
		{"not conserved", func(a *artefacts) {
			row := a.row("bob").Further["bytes"]
			row.In++
			a.row("bob").Further["bytes"] = row
		}, false, "bytes: in is"},
		{"a duplicate's tokens", func(a *artefacts) { a.second["a4"]++ }, false, `contributor "zoë": near_dup is`},
		{"a duplicate's tokens, in the tally too", func(a *artefacts) {
			a.second["a4"]++
			a.creditSecond("zoë", doc.NearDup, 1)
		}, true, "the input says"},
		{"negative", func(a *artefacts) {
			a.second["a2"] -= 1000
			a.second["b1"] += 1000 // of the same contributor and class
		}, false, "negative counts"},
		{"another tokenizer's tokens", func(a *artefacts) {
			a.row("ann").Further = map[string]furtherTokens{"llama3": a.row("ann").Further["bytes"]}
		}, false, "no tokens by bytes"},
		{"no tokens", func(a *artefacts) { a.row("ann").Further = nil }, false, "tokens by 0 further tokenizers, the plan has 1"},
		{"rejected lines with tokens", func(a *artefacts) { a.creditSecond("bob", doc.Rejected, 1) }, false, "rejected lines have 1 tokens"},
		{"totals", func(a *artefacts) {
			a.totals = &classCounts{}
			for _, r := range a.tally {
				addTo(&a.totals.In, r.In)
				for class := range doc.NumClasses {
					addTo(a.totals.of(class), *r.of(class))
				}
			}
		}, false, "rows add up to"},
		{"another digest", func(a *artefacts) { a.plan.Further[0].SHA256 = a.plan.Tokenizer.SHA256 }, true, "has SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := buildTwo(t)
			c.forge(a)
			dir := a.write(t)
			if r := run(t, dir, true); r.OK() || !strings.Contains(text(r), c.want) {
				t.Errorf("want %q:\n%s", c.want, text(r))
			}
			if r := run(t, dir, false); r.OK() != c.inputs {
				t.Errorf("without inputs: ok=%v\n%s", r.OK(), text(r))
			}
		})
	}
}
