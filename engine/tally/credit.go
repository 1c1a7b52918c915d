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

// share is what a contributor holds of the groups of one size: a part, one of
// `of` equal ones, of so many tokens.
type share struct {
	of     uint64
	tokens []uint64 // by tokenizer, the main one first
}

// Share credits contributor with one of `of` equal parts of tokens, which has a
// number for each tokenizer, the main one first.
func (t *Tally) Share(contributor string, of uint64, tokens []uint64) {
	i := t.find(contributor)
	for len(t.shares) <= i {
		t.shares = append(t.shares, nil)
	}
	at, found := slices.BinarySearchFunc(t.shares[i], of, func(s share, of uint64) int { return cmp.Compare(s.of, of) })
	if !found {
		t.shares[i] = slices.Insert(t.shares[i], at, share{of, make([]uint64, 1+t.Further)})
	}
	for k, n := range tokens {
		t.accumulateTokens(&t.shares[i][at].tokens[k], n)
	}
}

// EachShare calls fn, which does not keep tokens, with what Share has added up
// for each contributor and number of parts, ascending.
func (t *Tally) EachShare(fn func(contributor string, of uint64, tokens []uint64)) {
	for _, i := range t.order() {
		if i >= len(t.shares) {
			continue
		}
		for _, s := range t.shares[i] {
			fn(t.row(i).Contributor, s.of, s.tokens)
		}
	}
}

// credit returns the credit of row i by each tokenizer.
func (t *Tally) credit(i int) []*big.Rat {
	credit := make([]*big.Rat, 1+t.Further)
	for k := range credit {
		var parts []*big.Rat
		if i < len(t.shares) {
			for _, s := range t.shares[i] {
				parts = append(parts, fraction(s.tokens[k], s.of))
			}
		}
		credit[k] = sumOf(parts)
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

// checkCredit returns an error unless no row has credit, or every one by every
// tokenizer, none negative or without a document, and all of it is what was
// kept.
func checkCredit(rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	tokenizers := len(rows[0].Credit)
	if tokenizers != 0 && tokenizers != 1+len(rows[0].Further) {
		return fmt.Errorf("credit by %d tokenizers instead of %d", tokenizers, 1+len(rows[0].Further))
	}
	// Most credits have small denominators in common: those of one are added as
	// integers.
	sums := make([]map[string]*big.Rat, tokenizers)
	kept := make([]uint64, tokenizers)
	for i := range rows {
		r := &rows[i]
		if len(r.Credit) != tokenizers {
			return fmt.Errorf("row %d: contributor %q: credit by %d tokenizers instead of %d", i+1, r.Contributor, len(r.Credit), tokenizers)
		}
		in := r.In().Documents - r.Class[doc.Rejected].Documents
		for k, c := range r.Credit {
			if c.Sign() < 0 || c.Sign() > 0 && in == 0 {
				return fmt.Errorf("row %d: contributor %q: a credit of %s for %d documents", i+1, r.Contributor, c, in)
			}
			kept[k] += r.keptBy(k)
			if sums[k] == nil {
				sums[k] = make(map[string]*big.Rat)
			}
			den := string(c.Denom().Bytes())
			if sums[k][den] == nil {
				sums[k][den] = new(big.Rat)
			}
			sums[k][den].Add(sums[k][den], c)
		}
	}
	for k := range sums {
		var terms []*big.Rat
		for _, s := range sums[k] {
			terms = append(terms, s)
		}
		if sum := sumOf(terms); sum.Cmp(fraction(kept[k], 1)) != 0 {
			return fmt.Errorf("credits by tokenizer %d add up to %s, kept are %d tokens", k+1, sum, kept[k])
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
