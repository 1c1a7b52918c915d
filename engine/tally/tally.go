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
	"errors"
	"fmt"
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
	Further int    // further tokenizers; set before the first row
	Room    int64  // what the rows may take in memory, bytes; 0: no limit. What has no room is sorted on disk
	Dir     string // folder for that

	rows     rows
	shares   [][]Part // by row; only where credit is shared
	overflow bool     // a sum wrapped around; sticky
	held     int64    // bytes, about
	spilled  *spilled // what had no room; nil if everything had
	err      error    // of writing that; sticky
}

// What a row takes in memory, with its part of the index and of the order that it
// is written in, and what its sums of each class take, bytes.
const (
	rowSize     = 112
	sumsSize    = 40
	furtherSize = 8
	shareSize   = 64
)

// Add credits one document of the given class to contributor. It does not
// keep the slices, and allocates only for a contributor not seen before. A sum
// that overflows, or a disk that is full, is remembered and reported by Each. further has the tokens
// of each further tokenizer, or nothing for a line without text.
func (t *Tally) Add(contributor []byte, class doc.Class, bytes, tokens uint64, further ...uint64) {
	sums := t.sums(t.look(contributor), class)
	t.accumulate(&sums[sumDocuments], 1)
	t.accumulate(&sums[sumBytes], bytes)
	t.accumulate(&sums[sumTokens], tokens)
	for k, n := range further {
		t.accumulate(&sums[sumWords+k], n)
	}
}

// look is the row of a contributor, a new one if there is none.
func (t *Tally) look(contributor []byte) int {
	if t.Room > 0 && t.held > t.Room {
		t.spill()
	}
	i, known := t.rows.look(contributor)
	if !known {
		t.held += rowSize + int64(len(contributor))
	}
	return i
}

// sums are those of a row and a class.
func (t *Tally) sums(row int, class doc.Class) []uint64 {
	sums, known := t.rows.sums(row, class, t.Further)
	if !known {
		t.held += sumsSize + furtherSize*int64(t.Further)
	}
	return sums
}

