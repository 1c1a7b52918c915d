// Package pay turns a tally into money: what each contributor is due from a
// pool, to the last unit.
//
//	amount = tokens kept / total kept × pool × share
//
// This is the rule R = T/P × revenue × α of "1 Trillion Token Platform"
// (arXiv 2409.20149). All money is counted in integers of 10⁻⁹ minor units
// (a unit), the division is made once, at the end, rounding down. What the
// rounding leaves is not lost and goes to nobody: it is the row named (carry).
// Rounding down is superadditive, so nobody gains by splitting one account
// into many; handing the remainder to the largest fractions, or to the first
// of the list, would pay for exactly that.
//
// Payments are whole minor units. The fraction, and any amount below the
// minimum payout, is carried to the contributor's next statement. Tokens that
// nobody can be credited with earn their part of the pool, which is held in
// the row (unattributed). In every row
//
//	carry in + amount = paid + carried
//
// and over all rows
//
//	carry in + pool × share = paid + carried
//
// Both are checked when a statement is computed and again when one is read.
package pay

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
)

// Remainder is the name of the row that keeps what rounding down leaves.
const Remainder = "(carry)"

// Entitlement is what a contributor brings: the tokens of kept documents or,
// where credit is shared, the credit, Tokens + Fraction.
type Entitlement struct {
	Contributor string
	Tokens      uint64
	Fraction    *big.Rat // below one; nil for none
}

// Options of a statement. Numbers are plain decimals, never floats.
type Options struct {
	Pool     string // in major units, "500000000" or "1234.56"
	Currency string // ISO 4217 code
	Share    string // of the pool: "0.2" or "20%", at most nine decimals; empty means all
	Minimum  string // payout in major units; smaller dues are carried; empty means none
	RunID    string // of the run whose tally this is
	// Tokenizer is the label of the one whose tokens these are, where the run
	// has labels.
	Tokenizer string
	Credit    string // CreditShared, or empty: the tokens kept
	CarryIn   *Carry // from an earlier statement, or nil
}

// Kind is what a row of a statement stands for. It, not the name, tells the
// two special rows from a contributor who happens to be called the same.
type Kind string

const (
	KindContributor  Kind = "contributor"
	KindUnattributed Kind = "unattributed" // held: there is nobody to pay
	KindRemainder    Kind = "remainder"    // what rounding down leaves
)

// Row is one line of a statement. Money is in units (10⁻⁹ minor units).
type Row struct {
	Kind        Kind
	Contributor string
	Tokens      uint64
	Fraction    *big.Rat // of a token, on top; nil for none
	CarryIn     *big.Int // carried by the earlier statement
	Amount      *big.Int // accrued now
	Paid        *big.Int // whole minor units
	Carried     *big.Int // to the next statement
}

// Statement is the result: every contributor once, ascending by name, then
// the (unattributed) row if there is one, then the (carry) row.
type Statement struct {
	RunID         string
	Tokenizer     string // label of the one that counted, or empty
	Credit        string // CreditShared, or empty: the tokens kept
	Currency      string
	Exponent      int      // decimals of the minor unit
	Pool          *big.Int // units
	SharePPB      *big.Int // parts per 10⁹
	Payable       *big.Int // pool × share, units
	Minimum       *big.Int // units
	CarryInSHA256 string   // hex digest of the earlier statement, or empty
	Tokens        *big.Int // kept, in total
	CarryIn       *big.Int // sums over the rows, units
	Paid          *big.Int
	Carried       *big.Int
	Rows          []Row
}

// Compute makes the statement. The order of rows does not matter; a
// contributor who stands in them twice is refused (doc.ErrCorrupt), options
// that make no sense wrap doc.ErrUsage.
func Compute(rows []Entitlement, o Options) (Statement, error) {
	s, err := newStatement(o)
	if err != nil {
		return Statement{}, err
	}
	carry := Carry{}
	if o.CarryIn != nil {
		carry = *o.CarryIn
		if carry.Currency != s.Currency {
			return Statement{}, fmt.Errorf("%w: carry is in %s, the pool in %s", doc.ErrUsage, carry.Currency, s.Currency)
		}
		s.CarryInSHA256 = carry.SHA256
	}
	if err := s.addRows(rows, carry); err != nil {
		return Statement{}, err
	}
	s.accrue()
	s.settle()
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	return s, nil
}

