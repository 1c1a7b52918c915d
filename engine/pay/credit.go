package pay

import (
	"fmt"
	"math/big"

	"github.com/tallystick/tallystick/engine/doc"
)

// CreditShared is the Credit of a statement whose tokens are those of a run that
// shares credit: a whole number and a fraction in each row, which add up to the
// tokens kept.
const CreditShared = "shared"

// exact returns tokens + fraction, which may be nil.
func exact(tokens uint64, fraction *big.Rat) *big.Rat {
	v := new(big.Rat).SetInt(new(big.Int).SetUint64(tokens))
	if fraction != nil {
		v.Add(v, fraction)
	}
	return v
}

// wholeSum returns the sum of the rows' tokens, which must be a whole number,
// with fractions from 0 up to, not including, 1, and only where credit is
// shared.
func wholeSum(rows []Row, credit string) (*big.Int, error) {
	var sum big.Int
	// Fractions of one denominator are added as integers.
	fractions := make(map[string]*big.Rat)
	for i := range rows {
		r := &rows[i]
		sum.Add(&sum, new(big.Int).SetUint64(r.Tokens))
		f := r.Fraction
		if f == nil {
			continue
		}
		if credit != CreditShared || f.Sign() <= 0 || f.Num().Cmp(f.Denom()) >= 0 {
			return nil, fmt.Errorf("%w: row of %q: a fraction of %s tokens", doc.ErrCorrupt, r.Contributor, f)
		}
		den := string(f.Denom().Bytes())
		if fractions[den] == nil {
			fractions[den] = new(big.Rat)
		}
		fractions[den].Add(fractions[den], f)
	}
	var rest big.Rat
	for _, f := range fractions {
		rest.Add(&rest, f)
	}
	if !rest.IsInt() {
		return nil, fmt.Errorf("%w: the credits add up to %s and %s tokens, not to a whole number", doc.ErrCorrupt, &sum, &rest)
	}
	return sum.Add(&sum, rest.Num()), nil
}

// parseFraction reads what Rat.String writes of a fraction between 0 and 1;
// empty is none.
func parseFraction(s string) (*big.Rat, error) {
	if s == "" {
		return nil, nil
	}
	f, ok := new(big.Rat).SetString(s)
	if !ok || f.String() != s || f.Sign() <= 0 || f.Num().Cmp(f.Denom()) >= 0 {
		return nil, fmt.Errorf("%w: %.80q is not a fraction below one in lowest terms", doc.ErrCorrupt, s)
	}
	return f, nil
}

func fractionText(f *big.Rat) string {
	if f == nil {
		return ""
	}
	return f.String()
}
