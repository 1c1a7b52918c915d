package pay

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/tallystick/tallystick/engine/doc"
)

// Version of the JSONL statement. A reader refuses a version it does not know.
const Version = 1

// The lines of a statement file: a header, then a line per row. Money is a
// string of units, because JSON readers round integers above 2⁵³; fields
// ending in _major repeat it for people. Schema: docs/schema/pay.schema.json.
type headerLine struct {
	Record    string `json:"record"` // "statement"
	Version   int    `json:"version"`
	RunID     string `json:"run_id"`
	Tokenizer string `json:"tokenizer,omitempty"`
	Credit    string `json:"credit,omitempty"`
	Currency  string `json:"currency"`
	Exponent  int    `json:"exponent"`
	Unit      string `json:"unit"`
	Pool      string `json:"pool"`
	Share     string `json:"share"`
	Payable   string `json:"payable"`
	Minimum   string `json:"minimum"`
	Prior     string `json:"carry_in_sha256"`
	Tokens    string `json:"tokens"`
	CarryIn   string `json:"carry_in"`
	Paid      string `json:"paid"`
	Carried   string `json:"carried"`
	Rows      int    `json:"rows"`
}

type rowLine struct {
	Record      string `json:"record"` // "row"
	Kind        Kind   `json:"kind"`
	Contributor string `json:"contributor"`
	Tokens      uint64 `json:"tokens"`
	Fraction    string `json:"fraction,omitempty"`
	CarryIn     string `json:"carry_in"`
	Amount      string `json:"amount"`
	Paid        string `json:"paid"`
	Carried     string `json:"carried"`
	AmountMajor string `json:"amount_major"`
	PaidMajor   string `json:"paid_major"`
}

const unitName = "1e-9 minor units"

