package tally

import (
	"bytes"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// What only tests ask for: whole tallies in memory.

// Merge adds every row of o to t.
func (t *Tally) Merge(o *Tally) {
	t.overflow = t.overflow || o.overflow
	r := Row{Further: newFurther(o.Further)}
	for i := range o.Len() {
		o.rows.fill(&r, i)
		row := t.look([]byte(r.Contributor))
		for class, c := range r.Class {
			sums := t.sums(row, doc.Class(class))
			t.accumulate(&sums[sumDocuments], c.Documents)
			t.accumulate(&sums[sumBytes], c.Bytes)
			t.accumulate(&sums[sumTokens], c.Tokens)
			for k := range r.Further {
				t.accumulate(&sums[sumWords+k], r.Further[k][class])
			}
		}
	}
	if err := o.EachShare(t.Share); err != nil && !t.overflow {
		panic(err)
	}
}

// Rows returns a copy of the rows, ascending by the bytes of the contributor; with
// credit where there are shares.
func (t *Tally) Rows() []Row {
	rows := make([]Row, t.Len())
	for at, i := range t.rows.order() {
		rows[at].Further = newFurther(t.Further)
		t.rows.fill(&rows[at], i)
		if t.shares != nil {
			var parts []Part
			if i < len(t.shares) {
				parts = t.shares[i]
			}
			rows[at].Credit = CreditOf(parts, 1+t.Further)
		}
	}
	return rows
}

// Checked returns Rows, or an error if they could not be written.
func (t *Tally) Checked() ([]Row, error) {
	if t.overflow {
		return nil, fmt.Errorf("sum over documents: %w", ErrOverflow)
	}
	rows := t.Rows()
	return rows, Check(rows)
}

// Totals returns the sum of all rows.
func (t *Tally) Totals() Row {
	s := NewSummary(0)
	for _, r := range t.Rows() {
		s.Add(&r)
	}
	return s.Total
}

func WriteJSONL(w io.Writer, rows []Row, further ...plan.Tokenizer) error {
	j := NewJSONLWriter(w, further...)
	for i := range rows {
		if err := j.Write(&rows[i]); err != nil {
			return err
		}
	}
	return j.Close()
}

func WriteParquet(w io.Writer, rows []Row, tokenizerSHA256 string, further ...plan.Tokenizer) error {
	p := NewParquetWriter(w, tokenizerSHA256, len(rows) > 0 && rows[0].Credit != nil, further...)
	for i := range rows {
		if err := p.Write(&rows[i]); err != nil {
			return err
		}
	}
	return p.Close()
}

func ReadParquet(r *bytes.Reader, size int64, further ...plan.Tokenizer) (rows []Row, tokenizerSHA256 string, err error) {
	tokenizerSHA256, err = EachParquet(r, size, func(r *Row) error {
		rows = append(rows, *r)
		return nil
	}, further...)
	if err != nil {
		return nil, "", err
	}
	return rows, tokenizerSHA256, nil
}
