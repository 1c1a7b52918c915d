package pay

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/engine/doc"
)

func compute(t testing.TB, rows []Entitlement, o Options) Statement {
	t.Helper()
	s, err := Compute(rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func row(t testing.TB, s Statement, kind Kind, name string) Row {
	t.Helper()
	for _, r := range s.Rows {
		if r.Kind == kind && r.Contributor == name {
			return r
		}
	}
	t.Fatalf("no %s row of %q", kind, name)
	return Row{}
}

func number(t testing.TB, s string) *big.Int {
	t.Helper()
	v, ok := new(big.Int).SetString(s, 10)
	if !ok {
		t.Fatalf("bad number %q", s)
	}
	return v
}

// The example that started it: 130,000 of 300 billion tokens, half a billion
// dollars.
func TestGoldenRatio(t *testing.T) {
	rows := []Entitlement{{"author", 130_000, nil}, {"the rest", 300_000_000_000 - 130_000, nil}}
	for share, want := range map[string][2]string{
		"":     {"216.666667", "216.66"},
		"1":    {"216.666667", "216.66"},
		"100%": {"216.666667", "216.66"},
		"0.2":  {"43.333333", "43.33"},
		"20%":  {"43.333333", "43.33"},
		"20 %": {"43.333333", "43.33"},
	} {
		s := compute(t, rows, Options{Pool: "500000000", Currency: "USD", Share: share})
		r := row(t, s, KindContributor, "author")
		if got := [2]string{s.Display(r.Amount), s.DisplayPaid(r.Paid)}; got != want {
			t.Errorf("share %q: amount and paid %v, want %v", share, got, want)
		}
	}
	s := compute(t, rows, Options{Pool: "500000000", Currency: "USD"})
	r := row(t, s, KindContributor, "author")
	if r.Amount.Cmp(number(t, "21666666666666")) != 0 || r.Carried.Cmp(number(t, "666666666")) != 0 {
		t.Errorf("amount %s, carried %s units", r.Amount, r.Carried)
	}
}

// Products that overflow int64 in a popular money library, and pools at the
// end of int64.
func TestLargeProducts(t *testing.T) {
	s := compute(t, []Entitlement{{"a", 400_000_000, nil}, {"b", 300_000_000_000 - 400_000_000, nil}},
		Options{Pool: "500000000.00", Currency: "USD"})
	minor := new(big.Int).Quo(row(t, s, KindContributor, "a").Paid, pow10(unitDigits))
	if minor.Cmp(big.NewInt(66_666_666)) != 0 {
		t.Errorf("50,000,000,000 × 400,000,000 / 300,000,000,000 = %s, want 66,666,666", minor)
	}

	pool := "92233720368547758.07" // 2⁶³ − 1 cents
	s = compute(t, []Entitlement{{"a", math.MaxUint64, nil}, {"b", math.MaxUint64, nil}, {"c", 1, nil}}, Options{Pool: pool, Currency: "USD"})
	a := row(t, s, KindContributor, "a").Amount
	want := new(big.Int).Mul(big.NewInt(math.MaxInt64), pow10(unitDigits))
	total := new(big.Int).Add(new(big.Int).Lsh(new(big.Int).SetUint64(math.MaxUint64), 1), big.NewInt(1))
	want.Mul(want, new(big.Int).SetUint64(math.MaxUint64)).Quo(want, total)
	if a.Cmp(want) != 0 {
		t.Errorf("amount %s, want %s", a, want)
	}
	// ⌊(2⁶³ − 1) × 10⁹ / (2⁶⁵ − 1)⌋: a little less than a quarter of a cent.
	if got := row(t, s, KindContributor, "c").Amount; got.Cmp(number(t, "249999999")) != 0 {
		t.Errorf("one token of 2⁶⁵ earns %s units", got)
	}
}

func TestNothingKept(t *testing.T) {
	for name, rows := range map[string][]Entitlement{
		"empty tally": nil,
		"zero tokens": {{"a", 0, nil}, {doc.Unattributed, 0, nil}},
	} {
		s := compute(t, rows, Options{Pool: "10", Currency: "JPY"})
		r := row(t, s, KindRemainder, Remainder)
		if r.Carried.Cmp(s.Payable) != 0 || s.Payable.Cmp(number(t, "10000000000")) != 0 {
			t.Errorf("%s: carry row keeps %s of %s", name, r.Carried, s.Payable)
		}
	}
	s := compute(t, []Entitlement{{"a", 3, nil}}, Options{Pool: "0", Currency: "USD"})
	if s.Paid.Sign() != 0 || s.Carried.Sign() != 0 {
		t.Errorf("a pool of nothing pays %s, carries %s", s.Paid, s.Carried)
	}
}

func TestUnattributedIsHeld(t *testing.T) {
	s := compute(t, []Entitlement{{"a", 1, nil}, {doc.Unattributed, 3, nil}}, Options{Pool: "100", Currency: "EUR"})
	r := row(t, s, KindUnattributed, doc.Unattributed)
	if r.Paid.Sign() != 0 || s.Display(r.Carried) != "75.000000" {
		t.Errorf("paid %s, held %s", r.Paid, s.Display(r.Carried))
	}
	if got := s.DisplayPaid(row(t, s, KindContributor, "a").Paid); got != "25.00" {
		t.Errorf("a is paid %s, want 25.00: others' missing names must not raise it", got)
	}
}

func TestCurrencyExponents(t *testing.T) {
	for currency, want := range map[string]string{"JPY": "3", "USD": "3.33", "KWD": "3.333", "CLF": "3.3333"} {
		s := compute(t, []Entitlement{{"a", 1, nil}, {"b", 2, nil}}, Options{Pool: "10", Currency: currency})
		r := row(t, s, KindContributor, "a")
		if got := s.DisplayPaid(r.Paid); got != want {
			t.Errorf("%s: paid %s, want %s", currency, got, want)
		}
		if got := s.Display(r.Amount); got != "3.333333" {
			t.Errorf("%s: amount %s, want 3.333333", currency, got)
		}
	}
	seen := make(map[string]bool)
	for _, codes := range currencies {
		for code := range strings.FieldsSeq(codes) {
			if len(code) != 3 || seen[code] {
				t.Errorf("currency %q is malformed or listed twice", code)
			}
			seen[code] = true
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for name, o := range map[string]Options{
		"unknown currency":    {Pool: "1", Currency: "XYZ"},
		"lower case currency": {Pool: "1", Currency: "usd"},
		"no currency":         {Pool: "1"},
		"no pool":             {Currency: "USD"},
		"negative pool":       {Pool: "-1", Currency: "USD"},
		"plus sign":           {Pool: "+1", Currency: "USD"},
		"separator":           {Pool: "1,000", Currency: "USD"},
		"exponent":            {Pool: "1e6", Currency: "USD"},
		"hexadecimal":         {Pool: "0x10", Currency: "USD"},
		"no digits":           {Pool: ".", Currency: "USD"},
		"dot without digits":  {Pool: "1.", Currency: "USD"},
		"other digits":        {Pool: "١", Currency: "USD"},
		"two dots":            {Pool: "1.2.3", Currency: "USD"},
		"fraction of a cent":  {Pool: "1.234", Currency: "USD"},
		"fraction of a yen":   {Pool: "1.5", Currency: "JPY"},
		"absurd pool":         {Pool: strings.Repeat("9", 31), Currency: "USD"},
		"share above one":     {Pool: "1", Currency: "USD", Share: "1.000000001"},
		"percent above all":   {Pool: "1", Currency: "USD", Share: "101%"},
		"negative share":      {Pool: "1", Currency: "USD", Share: "-0.1"},
		"fraction share":      {Pool: "1", Currency: "USD", Share: "1/5"},
		"share too fine":      {Pool: "1", Currency: "USD", Share: "0.1234567891"},
		"percent too fine":    {Pool: "1", Currency: "USD", Share: "0.12345678%"},
		"percent alone":       {Pool: "1", Currency: "USD", Share: "%"},
		"minimum":             {Pool: "1", Currency: "USD", Minimum: "a lot"},
		"other currency":      {Pool: "1", Currency: "USD", CarryIn: &Carry{Currency: "EUR"}},
	} {
		if _, err := Compute([]Entitlement{{"a", 1, nil}}, o); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%s: error %v, want doc.ErrUsage", name, err)
		}
	}
	if _, err := Compute([]Entitlement{{"a", 1, nil}, {"a", 2, nil}}, Options{Pool: "1", Currency: "USD"}); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("contributor twice: error %v, want doc.ErrCorrupt", err)
	}
}

// A name equal to one of the special rows is a contributor like any other.
func TestNameOfTheCarryRow(t *testing.T) {
	s := compute(t, []Entitlement{{Remainder, 1, nil}, {"a", 2, nil}}, Options{Pool: "1", Currency: "USD"})
	if got := s.DisplayPaid(row(t, s, KindContributor, Remainder).Paid); got != "0.33" {
		t.Errorf("contributor named (carry) is paid %s", got)
	}
	row(t, s, KindRemainder, Remainder)
}

// A minimum delays a payment, it never takes it away: month by month, an
// account below the minimum is paid what it is due when it reaches it.
func TestMinimumIsCarriedForward(t *testing.T) {
	rows := []Entitlement{{"large", 2_999_999, nil}, {"small", 1, nil}}
	var carry *Carry
	var paid []string
	all := new(big.Int)
	for range 4 {
		s := compute(t, rows, Options{Pool: "10000000", Currency: "USD", Minimum: "10", CarryIn: carry})
		r := row(t, s, KindContributor, "small")
		paid = append(paid, s.DisplayPaid(r.Paid))
		all.Add(all, r.Paid)
		all.Add(all, new(big.Int).Sub(r.Carried, r.CarryIn))
		carry = roundTrip(t, s)
	}
	if got, want := strings.Join(paid, " "), "0.00 0.00 0.00 13.33"; got != want {
		t.Errorf("paid %s, want %s", got, want)
	}
	if want := number(t, "1333333333332"); all.Cmp(want) != 0 {
		t.Errorf("paid and carried %s units in all, want %s", all, want)
	}

	// Somebody who delivers nothing any more keeps what is carried.
	s := compute(t, rows[:1], Options{Pool: "1", Currency: "USD", CarryIn: carry})
	if r := row(t, s, KindContributor, "small"); r.Tokens != 0 || r.CarryIn.Sign() == 0 || r.Carried.Cmp(r.CarryIn) != 0 {
		t.Errorf("departed contributor: %+v", r)
	}
}

// Splitting an account never gains: one owed 253.24 cents out of 100,000
// accounts collects at most that from any number of accounts.
func TestSplittingNeverGains(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var rest uint64
	for range 100_000 {
		rest += 100 + rnd.Uint64N(10_000)
	}
	// The largest number of tokens that is worth 253.24 cents of 500,000.
	tokens := rest * 25324 / (50_000_000 - 25324)
	o := Options{Pool: "5000", Currency: "USD"}
	cents := func(k uint64) int64 {
		rows := []Entitlement{{"rest", rest, nil}}
		for i := range k {
			share := tokens / k
			if i < tokens%k {
				share++
			}
			rows = append(rows, Entitlement{fmt.Sprintf("part %04d", i), share, nil})
		}
		s := compute(t, rows, o)
		paid := new(big.Int).Sub(s.Paid, row(t, s, KindContributor, "rest").Paid)
		return paid.Quo(paid, pow10(unitDigits)).Int64()
	}
	whole := cents(1)
	if whole != 253 {
		t.Fatalf("unsplit account is paid %d cents, want 253", whole)
	}
	for k := uint64(2); k <= 2000; k += splitStep {
		if got := cents(k); got > whole {
			t.Fatalf("split into %d accounts collects %d cents, unsplit %d", k, got, whole)
		}
	}
}

// Every statement balances, does not depend on the order of its rows, equals
// exact rational arithmetic rounded down, and survives writing and reading.
func TestStatementProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.OneOf(rapid.String(), rapid.Just(doc.Unattributed), rapid.Just(Remainder)),
			0, 20, rapid.ID[string]).Draw(rt, "names")
		var rows []Entitlement
		for _, n := range names {
			rows = append(rows, Entitlement{n, rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 9)).Draw(rt, "tokens"), nil})
		}
		currency := rapid.SampledFrom([]string{"JPY", "USD", "KWD", "CLF"}).Draw(rt, "currency")
		o := Options{
			Pool:     rapid.StringMatching(`[0-9]{1,20}`).Draw(rt, "pool"),
			Currency: currency,
			Share:    rapid.StringMatching(`0\.[0-9]{1,9}|1|[0-9]{1,2}(\.[0-9]{1,7})?%`).Draw(rt, "share"),
			Minimum:  rapid.StringMatching(`[0-9]{1,8}`).Draw(rt, "minimum"),
		}
		first := compute(t, rows, o)
		o.CarryIn = roundTrip(t, first)
		s := compute(t, rows, o)
		if first.Tokens.Sign() > 0 {
			checkAgainstRationals(rt, first)
		}

		var want, got strings.Builder
		if err := WriteJSONL(&want, s); err != nil {
			rt.Fatal(err)
		}
		shuffled := rapid.Permutation(rows).Draw(rt, "order")
		if err := WriteJSONL(&got, compute(t, shuffled, o)); err != nil {
			rt.Fatal(err)
		}
		if got.String() != want.String() {
			rt.Fatal("statement depends on the order of the tally")
		}

		in := new(big.Int).Add(first.Carried, s.Payable)
		out := new(big.Int).Add(s.Paid, s.Carried)
		if in.Cmp(out) != 0 {
			rt.Fatalf("carry in + pool × share = %s, paid + carried = %s", in, out)
		}
	})
}

