package engine

import (
	"fmt"
	"math/big"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// creditRule returns the plan's rule for what the user calls "first" or
// "shared". The former, the default, has no name: plans that were made before
// there was a choice are still the same.
func creditRule(credit string) (string, error) {
	switch credit {
	case "", "first":
		return "", nil
	case "shared":
		return plan.RuleCredit, nil
	}
	return "", fmt.Errorf("%w: credit %q is neither first nor shared", doc.ErrUsage, credit)
}

// splitCredit returns the whole tokens of a credit and the fraction on top, nil
// if there is none.
func splitCredit(credit *big.Rat) (tokens uint64, rest *big.Rat) {
	whole, part := new(big.Int).QuoRem(credit.Num(), credit.Denom(), new(big.Int))
	if part.Sign() != 0 {
		rest = new(big.Rat).SetFrac(part, credit.Denom())
	}
	return whole.Uint64(), rest
}
