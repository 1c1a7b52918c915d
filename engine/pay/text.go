package pay

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/engine/internal/display"
)

// WriteCSV writes the rows as RFC 4180 CSV (UTF-8, CRLF, a header line).
// Where credit is shared, a last column has the fraction of a token that each
// row has on top. Columns amount, paid and carried are in major units for people (amount and
// carried rounded to six decimals), those ending in _units are exact.
//
// Contributors choose their own names and spreadsheets run cells that look
// like formulas, so a name that begins with one of = + - @ (also full-width),
// a tab, CR, LF or an apostrophe gets an apostrophe in front: cut off one
// leading apostrophe to have the name back. The JSONL form is the exact one.
func WriteCSV(w io.Writer, s Statement) error {
	if err := s.check(); err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	record := func(fields ...string) {
		for i, f := range fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quoteCSV(f))
		}
		b.WriteString("\r\n")
	}
	columns := []string{"kind", "contributor", "tokens", "currency", "amount", "paid", "carried",
		"carry_in_units", "amount_units", "paid_units", "carried_units"}
	if s.Credit == CreditShared {
		columns = append(columns, "tokens_fraction")
	}
	record(columns...)
	for _, r := range s.Rows {
		fields := []string{string(r.Kind), disarm(r.Contributor), strconv.FormatUint(r.Tokens, 10), s.Currency,
			s.Display(r.Amount), s.DisplayPaid(r.Paid), s.Display(r.Carried),
			r.CarryIn.String(), r.Amount.String(), r.Paid.String(), r.Carried.String()}
		if s.Credit == CreditShared {
			fields = append(fields, fractionText(r.Fraction))
		}
		record(fields...)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	return nil
}

// disarm keeps spreadsheets from running a name as a formula.
func disarm(name string) string {
	for _, start := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(name, start) {
			return "'" + name
		}
	}
	return name
}

// quoteCSV is RFC 4180 §2. Package encoding/csv is not used because it
// rewrites line ends inside fields.
func quoteCSV(field string) string {
	if !strings.ContainsAny(field, "\",\r\n") {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// nameWidth is how many columns of a terminal a contributor's name may take.
const nameWidth = 40

// WriteTable writes the statement for people: what was divided, the largest
// amounts first (at most limit contributors, all if limit is 0), what is held
// and carried, and the sum that must come out. Shared credit is shown without
// its fractions of a token.
func WriteTable(w io.Writer, s Statement, limit int) error {
	if err := s.check(); err != nil {
		return err
	}
	money := func(v *big.Int) string { return display.Group(s.Display(v)) }
	b := bufio.NewWriter(w)
	tokens := "kept tokens"
	if s.Tokenizer != "" {
		tokens += " of " + s.Tokenizer
	}
	head := "tokens kept"
	if s.Credit == CreditShared {
		tokens += ", credit shared"
		head = "tokens credited"
	}
	fmt.Fprintf(b, "%s %s × share %s = %s %s over %s %s\n",
		s.Currency, display.Group(s.DisplayPaid(s.Pool)), trimZeros(formatDecimal(s.SharePPB, unitDigits)),
		s.Currency, money(s.Payable), display.Group(s.Tokens.String()), tokens)
	if s.Minimum.Sign() > 0 {
		fmt.Fprintf(b, "minimum payout %s %s, smaller dues are carried\n", s.Currency, display.Group(s.DisplayPaid(s.Minimum)))
	}
	fmt.Fprintln(b)

	var people, special []Row
	for _, r := range s.Rows {
		if r.Kind == KindContributor {
			people = append(people, r)
		} else {
			special = append(special, r)
		}
	}
	slices.SortStableFunc(people, func(a, b Row) int {
		return cmp.Or(b.Amount.Cmp(a.Amount), b.CarryIn.Cmp(a.CarryIn))
	})
	t := display.Table{
		Head:  []string{"contributor", head, "carry in", "amount", "paid", "carried"},
		Right: []bool{false, true, true, true, true, true},
	}
	add := func(name string, tokens string, in, amount, paid, carried *big.Int) {
		t.Add(name, tokens, money(in), money(amount), display.Group(s.DisplayPaid(paid)), money(carried))
	}
	shown := people
	if limit > 0 && len(people) > limit {
		shown = people[:limit]
	}
	for _, r := range shown {
		add(display.Name(r.Contributor, nameWidth), display.Count(r.Tokens), r.CarryIn, r.Amount, r.Paid, r.Carried)
	}
	if rest := people[len(shown):]; len(rest) > 0 {
		var in, amount, paid, carried, tokens big.Int
		for _, r := range rest {
			in.Add(&in, r.CarryIn)
			amount.Add(&amount, r.Amount)
			paid.Add(&paid, r.Paid)
			carried.Add(&carried, r.Carried)
			tokens.Add(&tokens, new(big.Int).SetUint64(r.Tokens))
		}
		add(fmt.Sprintf("… %s more", display.Count(uint64(len(rest)))), display.Group(tokens.String()), &in, &amount, &paid, &carried)
	}
	for _, r := range special {
		add(r.Contributor, display.Count(r.Tokens), r.CarryIn, r.Amount, r.Paid, r.Carried)
	}
	add("total", display.Group(s.Tokens.String()), s.CarryIn, s.Payable, s.Paid, s.Carried)
	t.Write(b, 0) // errors stick to b
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	return nil
}

func trimZeros(s string) string {
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
