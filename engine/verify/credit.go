package verify

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
)

// A plan that shares credit splits the tokens of a kept document equally among
// the distinct contributors of its group: its own, and those of the documents
// whose witness it is.

// creditFields are a credit as the files spell it: Tokens + Numerator/Denominator.
type creditFields struct {
	Tokens      uint64 `json:"tokens"`
	Numerator   string `json:"numerator"`
	Denominator string `json:"denominator"`
}

// value returns the exact number, which has one spelling only.
func (c creditFields) value() (*big.Rat, error) {
	var part big.Rat
	if _, ok := part.SetString(c.Numerator + "/" + c.Denominator); !ok || part.Sign() < 0 || part.Cmp(big.NewRat(1, 1)) >= 0 ||
		part.Num().String() != c.Numerator || part.Denom().String() != c.Denominator {
		return nil, fmt.Errorf("credit of %d and %.40s/%.40s is not a whole number and a fraction below one in lowest terms", c.Tokens, c.Numerator, c.Denominator)
	}
	whole := new(big.Rat).SetInt(new(big.Int).SetUint64(c.Tokens))
	return whole.Add(whole, &part), nil
}

// credits returns the credit by each tokenizer of the plan; none where the plan
// does not share credit.
func (c *checker) credits(r *tallyRow) ([]*big.Rat, error) {
	if !c.plan.SharesCredit() {
		if r.Credit != nil || r.FurtherCredit != nil {
			return nil, fmt.Errorf("a credit, by a plan that does not share it")
		}
		return nil, nil
	}
	if r.Credit == nil || len(r.FurtherCredit) != len(c.plan.Further) {
		return nil, fmt.Errorf("credit is not there by all tokenizers")
	}
	fields := []creditFields{*r.Credit}
	for _, t := range c.plan.Further {
		j, ok := r.FurtherCredit[t.Label]
		if !ok {
			return nil, fmt.Errorf("no credit by %s", t.Label)
		}
		fields = append(fields, j)
	}
	var out []*big.Rat
	for _, j := range fields {
		v, err := j.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// keptTokens returns the tokens kept by tokenizer k of the plan.
func (c *checker) keptTokens(counts *classCounts, k int) *big.Rat {
	n := counts.Kept.Tokens
	if k > 0 {
		n = counts.Further[c.plan.Further[k-1].Label].Kept
	}
	return new(big.Rat).SetInt(new(big.Int).SetUint64(n))
}

// checkCredits compares the sum of all credits with the tokens kept.
func (c *checker) checkCredits(rows []tallyRow, f *findings) {
	if c.plan == nil {
		return
	}
	// By denominator, so that most additions are of integers.
	sums := make([]map[string]*big.Rat, len(c.plan.Tokenizers()))
	kept := make([]*big.Rat, len(sums))
	for k := range sums {
		sums[k], kept[k] = make(map[string]*big.Rat), new(big.Rat)
	}
	for i := range rows {
		credits, err := c.credits(&rows[i])
		if err != nil {
			f.add("%s: line %d: contributor %q: %v", jsonlName, i+1, rows[i].Contributor, err)
			return
		}
		for k, v := range credits {
			den := v.Denom().String()
			if sums[k][den] == nil {
				sums[k][den] = new(big.Rat)
			}
			sums[k][den].Add(sums[k][den], v)
			kept[k].Add(kept[k], c.keptTokens(&rows[i].classCounts, k))
		}
	}
	for k, t := range c.plan.Tokenizers() {
		var sum big.Rat
		for _, s := range sums[k] {
			sum.Add(&sum, s)
		}
		if sum.Cmp(kept[k]) != 0 {
			f.add("%s: credits by %s add up to %s tokens, kept are %s", jsonlName, t.Name, sum.RatString(), kept[k].RatString())
		}
	}
}

// checkGroups derives from the decisions which kept documents have several
// contributors in their group. Whoever is in none of those must be credited with
// the tokens kept; how the others' are split takes the texts (checkRecount).
func (c *checker) checkGroups(ctx context.Context, f *findings) (string, error) {
	switch {
	case c.tally == nil:
		return skipped(f, "tally")
	case c.witness == nil:
		return skipped(f, "set of decisions")
	}
	groups := make(map[doc.Place][]string)
	shares := make(map[string]bool)
	for shard := range c.plan.Delivery() {
		err := c.eachDecision(shard, f, func(d *decided) error {
			if d.contributor == d.witnessContributor || c.plan.IsStanding(d.witnessShard) {
				return ctx.Err()
			}
			at := c.witnessPlace(d)
			for _, name := range []string{d.witnessContributor, d.contributor} {
				if i, found := slices.BinarySearch(groups[at], name); !found {
					groups[at] = slices.Insert(groups[at], i, name)
				}
				shares[name] = true
			}
			return ctx.Err()
		})
		if err != nil {
			return "", err
		}
	}
	for i := range c.tally {
		row := &c.tally[i]
		if shares[row.Contributor] {
			continue
		}
		credits, err := c.credits(row)
		if err != nil {
			return "", err // checkTally has passed them
		}
		for k, v := range credits {
			if kept := c.keptTokens(&row.classCounts, k); v.Cmp(kept) != 0 {
				f.add("%s: line %d: contributor %q shares with nobody, but is credited with %s tokens of %s kept", jsonlName, i+1, row.Contributor, v.RatString(), kept.RatString())
			}
		}
	}
	if f.count == 0 {
		c.groups = groups
	}
	return fmt.Sprintf("%s whose tokens are split among %s", number(len(groups), "kept document"), number(len(shares), "contributor")), nil
}

// split notes in the count of a shard what the group of a kept document moves
// from its contributor to the others.
func (s *shardCount) split(contributor string, group []string, tokens []int64) {
	if len(group) == 0 {
		return
	}
	if s.moved == nil {
		s.moved = make(map[string][]*big.Rat)
	}
	for _, name := range group {
		for k, n := range tokens {
			if len(s.moved[name]) == k {
				s.moved[name] = append(s.moved[name], new(big.Rat))
			}
			change := big.NewRat(n, int64(len(group)))
			if name == contributor {
				change.Sub(change, big.NewRat(n, 1))
			}
			s.moved[name][k].Add(s.moved[name][k], change)
		}
	}
}

// mergeMoved adds what o moves.
func (s *shardCount) mergeMoved(o *shardCount) {
	if s.moved == nil {
		s.moved = make(map[string][]*big.Rat)
	}
	for name, change := range o.moved {
		if s.moved[name] == nil {
			s.moved[name] = change
			continue
		}
		for k, v := range change {
			s.moved[name][k].Add(s.moved[name][k], v)
		}
	}
}

// compareCredit compares every credit with the tokens kept and what the groups
// moved, counted again.
func (c *checker) compareCredit(sum *shardCount, f *findings) {
	if !c.plan.SharesCredit() {
		return
	}
	if c.groups == nil {
		f.add("%s: credit is not checked, for want of decisions that can be read", jsonlName)
		return
	}
	for i := range c.tally {
		row := &c.tally[i]
		credits, err := c.credits(row)
		if err != nil {
			f.add("%s: line %d: contributor %q: %v", jsonlName, i+1, row.Contributor, err)
			continue
		}
		for k, v := range credits {
			want := c.keptTokens(&row.classCounts, k)
			if moved := sum.moved[row.Contributor]; moved != nil {
				want.Add(want, moved[k])
			}
			if v.Cmp(want) != 0 {
				f.add("%s: line %d: contributor %q: credit by %s is %s, recounted %s", jsonlName, i+1, row.Contributor, c.plan.Tokenizers()[k].Name, v.RatString(), want.RatString())
			}
		}
	}
}
