package tally

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// Where credit is shared, the tokens of a kept document are split equally among
// the distinct contributors of its group: its own and those of the documents
// that it is the witness of. That is the Shapley value of the game in which a
// set of contributors is worth the tokens of all groups that it has a document
// in: each group is a game of its own, whose value is there as soon as the
// first of its contributors is, and so is each one's with equal chance. Sums of
// such parts are exact fractions; over all contributors they add up to the
// tokens kept.

// Part is what a contributor holds of the groups of one size: one of Of equal
// parts of so many tokens.
type Part struct {
	Of     uint64
	Tokens []uint64 // by tokenizer, the main one first
}

// Share credits contributor, of whom the tally has a row or will have one, with one of
// `of` equal parts of tokens, which has a number for each tokenizer, the main one
// first.
func (t *Tally) Share(contributor string, of uint64, tokens []uint64) {
	i := t.look([]byte(contributor))
	for len(t.shares) <= i {
		t.shares = append(t.shares, nil)
	}
	at, found := slices.BinarySearchFunc(t.shares[i], of, func(p Part, of uint64) int { return cmp.Compare(p.Of, of) })
	if !found {
		t.shares[i] = slices.Insert(t.shares[i], at, Part{of, make([]uint64, 1+t.Further)})
		t.held += shareSize + 8*int64(t.Further)
	}
	for k, n := range tokens {
		t.accumulate(&t.shares[i][at].Tokens[k], n)
	}
}

// EachShare calls fn, which does not keep tokens, with what Share has added up
// for each contributor and number of parts, ascending. It fails as Each does.
func (t *Tally) EachShare(fn func(contributor string, of uint64, tokens []uint64)) error {
	if t.overflow {
		return fmt.Errorf("sum over documents: %w", ErrOverflow)
	}
	if t.spilled != nil {
		return t.eachSpilledShare(fn)
	}
	for _, i := range t.rows.order() {
		if i >= len(t.shares) {
			continue
		}
		for _, p := range t.shares[i] {
			fn(t.rows.at(i).name, p.Of, p.Tokens)
		}
	}
	return t.err
}

// CreditOf returns the sum of parts by each of so many tokenizers.
func CreditOf(parts []Part, tokenizers int) []*big.Rat {
	credit := make([]*big.Rat, tokenizers)
	for k := range credit {
		terms := make([]*big.Rat, 0, len(parts))
		for _, p := range parts {
			terms = append(terms, fraction(p.Tokens[k], p.Of))
		}
		credit[k] = sumOf(terms)
	}
	return credit
}

func fraction(num, den uint64) *big.Rat {
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(num), new(big.Int).SetUint64(den))
}

// sumOf adds halves, not one after the other: terms stay short for longest.
func sumOf(terms []*big.Rat) *big.Rat {
	switch len(terms) {
	case 0:
		return new(big.Rat)
	case 1:
		return new(big.Rat).Set(terms[0])
	}
	half := len(terms) / 2
	return new(big.Rat).Add(sumOf(terms[:half]), sumOf(terms[half:]))
}

// creditCheck finds out whether no row has credit, or every one by every tokenizer,
// none negative or without a document, and all of it is what was kept.
type creditCheck struct {
	// Most credits have small denominators in common: those of one are added as
	// integers.
	sums []map[string]*big.Rat // by tokenizer
	kept []uint64
}

// row checks the row of a one-based number.
func (c *creditCheck) row(number int, r *Row) error {
	if number == 1 {
		c.kept, c.sums = make([]uint64, len(r.Credit)), make([]map[string]*big.Rat, len(r.Credit))
		for k := range c.sums {
			c.sums[k] = make(map[string]*big.Rat)
		}
	}
	switch tokenizers := len(c.sums); {
	case tokenizers != 0 && tokenizers != 1+len(r.Further):
		return fmt.Errorf("credit by %d tokenizers instead of %d", tokenizers, 1+len(r.Further))
	case len(r.Credit) != tokenizers:
		return fmt.Errorf("row %d: contributor %q: credit by %d tokenizers instead of %d", number, r.Contributor, len(r.Credit), tokenizers)
	}
	in := r.In().Documents - r.Class[doc.Rejected].Documents
	for k, credit := range r.Credit {
		if credit.Sign() < 0 || credit.Sign() > 0 && in == 0 {
			return fmt.Errorf("row %d: contributor %q: a credit of %s for %d documents", number, r.Contributor, credit, in)
		}
		c.kept[k] += r.keptBy(k)
		den := string(credit.Denom().Bytes())
		if c.sums[k][den] == nil {
			c.sums[k][den] = new(big.Rat)
		}
		c.sums[k][den].Add(c.sums[k][den], credit)
	}
	return nil
}

