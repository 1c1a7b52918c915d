package verify

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// tallyRowShared is a row of tally.parquet of a plan that shares credit.
type tallyRowShared struct {
	tallyParquet
	CreditTokens      int64  `parquet:"credit_tokens"`
	CreditNumerator   string `parquet:"credit_numerator"`
	CreditDenominator string `parquet:"credit_denominator"`
}

func withCredit(rows []tallyParquet, source []tallyRow) (out []tallyRowShared) {
	for i, r := range rows {
		c := source[i].Credit
		if c == nil {
			c = &creditFields{}
		}
		out = append(out, tallyRowShared{r, int64(c.Tokens), c.Numerator, c.Denominator})
	}
	return out
}

// buildShared makes a valid run that shares credit: the group of a1 has ann,
// bob and zoë, that of a7 ann and bob.
func buildShared(t *testing.T) *artefacts {
	t.Helper()
	a := build(t)
	a.plan.Rules.Credit = plan.RuleCredit
	part := func(id string, of int64) *big.Rat { return big.NewRat(int64(a.lines[id].tokens), of) }
	for name, parts := range map[string][]*big.Rat{
		"ann":            {part("a1", 3), part("a7", 2)},
		"bob":            {part("a1", 3), part("a7", 2), part("a3", 1), part("b2", 1)},
		"zoë":            {part("a1", 3)},
		doc.Unattributed: {part("a5", 1)},
	} {
		a.setCredit(name, parts...)
	}
	return a
}

func (a *artefacts) setCredit(contributor string, parts ...*big.Rat) {
	var sum big.Rat
	for _, p := range parts {
		sum.Add(&sum, p)
	}
	whole, rest := new(big.Int).QuoRem(sum.Num(), sum.Denom(), new(big.Int))
	a.row(contributor).Credit = &creditFields{whole.Uint64(), rest.String(), sum.Denom().String()}
}

// move takes tokens of credit from one contributor to another.
func (a *artefacts) move(t *testing.T, from, to string, tokens *big.Rat) {
	t.Helper()
	for name, change := range map[string]*big.Rat{from: new(big.Rat).Neg(tokens), to: tokens} {
		v, err := a.row(name).Credit.value()
		if err != nil {
			t.Fatal(err)
		}
		a.setCredit(name, v, change)
	}
}

func TestSharedCredit(t *testing.T) {
	a := buildShared(t)
	if a.lines["a1"].tokens%3 == 0 {
		t.Fatal("the group of three divides evenly: no fraction is tested")
	}
	r := run(t, a.write(t), true)
	if !r.OK() || !strings.Contains(text(r), "2 kept documents whose tokens are split among 3 contributors") {
		t.Fatalf("a valid run fails:\n%s", text(r))
	}
	if plain := run(t, build(t).write(t), true); strings.Contains(text(plain), "credit") {
		t.Errorf("credit of a plan that does not share it is checked:\n%s", text(plain))
	}
}

func TestForgedCredit(t *testing.T) {
	third := big.NewRat(1, 3)
	for _, c := range []struct {
		name   string
		forge  func(t *testing.T, a *artefacts)
		inputs bool // only reading them tells
		want   string
	}{
		{"a part moved within a group", func(t *testing.T, a *artefacts) { a.move(t, "zoë", "ann", third) }, true, `contributor "ann": credit by gpt2 is`},
		{"a token moved to one who shares with nobody", func(t *testing.T, a *artefacts) { a.move(t, "ann", doc.Unattributed, big.NewRat(1, 1)) }, false, "shares with nobody"},
		{"a token too many", func(_ *testing.T, a *artefacts) { a.row("bob").Credit.Tokens++ }, false, "credits by gpt2 add up to"},
		{"not in lowest terms", func(_ *testing.T, a *artefacts) {
			*a.row(doc.Unattributed).Credit = creditFields{a.row(doc.Unattributed).Credit.Tokens, "0", "2"}
		}, false, "not a whole number and a fraction below one"},
		{"an improper fraction", func(_ *testing.T, a *artefacts) {
			c := a.row(doc.Unattributed).Credit
			*c = creditFields{c.Tokens - 1, "1", "1"}
		}, false, "not a whole number and a fraction below one"},
		{"none of one", func(_ *testing.T, a *artefacts) { a.row("zoë").Credit = nil }, false, "credit is not there"},
		{"of a plan that does not share it", func(_ *testing.T, a *artefacts) { a.plan.Rules.Credit = "" }, false, "by a plan that does not share it"},
		{"of an unknown rule", func(_ *testing.T, a *artefacts) { a.plan.Rules.Credit = "shared-v2" }, false, "is not known here"},
		{"another number in the Parquet file", func(_ *testing.T, a *artefacts) {
			a.parquet = slices.Clone(a.tally)
			a.parquet[0].Credit = &creditFields{1, "0", "1"}
		}, false, "is not that of line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := buildShared(t)
			c.forge(t, a)
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