func newStatement(o Options) (Statement, error) {
	exponent, err := Exponent(o.Currency)
	if err != nil {
		return Statement{}, err
	}
	pool, err := parseMoney(o.Pool, exponent)
	if err != nil {
		return Statement{}, fmt.Errorf("%w: pool in %s: %w", doc.ErrUsage, o.Currency, err)
	}
	share := pow10(unitDigits)
	if o.Share != "" {
		if share, err = parseShare(o.Share); err != nil {
			return Statement{}, fmt.Errorf("%w: share: %w", doc.ErrUsage, err)
		}
	}
	minimum := new(big.Int)
	if o.Minimum != "" {
		if minimum, err = parseMoney(o.Minimum, exponent); err != nil {
			return Statement{}, fmt.Errorf("%w: minimum payout in %s: %w", doc.ErrUsage, o.Currency, err)
		}
	}
	payable := new(big.Int).Mul(pool, share)
	payable.Quo(payable, pow10(unitDigits)) // exact: the pool is whole minor units
	return Statement{
		RunID: o.RunID, Tokenizer: o.Tokenizer, Credit: o.Credit, Currency: o.Currency, Exponent: exponent,
		Pool: pool, SharePPB: share, Payable: payable, Minimum: minimum,
	}, nil
}

// addRows makes the rows, in the order of the statement, with tokens and
// carry in. Whoever is carried from before but has no tokens now gets a row
// too.
func (s *Statement) addRows(entitlements []Entitlement, carry Carry) error {
	carryIn := make(map[string]*big.Int, len(carry.Contributors))
	for name, v := range carry.Contributors {
		carryIn[name] = v
	}
	var unattributed *Row
	if carry.Unattributed != nil {
		unattributed = &Row{CarryIn: carry.Unattributed}
	}
	seen := make(map[string]bool, len(entitlements))
	for _, e := range entitlements {
		if seen[e.Contributor] {
			return fmt.Errorf("%w: contributor %q is in the tally twice", doc.ErrCorrupt, e.Contributor)
		}
		seen[e.Contributor] = true
		if e.Contributor == doc.Unattributed {
			if unattributed == nil {
				unattributed = &Row{CarryIn: new(big.Int)}
			}
			unattributed.Tokens, unattributed.Fraction = e.Tokens, e.Fraction
			continue
		}
		in := carryIn[e.Contributor]
		if in == nil {
			in = new(big.Int)
		}
		delete(carryIn, e.Contributor)
		s.Rows = append(s.Rows, Row{Kind: KindContributor, Contributor: e.Contributor, Tokens: e.Tokens, Fraction: e.Fraction, CarryIn: in})
	}
	for name, in := range carryIn {
		s.Rows = append(s.Rows, Row{Kind: KindContributor, Contributor: name, CarryIn: in})
	}
	slices.SortFunc(s.Rows, func(a, b Row) int { return strings.Compare(a.Contributor, b.Contributor) })
	if unattributed != nil {
		unattributed.Kind, unattributed.Contributor = KindUnattributed, doc.Unattributed
		s.Rows = append(s.Rows, *unattributed)
	}
	remainder := Row{Kind: KindRemainder, Contributor: Remainder, CarryIn: new(big.Int)}
	if carry.Remainder != nil {
		remainder.CarryIn = carry.Remainder
	}
	s.Rows = append(s.Rows, remainder)
	var err error
	s.Tokens, err = wholeSum(s.Rows, s.Credit)
	return err
}

// accrue divides Payable by tokens. The last row takes what is left, which is
// all of it if nothing was kept.
func (s *Statement) accrue() {
	left := new(big.Int).Set(s.Payable)
	last := len(s.Rows) - 1
	for i := range s.Rows[:last] {
		r := &s.Rows[i]
		r.Amount = s.entitled(r)
		left.Sub(left, r.Amount)
	}
	s.Rows[last].Amount = left
}

// entitled is ⌊tokens × payable / total⌋, nothing if the total is nothing.
func (s *Statement) entitled(r *Row) *big.Int {
	v := new(big.Int)
	if s.Tokens.Sign() == 0 {
		return v
	}
	if r.Fraction == nil {
		v.SetUint64(r.Tokens)
		return v.Mul(v, s.Payable).Quo(v, s.Tokens)
	}
	tokens := exact(r.Tokens, r.Fraction)
	return v.Mul(tokens.Num(), s.Payable).Quo(v, new(big.Int).Mul(tokens.Denom(), s.Tokens))
}

