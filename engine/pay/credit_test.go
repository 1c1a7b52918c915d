package pay

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/engine/doc"
)

// Ten tokens among three, seven among two of them, and five of a fourth.
func sharedStatement(t testing.TB) Statement {
	third, sixths := big.NewRat(1, 3), big.NewRat(5, 6)
	rows := []Entitlement{
		{"ann", 6, sixths}, // 10/3 + 7/2
		{"bob", 6, sixths},
		{doc.Unattributed, 3, third},
		{"zed", 5, nil},
	}
	return compute(t, rows, Options{Pool: "100", Currency: "USD", Credit: CreditShared, RunID: "r"})
}

func TestSharedCreditIsPaid(t *testing.T) {
	s := sharedStatement(t)
	if s.Tokens.Cmp(big.NewInt(22)) != 0 {
		t.Errorf("tokens = %s, want 22", s.Tokens)
	}
	// 41/6 of 22 tokens of 100 USD: 31.0606…
	want, _ := new(big.Int).SetString("3106060606060", 10)
	if got := s.Rows[0].Amount; got.Cmp(want) != 0 {
		t.Errorf("amount of ann = %s, want %s", got, want)
	}
	if s.Rows[0].Amount.Cmp(s.Rows[1].Amount) != 0 {
		t.Error("equal credits are paid differently")
	}
	var b bytes.Buffer
	if err := WriteJSONL(&b, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"credit":"shared"`, `"tokens":6,"fraction":"5/6"`, `"tokens":5,"carry_in"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
	roundTrip(t, s)
	for name, change := range map[string][2]string{
		"another fraction":    {`"fraction":"5/6"`, `"fraction":"1/6"`},
		"not in lowest terms": {`"fraction":"1/3"`, `"fraction":"2/6"`},
		"improper":            {`"tokens":6,"fraction":"5/6"`, `"tokens":5,"fraction":"11/6"`},
		"whole":               {`"tokens":5,`, `"tokens":4,"fraction":"1",`},
		"of kept tokens":      {`"credit":"shared",`, ``},
	} {
		bad := strings.Replace(b.String(), change[0], change[1], 1)
		if bad == b.String() {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ReadCarry(strings.NewReader(bad)); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	bad := strings.Replace(b.String(), `"shared"`, `"divided"`, 1)
	if _, err := ReadCarry(strings.NewReader(bad)); !errors.Is(err, doc.ErrUnsupported) {
		t.Errorf("another rule: %v, want ErrUnsupported", err)
	}

	b.Reset()
	if err := WriteCSV(&b, s); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "carried_units,tokens_fraction\r\n") || !strings.Contains(b.String(), ",5/6\r\n") {
		t.Errorf("no fractions in\n%s", b.String())
	}
	b.Reset()
	if err := WriteTable(&b, s, 0); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "tokens credited") {
		t.Errorf("the table does not say that credit is shared:\n%s", b.String())
	}
}

func TestCreditsThatCannotBe(t *testing.T) {
	for name, rows := range map[string][]Entitlement{
		"not a whole number of tokens": {{"a", 1, big.NewRat(1, 3)}, {"b", 1, big.NewRat(1, 3)}},
		"improper":                     {{"a", 1, big.NewRat(4, 3)}, {"b", 1, big.NewRat(2, 3)}},
		"negative":                     {{"a", 1, big.NewRat(-1, 3)}, {"b", 1, big.NewRat(1, 3)}},
	} {
		if _, err := Compute(rows, Options{Pool: "1", Currency: "USD", Credit: CreditShared}); !errors.Is(err, doc.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	halves := []Entitlement{{"a", 1, big.NewRat(1, 2)}, {"b", 1, big.NewRat(1, 2)}}
	if _, err := Compute(halves, Options{Pool: "1", Currency: "USD"}); !errors.Is(err, doc.ErrCorrupt) {
		t.Errorf("fractions without shared credit: %v, want ErrCorrupt", err)
	}
}