func (c *creditCheck) end() error {
	for k := range c.sums {
		var terms []*big.Rat
		for _, s := range c.sums[k] {
			terms = append(terms, s)
		}
		if sum := sumOf(terms); sum.Cmp(fraction(c.kept[k], 1)) != 0 {
			return fmt.Errorf("credits by tokenizer %d add up to %s, kept are %d tokens", k+1, sum, c.kept[k])
		}
	}
	return nil
}

// keptBy returns the tokens kept by tokenizer k, the main one first.
func (r *Row) keptBy(k int) uint64 {
	if k == 0 {
		return r.Class[doc.Kept].Tokens
	}
	return r.Further[k-1][doc.Kept]
}

// jsonCredit is an exact number of tokens, Tokens + Numerator/Denominator, with
// the fraction below one and in lowest terms. Its terms are strings, because
// they may have any number of digits.
type jsonCredit struct {
	Tokens      uint64 `json:"tokens"`
	Numerator   string `json:"numerator"`
	Denominator string `json:"denominator"`
}

func creditJSON(c *big.Rat) jsonCredit {
	whole, rest := new(big.Int).QuoRem(c.Num(), c.Denom(), new(big.Int))
	return jsonCredit{whole.Uint64(), rest.String(), c.Denom().String()}
}

// rat is the inverse of creditJSON and accepts nothing else.
func (j jsonCredit) rat() (*big.Rat, error) {
	num, ok := new(big.Int).SetString(j.Numerator, 10)
	den, ok2 := new(big.Int).SetString(j.Denominator, 10)
	if !ok || !ok2 || num.Sign() < 0 || den.Cmp(num) <= 0 || j.Tokens > math.MaxInt64 {
		return nil, fmt.Errorf("credit of %d and %.40s/%.40s is not a whole number and a fraction below one", j.Tokens, j.Numerator, j.Denominator)
	}
	c := new(big.Rat).SetFrac(num, den)
	c.Add(c, fraction(j.Tokens, 1))
	if creditJSON(c) != j {
		return nil, errors.New("credit is not in lowest terms")
	}
	return c, nil
}

func (j *jsonRow) setCredit(r *Row, further []plan.Tokenizer) {
	for k, c := range r.Credit {
		credit := creditJSON(c)
		switch {
		case k == 0:
			j.Credit = &credit
		case j.FurtherCredit == nil:
			j.FurtherCredit = make(map[string]jsonCredit)
			fallthrough
		default:
			j.FurtherCredit[further[k-1].Label] = credit
		}
	}
}

func (j *jsonRow) getCredit(r *Row, further []plan.Tokenizer) error {
	if j.Credit == nil && j.FurtherCredit == nil {
		return nil
	}
	if j.Credit == nil || len(j.FurtherCredit) != len(further) {
		return fmt.Errorf("contributor %q: credit is not by all tokenizers", r.Contributor)
	}
	credits := []jsonCredit{*j.Credit}
	for _, t := range further {
		c, ok := j.FurtherCredit[t.Label]
		if !ok {
			return fmt.Errorf("contributor %q: no credit by %s", r.Contributor, t.Label)
		}
		credits = append(credits, c)
	}
	return r.setCredit(credits)
}

func (r *Row) setCredit(credits []jsonCredit) error {
	for _, j := range credits {
		c, err := j.rat()
		if err != nil {
			return fmt.Errorf("contributor %q: %w", r.Contributor, err)
		}
		r.Credit = append(r.Credit, c)
	}
	return nil
}

// creditColumns are credit_tokens of each tokenizer, integers, and
// credit_numerator and credit_denominator of each, strings.
func creditColumns(further []plan.Tokenizer) (integers, texts []string) {
	for k := range 1 + len(further) {
		suffix := ""
		if k > 0 {
			suffix = "_" + further[k-1].Label
		}
		integers = append(integers, "credit_tokens"+suffix)
		texts = append(texts, "credit_numerator"+suffix, "credit_denominator"+suffix)
	}
	return integers, texts
}

// creditValues are the values of creditColumns.
func (r *Row) creditValues() (integers []int64, texts []string) {
	for _, c := range r.Credit {
		j := creditJSON(c)
		integers = append(integers, int64(j.Tokens))
		texts = append(texts, j.Numerator, j.Denominator)
	}
	return integers, texts
}

// setCreditValues is the inverse of creditValues.
func (r *Row) setCreditValues(integers []int64, texts []string) error {
	var credits []jsonCredit
	for k, n := range integers {
		if n < 0 {
			return fmt.Errorf("contributor %q: negative credit", r.Contributor)
		}
		credits = append(credits, jsonCredit{uint64(n), texts[2*k], texts[2*k+1]})
	}
	return r.setCredit(credits)
}