// settle splits what is due in every row into paid and carried, and sums up.
func (s *Statement) settle() {
	minor := pow10(unitDigits)
	s.CarryIn, s.Paid, s.Carried = new(big.Int), new(big.Int), new(big.Int)
	for i := range s.Rows {
		r := &s.Rows[i]
		r.Paid = new(big.Int)
		r.Carried = new(big.Int).Add(r.CarryIn, r.Amount)
		if r.Kind == KindContributor && r.Carried.Cmp(s.Minimum) >= 0 {
			fraction := new(big.Int).Rem(r.Carried, minor)
			r.Paid.Sub(r.Carried, fraction)
			r.Carried = fraction
		}
		s.CarryIn.Add(s.CarryIn, r.CarryIn)
		s.Paid.Add(s.Paid, r.Paid)
		s.Carried.Add(s.Carried, r.Carried)
	}
}

// check proves the identities of the package comment from the rows alone.
func (s *Statement) check() error {
	minor := pow10(unitDigits)
	tokens, err := wholeSum(s.Rows, s.Credit)
	if err != nil {
		return fmt.Errorf("statement: %w", err)
	}
	var in, amount, paid, carried big.Int
	for i := range s.Rows {
		r := &s.Rows[i]
		if !balanced(r.CarryIn, r.Amount, r.Paid, r.Carried) {
			return fmt.Errorf("%w: statement: row of %q: carry in + amount differs from paid + carried", doc.ErrCorrupt, r.Contributor)
		}
		if r.CarryIn.Sign() < 0 || r.Amount.Sign() < 0 || r.Paid.Sign() < 0 || r.Carried.Sign() < 0 {
			return fmt.Errorf("%w: statement: row of %q: negative money", doc.ErrCorrupt, r.Contributor)
		}
		if new(big.Int).Rem(r.Paid, minor).Sign() != 0 {
			return fmt.Errorf("%w: statement: row of %q: paid is not whole minor units", doc.ErrCorrupt, r.Contributor)
		}
		if r.Kind != KindContributor && r.Paid.Sign() != 0 {
			return fmt.Errorf("%w: statement: row %s is paid", doc.ErrCorrupt, r.Contributor)
		}
		if r.Kind == KindRemainder {
			if r.Tokens != 0 || r.Fraction != nil {
				return fmt.Errorf("%w: statement: row %s has tokens", doc.ErrCorrupt, r.Contributor)
			}
		} else if r.Amount.Cmp(s.entitled(r)) != 0 {
			return fmt.Errorf("%w: statement: row of %q: amount is not tokens / total × payable", doc.ErrCorrupt, r.Contributor)
		}
		in.Add(&in, r.CarryIn)
		amount.Add(&amount, r.Amount)
		paid.Add(&paid, r.Paid)
		carried.Add(&carried, r.Carried)
	}
	payable := new(big.Int).Mul(s.Pool, s.SharePPB)
	switch {
	case payable.Cmp(new(big.Int).Mul(s.Payable, pow10(unitDigits))) != 0:
		return fmt.Errorf("%w: statement: payable is not pool × share", doc.ErrCorrupt)
	case amount.Cmp(s.Payable) != 0:
		return fmt.Errorf("%w: statement: amounts add up to %s, not to the pool's share %s", doc.ErrCorrupt, &amount, s.Payable)
	case in.Cmp(s.CarryIn) != 0 || paid.Cmp(s.Paid) != 0 || carried.Cmp(s.Carried) != 0 || tokens.Cmp(s.Tokens) != 0:
		return fmt.Errorf("%w: statement: a total differs from the sum of its rows", doc.ErrCorrupt)
	case !balanced(s.CarryIn, s.Payable, s.Paid, s.Carried):
		return fmt.Errorf("%w: statement: carry in + pool × share differs from paid + carried", doc.ErrCorrupt)
	}
	return nil
}

// balanced reports whether in + amount = paid + carried.
func balanced(in, amount, paid, carried *big.Int) bool {
	return new(big.Int).Add(in, amount).Cmp(new(big.Int).Add(paid, carried)) == 0
}
