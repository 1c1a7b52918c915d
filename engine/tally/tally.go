// Package tally adds up documents, bytes and tokens per contributor and class,
// and writes and reads the result. All figures are integers; every tally that
// is written, merged or read satisfies the conservation law
//
//	in = kept + exact_dup + near_dup + excluded + rejected
//
// per contributor and in total, for documents, bytes and tokens. A rejected
// line counts one document, no bytes and no tokens.
package tally

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
)

// ErrOverflow: a sum does not fit the signed 64 bits that the files hold.
var ErrOverflow = errors.New("tally overflow")

// Row is the tally of one contributor. What came in is the sum of the
// classes, so it is not stored.
type Row struct {
	Contributor string
	Class       [doc.NumClasses]doc.Counts // tokens of the main tokenizer
	Further     []doc.ClassTokens          // of each further tokenizer of the plan
	// Credit by each tokenizer, the main one first, where the plan shares credit;
	// else nil. See Share.
	Credit []*big.Rat
}

// In returns what came in: the sum over all classes.
func (r *Row) In() doc.Counts {
	var in doc.Counts
	for _, c := range r.Class {
		in.Add(c)
	}
	return in
}

// Tally is a growing set of rows. The zero value is empty and ready to use.
// It is not safe for concurrent use: one per goroutine, merged afterwards.
type Tally struct {
	Further int  // further tokenizers; set before the first row
	Shared  bool // credit is shared; set before the first row

	// index finds a row by its contributor. It is nil as long as rows were added
	// in ascending order, as those of a single shard are: nobody asks for one.
	index    *rowIndex
	blocks   [][]Row   // of blockRows each, but for the last one
	shares   [][]share // by row; only where credit is shared
	overflow bool      // a sum wrapped around; sticky
}

// blockRows bounds what is copied where a tally grows.
const blockRows = 256

func (t *Tally) row(i int) *Row { return &t.blocks[i/blockRows][i%blockRows] }

// Add credits one document of the given class to contributor. It does not
// keep the slices, and allocates only for a contributor not seen before. A sum
// that overflows is remembered and reported by Checked. further has the tokens
// of each further tokenizer, or nothing for a line without text.
func (t *Tally) Add(contributor []byte, class doc.Class, bytes, tokens uint64, further ...uint64) {
	row := t.row(t.look(contributor))
	t.accumulate(&row.Class[class], doc.Counts{Documents: 1, Bytes: bytes, Tokens: tokens})
	for k, n := range further {
		t.accumulateTokens(&row.Further[k][class], n)
	}
}

// Merge adds every row of o to t.
func (t *Tally) Merge(o *Tally) {
	t.overflow = t.overflow || o.overflow
	for i := range o.Len() {
		t.AddRow(*o.row(i))
	}
	o.EachShare(t.Share)
}

// AddRow adds the figures of one row to t.
func (t *Tally) AddRow(r Row) {
	row := t.row(t.find(r.Contributor))
	for class, c := range r.Class {
		t.accumulate(&row.Class[class], c)
	}
	for k := range r.Further {
		for class, n := range r.Further[k] {
			t.accumulateTokens(&row.Further[k][class], n)
		}
	}
}

// find returns the row of a contributor, a new one if there is none.
func (t *Tally) find(contributor string) int {
	if n := t.Len(); t.index == nil && (n == 0 || t.row(n-1).Contributor < contributor) {
		return t.insert(contributor)
	}
	return t.look([]byte(contributor))
}

// look is find by the index.
func (t *Tally) look(contributor []byte) int {
	if t.index == nil {
		t.index = newRowIndex()
		for i := range t.Len() {
			t.index.add(t, maphash.String(t.index.seed, t.row(i).Contributor), i)
		}
	}
	i, hash, known := t.index.find(t, contributor)
	if !known {
		i = t.insert(string(contributor))
		t.index.add(t, hash, i)
	}
	return i
}

// insert adds a row, without the index.
func (t *Tally) insert(contributor string) int {
	i := t.Len()
	if i%blockRows == 0 {
		var block []Row // the first one grows: most tallies are small
		if i > 0 {
			block = make([]Row, 0, blockRows)
		}
		t.blocks = append(t.blocks, block)
	}
	last := &t.blocks[len(t.blocks)-1]
	*last = append(*last, Row{Contributor: contributor, Further: newFurther(t.Further)})
	return i
}

func (t *Tally) accumulate(sum *doc.Counts, c doc.Counts) {
	if !addChecked(sum, c) {
		t.overflow = true
	}
}

func (t *Tally) accumulateTokens(sum *uint64, n uint64) {
	var carry uint64
	*sum, carry = bits.Add64(*sum, n, 0)
	t.overflow = t.overflow || carry != 0
}

// newFurther returns zeros for n further tokenizers; nil for none, as in most
// runs.
func newFurther(n int) []doc.ClassTokens {
	if n == 0 {
		return nil
	}
	return make([]doc.ClassTokens, n)
}

// Len returns the number of contributors.
func (t *Tally) Len() int {
	n := len(t.blocks)
	if n == 0 {
		return 0
	}
	return (n-1)*blockRows + len(t.blocks[n-1])
}