func (t *Tally) accumulate(sum *uint64, n uint64) {
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
func (t *Tally) Len() int { return t.rows.len() }

// Each calls fn, which does not keep the row, for every row, ascending by the bytes
// of the contributor, without credit. It fails if a sum has wrapped around. The
// tally is spent where Room was set.
func (t *Tally) Each(fn func(*Row)) error {
	if t.overflow {
		return fmt.Errorf("sum over documents: %w", ErrOverflow)
	}
	if t.spilled != nil {
		return t.eachSpilled(fn)
	}
	// Rows lie in the order in which they came, far from each other: to fill in some at
	// once waits for the memory of all of them at the same time.
	var some [16]Row
	for k := range some {
		some[k].Further = newFurther(t.Further)
	}
	for order := range slices.Chunk(t.rows.order(), len(some)) {
		for k, i := range order {
			t.rows.fill(&some[k], i)
		}
		for k := range order {
			fn(&some[k])
		}
	}
	return t.err
}

// add adds the figures of another row to r.
func (r *Row) add(more *Row) {
	for class := range r.Class {
		r.Class[class].Add(more.Class[class])
	}
	for k := range r.Further {
		for class, n := range more.Further[k] {
			r.Further[k][class] += n
		}
	}
}

// Summary is what a report shows of a tally: how many rows there are, their sum and
// the largest of them.
type Summary struct {
	Rows    int
	Total   Row   // without a contributor
	Largest []Row // those with the most tokens in, descending, of equal ones the first

	most int
}

// NewSummary returns a summary that keeps at most so many of the largest rows.
func NewSummary(largest int) *Summary { return &Summary{most: largest} }

// Add adds a row, which it does not keep.
func (s *Summary) Add(r *Row) {
	if s.Rows++; s.Rows == 1 {
		s.Total.Further = newFurther(len(r.Further))
	}
	s.Total.add(r)
	tokens := r.In().Tokens
	if n := len(s.Largest); n == s.most && (n == 0 || tokens <= inTokens(&s.Largest[n-1])) {
		return
	}
	at, _ := slices.BinarySearchFunc(s.Largest, tokens, func(r Row, tokens uint64) int {
		if inTokens(&r) >= tokens {
			return -1
		}
		return 1
	})
	kept := *r
	kept.Further = slices.Clone(r.Further)
	s.Largest = slices.Insert(s.Largest, at, kept)
	s.Largest = s.Largest[:min(len(s.Largest), s.most)]
}

func inTokens(r *Row) uint64 { return r.In().Tokens }

// Checker checks rows one after the other: contributors are UTF-8, strictly
// ascending by their bytes, rejected lines have no bytes and no tokens, all rows are
// of the same number of tokenizers, what came in, over all rows, fits a signed 64-bit
// integer for each, and credits add up to what was kept. The zero value is ready.
type Checker struct {
	rows    int
	last    []byte
	in      doc.Counts
	further []uint64 // tokens in
	credit  creditCheck
}

// Row checks the next row; an error names it by its one-based number and
// contributor.
func (c *Checker) Row(r *Row) error {
	if c.rows++; c.rows == 1 {
		c.further = make([]uint64, len(r.Further))
	}
	switch {
	case len(r.Further) != len(c.further):
		return fmt.Errorf("row %d: contributor %q: %d further tokenizers instead of %d", c.rows, r.Contributor, len(r.Further), len(c.further))
	case !utf8.ValidString(r.Contributor):
		return fmt.Errorf("row %d: contributor %q is not UTF-8", c.rows, r.Contributor)
	case c.rows > 1 && string(c.last) >= r.Contributor:
		return fmt.Errorf("row %d: contributor %q does not sort after %q", c.rows, r.Contributor, c.last)
	case r.Class[doc.Rejected].Bytes != 0 || r.Class[doc.Rejected].Tokens != 0:
		return fmt.Errorf("row %d: contributor %q: rejected lines with bytes or tokens", c.rows, r.Contributor)
	}
	c.last = append(c.last[:0], r.Contributor...)
	in := &c.in
	for _, n := range r.Class {
		if !addChecked(in, n) || in.Documents > math.MaxInt64 || in.Bytes > math.MaxInt64 || in.Tokens > math.MaxInt64 {
			return fmt.Errorf("row %d: contributor %q: %w", c.rows, r.Contributor, ErrOverflow)
		}
	}
	for k := range r.Further {
		if r.Further[k][doc.Rejected] != 0 {
			return fmt.Errorf("row %d: contributor %q: rejected lines with tokens", c.rows, r.Contributor)
		}
		for _, n := range r.Further[k] {
			var carry uint64
			if c.further[k], carry = bits.Add64(c.further[k], n, 0); carry != 0 || c.further[k] > math.MaxInt64 {
				return fmt.Errorf("row %d: contributor %q: %w", c.rows, r.Contributor, ErrOverflow)
			}
		}
	}
	return c.credit.row(c.rows, r)
}

// End checks what only all rows together show.
func (c *Checker) End() error { return c.credit.end() }

// Check returns an error unless the rows may be written: see Checker.
func Check(rows []Row) error {
	var c Checker
	for i := range rows {
		if err := c.Row(&rows[i]); err != nil {
			return err
		}
	}
	return c.End()
}

// addChecked adds c to sum and reports whether no field wrapped around.
func addChecked(sum *doc.Counts, c doc.Counts) bool {
	var d, b, t uint64
	sum.Documents, d = bits.Add64(sum.Documents, c.Documents, 0)
	sum.Bytes, b = bits.Add64(sum.Bytes, c.Bytes, 0)
	sum.Tokens, t = bits.Add64(sum.Tokens, c.Tokens, 0)
	return d|b|t == 0
}