// WriteJSONL writes the statement as JSON lines, the exact form that
// ReadCarry reads. A statement that does not balance is refused.
func WriteJSONL(w io.Writer, s Statement) error {
	if err := s.check(); err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(headerLine{
		Record: "statement", Version: Version, RunID: s.RunID, Tokenizer: s.Tokenizer, Credit: s.Credit,
		Currency: s.Currency, Exponent: s.Exponent, Unit: unitName,
		Pool: s.Pool.String(), Share: formatDecimal(s.SharePPB, unitDigits), Payable: s.Payable.String(),
		Minimum: s.Minimum.String(), Prior: s.CarryInSHA256, Tokens: s.Tokens.String(),
		CarryIn: s.CarryIn.String(), Paid: s.Paid.String(), Carried: s.Carried.String(), Rows: len(s.Rows),
	})
	if err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	for _, r := range s.Rows {
		err := enc.Encode(rowLine{
			Record: "row", Kind: r.Kind, Contributor: r.Contributor, Tokens: r.Tokens, Fraction: fractionText(r.Fraction),
			CarryIn: r.CarryIn.String(), Amount: r.Amount.String(), Paid: r.Paid.String(), Carried: r.Carried.String(),
			AmountMajor: s.Display(r.Amount), PaidMajor: s.DisplayPaid(r.Paid),
		})
		if err != nil {
			return fmt.Errorf("write statement: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	return nil
}

// Carry is what an earlier statement carried to the next one, in units.
type Carry struct {
	Currency     string
	SHA256       string // hex digest of the statement's bytes
	Contributors map[string]*big.Int
	Unattributed *big.Int // nil if nothing is held
	Remainder    *big.Int
}

// ReadCarry reads the carried amounts of a JSONL statement and checks that it
// balances: a file that was cut or edited wraps doc.ErrCorrupt.
func ReadCarry(r io.Reader) (Carry, error) {
	digest := sha256.New()
	s, err := readJSONL(io.TeeReader(r, digest))
	if err != nil {
		return Carry{}, fmt.Errorf("read carry: %w", err)
	}
	c := Carry{
		Currency:     s.Currency,
		SHA256:       hex.EncodeToString(digest.Sum(nil)),
		Contributors: make(map[string]*big.Int),
	}
	for _, row := range s.Rows {
		switch {
		case row.Kind == KindUnattributed:
			c.Unattributed = row.Carried
		case row.Kind == KindRemainder:
			c.Remainder = row.Carried
		case row.Carried.Sign() > 0:
			c.Contributors[row.Contributor] = row.Carried
		}
	}
	return c, nil
}

// readJSONL reads what WriteJSONL writes and checks it.
func readJSONL(r io.Reader) (Statement, error) {
	lines := bufio.NewReader(r)
	var h headerLine
	if err := readLine(lines, &h); err != nil {
		return Statement{}, fmt.Errorf("line 1: %w", err)
	}
	if h.Record != "statement" || h.Unit != unitName {
		return Statement{}, fmt.Errorf("%w: line 1: not the header of a pay statement", doc.ErrCorrupt)
	}
	if h.Credit != "" && h.Credit != CreditShared {
		return Statement{}, fmt.Errorf("%w: statement of credit %q, which this program does not know", doc.ErrUnsupported, h.Credit)
	}
	if h.Version != Version {
		return Statement{}, fmt.Errorf("%w: statement has version %d, this program reads %d", doc.ErrUnsupported, h.Version, Version)
	}
	var p moneyParser
	s := Statement{
		RunID: h.RunID, Tokenizer: h.Tokenizer, Credit: h.Credit, Currency: h.Currency, Exponent: h.Exponent, CarryInSHA256: h.Prior,
		Pool: p.parse(h.Pool), Payable: p.parse(h.Payable), Minimum: p.parse(h.Minimum), Tokens: p.parse(h.Tokens),
		CarryIn: p.parse(h.CarryIn), Paid: p.parse(h.Paid), Carried: p.parse(h.Carried),
	}
	if p.err != nil {
		return Statement{}, fmt.Errorf("line 1: %w", p.err)
	}
	var err error
	if s.SharePPB, err = parseShare(h.Share); err != nil {
		return Statement{}, fmt.Errorf("%w: line 1: share: %w", doc.ErrCorrupt, err)
	}
	if exponent, err := Exponent(h.Currency); err != nil || exponent != h.Exponent {
		return Statement{}, fmt.Errorf("%w: line 1: currency %q with exponent %d", doc.ErrCorrupt, h.Currency, h.Exponent)
	}
	seen := make(map[string]bool)
	for n := 2; ; n++ {
		var l rowLine
		err := readLine(lines, &l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Statement{}, fmt.Errorf("line %d: %w", n, err)
		}
		row := Row{
			Kind: l.Kind, Contributor: l.Contributor, Tokens: l.Tokens,
			CarryIn: p.parse(l.CarryIn), Amount: p.parse(l.Amount), Paid: p.parse(l.Paid), Carried: p.parse(l.Carried),
		}
		if p.err != nil {
			return Statement{}, fmt.Errorf("line %d: %w", n, p.err)
		}
		if row.Fraction, err = parseFraction(l.Fraction); err != nil {
			return Statement{}, fmt.Errorf("line %d: %w", n, err)
		}
		name := map[Kind]string{
			KindContributor: l.Contributor, KindUnattributed: doc.Unattributed, KindRemainder: Remainder,
		}[l.Kind]
		if l.Record != "row" || l.Contributor != name || (l.Kind == KindContributor && name == doc.Unattributed) {
			return Statement{}, fmt.Errorf("%w: line %d: not a row of a statement", doc.ErrCorrupt, n)
		}
		key := string(l.Kind) + " " + name
		if seen[key] {
			return Statement{}, fmt.Errorf("%w: line %d: second row of %q", doc.ErrCorrupt, n, name)
		}
		seen[key] = true
		s.Rows = append(s.Rows, row)
	}
	if len(s.Rows) != h.Rows {
		return Statement{}, fmt.Errorf("%w: %d rows, the header says %d", doc.ErrCorrupt, len(s.Rows), h.Rows)
	}
	return s, s.check()
}

// readLine decodes the next line into v, io.EOF at the end. A last line
// without its newline was cut.
func readLine(r *bufio.Reader, v any) error {
	line, err := r.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return io.EOF
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: line is cut short", doc.ErrCorrupt)
	}
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", doc.ErrCorrupt, err)
	}
	return nil
}

// moneyParser reads strings of units and keeps the first error.
type moneyParser struct{ err error }

func (p *moneyParser) parse(s string) *big.Int {
	v, err := parseDecimal(s, 0)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("%w: %w", doc.ErrCorrupt, err)
	}
	return v
}