// Rows returns a copy of the rows, ascending by the bytes of the contributor.
func (t *Tally) Rows() []Row {
	rows := make([]Row, t.Len())
	for at, i := range t.order() {
		rows[at] = *t.row(i)
		rows[at].Further = slices.Clone(rows[at].Further)
		if t.Shared {
			rows[at].Credit = t.credit(i)
		}
	}
	return rows
}

// Each calls fn, which does not keep the row, for every row in the order of Rows,
// without credit.
func (t *Tally) Each(fn func(*Row)) {
	for _, i := range t.order() {
		fn(t.row(i))
	}
}

// order returns the rows in ascending order of the contributor.
func (t *Tally) order() []int {
	order := make([]int, t.Len())
	if t.index == nil {
		for i := range order {
			order[i] = i
		}
		return order
	}
	// Most names differ in their first bytes, which are quicker to compare.
	type named struct {
		begin uint64
		row   int
	}
	names := make([]named, t.Len())
	for i := range names {
		names[i] = named{beginning(t.row(i).Contributor), i}
	}
	slices.SortFunc(names, func(a, b named) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return cmp.Compare(t.row(a.row).Contributor, t.row(b.row).Contributor)
	})
	for at := range names {
		order[at] = names[at].row
	}
	return order
}

// beginning returns the first eight bytes of a string as a number, such that a
// lesser one is that of a lesser string.
func beginning(s string) uint64 {
	var b [8]byte
	copy(b[:], s)
	return binary.BigEndian.Uint64(b[:])
}

// Totals returns the sum of all rows; its Contributor is empty.
func (t *Tally) Totals() Row {
	total := Row{Further: newFurther(t.Further)}
	for _, rows := range t.blocks {
		total.add(rows)
	}
	if t.Len() == 0 {
		total.Further = nil
	}
	return total
}

// Checked returns Rows, or an error if they could not be written: see Check.
func (t *Tally) Checked() ([]Row, error) {
	if t.overflow {
		return nil, fmt.Errorf("sum over documents: %w", ErrOverflow)
	}
	rows := t.Rows()
	return rows, Check(rows)
}

// Totals returns the sum of the rows; its Contributor is empty.
func Totals(rows []Row) Row {
	var total Row
	if len(rows) > 0 {
		total.Further = newFurther(len(rows[0].Further))
	}
	total.add(rows)
	return total
}

// add adds the figures of rows to r.
func (r *Row) add(rows []Row) {
	for i := range rows {
		for class := range r.Class {
			r.Class[class].Add(rows[i].Class[class])
		}
		for k := range r.Further {
			for class, n := range rows[i].Further[k] {
				r.Further[k][class] += n
			}
		}
	}
}

// Check returns an error unless the rows may be written: contributors are
// UTF-8, strictly ascending by their bytes, rejected lines have no bytes and
// no tokens, all rows are of the same number of tokenizers, and what came in,
// over all rows, fits a signed 64-bit integer for each. The row is named by its one-based number and contributor.
func Check(rows []Row) error {
	var in doc.Counts
	var further []uint64 // tokens in
	if len(rows) > 0 {
		further = make([]uint64, len(rows[0].Further))
	}
	for i := range rows {
		r := &rows[i]
		switch {
		case len(r.Further) != len(further):
			return fmt.Errorf("row %d: contributor %q: %d further tokenizers instead of %d", i+1, r.Contributor, len(r.Further), len(further))
		case !utf8.ValidString(r.Contributor):
			return fmt.Errorf("row %d: contributor %q is not UTF-8", i+1, r.Contributor)
		case i > 0 && rows[i-1].Contributor >= r.Contributor:
			return fmt.Errorf("row %d: contributor %q does not sort after %q", i+1, r.Contributor, rows[i-1].Contributor)
		case r.Class[doc.Rejected].Bytes != 0 || r.Class[doc.Rejected].Tokens != 0:
			return fmt.Errorf("row %d: contributor %q: rejected lines with bytes or tokens", i+1, r.Contributor)
		}
		for _, c := range r.Class {
			if !addChecked(&in, c) || in.Documents > math.MaxInt64 || in.Bytes > math.MaxInt64 || in.Tokens > math.MaxInt64 {
				return fmt.Errorf("row %d: contributor %q: %w", i+1, r.Contributor, ErrOverflow)
			}
		}
		for k := range r.Further {
			if r.Further[k][doc.Rejected] != 0 {
				return fmt.Errorf("row %d: contributor %q: rejected lines with tokens", i+1, r.Contributor)
			}
			for _, n := range r.Further[k] {
				var carry uint64
				if further[k], carry = bits.Add64(further[k], n, 0); carry != 0 || further[k] > math.MaxInt64 {
					return fmt.Errorf("row %d: contributor %q: %w", i+1, r.Contributor, ErrOverflow)
				}
			}
		}
	}
	return checkCredit(rows)
}

// addChecked adds c to sum and reports whether no field wrapped around.
func addChecked(sum *doc.Counts, c doc.Counts) bool {
	var d, b, t uint64
	sum.Documents, d = bits.Add64(sum.Documents, c.Documents, 0)
	sum.Bytes, b = bits.Add64(sum.Bytes, c.Bytes, 0)
	sum.Tokens, t = bits.Add64(sum.Tokens, c.Tokens, 0)
	return d|b|t == 0
}