func checkAgainstRationals(t rapid.TB, s Statement) {
	left := new(big.Int).Set(s.Payable)
	for _, r := range s.Rows {
		if r.Kind == KindRemainder {
			if r.Amount.Cmp(left) != 0 || left.Cmp(big.NewInt(int64(len(s.Rows)))) >= 0 {
				t.Fatalf("remainder %s of %d rows, want %s", r.Amount, len(s.Rows), left)
			}
			continue
		}
		exact := new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Tokens), s.Tokens)
		exact.Mul(exact, new(big.Rat).SetInt(s.Pool))
		exact.Mul(exact, new(big.Rat).SetFrac(s.SharePPB, pow10(9)))
		below := new(big.Rat).SetInt(r.Amount)
		above := new(big.Rat).SetInt(new(big.Int).Add(r.Amount, big.NewInt(1)))
		if below.Cmp(exact) > 0 || above.Cmp(exact) <= 0 {
			t.Fatalf("%q: amount %s is not the floor of %s", r.Contributor, r.Amount, exact)
		}
		left.Sub(left, r.Amount)
	}
}

// roundTrip writes s and reads its carried amounts back.
func roundTrip(t testing.TB, s Statement) *Carry {
	t.Helper()
	var b strings.Builder
	if err := WriteJSONL(&b, s); err != nil {
		t.Fatal(err)
	}
	c, err := ReadCarry(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return &c
}
