package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// classCounts are the totals of a manifest, or those of a contributor.
type classCounts struct {
	In       doc.Counts `json:"in"`
	Kept     doc.Counts `json:"kept"`
	ExactDup doc.Counts `json:"exact_dup"`
	NearDup  doc.Counts `json:"near_dup"`
	Excluded doc.Counts `json:"excluded"`
	Rejected doc.Counts `json:"rejected"`
	// By the labels of the further tokenizers.
	Further map[string]furtherTokens `json:"further_tokens,omitempty"`
}

// furtherTokens are the tokens by one further tokenizer.
type furtherTokens struct {
	In       uint64 `json:"in"`
	Kept     uint64 `json:"kept"`
	ExactDup uint64 `json:"exact_dup"`
	NearDup  uint64 `json:"near_dup"`
	Excluded uint64 `json:"excluded"`
	Rejected uint64 `json:"rejected"`
}

// of returns the tokens of a class.
func (t *furtherTokens) of(class doc.Class) *uint64 {
	return [...]*uint64{
		doc.Kept: &t.Kept, doc.ExactDup: &t.ExactDup, doc.NearDup: &t.NearDup,
		doc.Excluded: &t.Excluded, doc.Rejected: &t.Rejected,
	}[class]
}

// of returns the counts of a class.
func (c *classCounts) of(class doc.Class) *doc.Counts {
	return [...]*doc.Counts{
		doc.Kept: &c.Kept, doc.ExactDup: &c.ExactDup, doc.NearDup: &c.NearDup,
		doc.Excluded: &c.Excluded, doc.Rejected: &c.Rejected,
	}[class]
}

// conserved returns an error unless in is the sum of the classes, and rejected
// lines have neither bytes nor tokens.
func (c *classCounts) conserved() error {
	var sum doc.Counts
	for class := range doc.NumClasses {
		if !addTo(&sum, *c.of(class)) {
			return errors.New("the classes add up to more than 63 bits")
		}
	}
	if sum != c.In {
		return fmt.Errorf("in is %v, but the classes add up to %v", c.In, sum)
	}
	if c.Rejected.Bytes != 0 || c.Rejected.Tokens != 0 {
		return fmt.Errorf("rejected lines have %d bytes and %d tokens", c.Rejected.Bytes, c.Rejected.Tokens)
	}
	for label, t := range c.Further {
		var sum doc.Counts
		for class := range doc.NumClasses {
			if !addTo(&sum, doc.Counts{Tokens: *t.of(class)}) {
				return fmt.Errorf("%s: the classes add up to more than 63 bits", label)
			}
		}
		if sum.Tokens != t.In {
			return fmt.Errorf("%s: in is %d, but the classes add up to %d", label, t.In, sum.Tokens)
		}
		if t.Rejected != 0 {
			return fmt.Errorf("%s: rejected lines have %d tokens", label, t.Rejected)
		}
	}
	return nil
}

// labelled returns an error unless there are tokens of exactly the further
// tokenizers of the plan.
func (c *checker) labelled(counts *classCounts) error {
	if c.plan == nil {
		return nil
	}
	if len(counts.Further) != len(c.plan.Further) {
		return fmt.Errorf("tokens by %d further tokenizers, the plan has %d", len(counts.Further), len(c.plan.Further))
	}
	for _, t := range c.plan.Further {
		if _, ok := counts.Further[t.Label]; !ok {
			return fmt.Errorf("no tokens by %s", t.Label)
		}
	}
	return nil
}

// addFurther adds the tokens by further tokenizers to sum and reports whether
// every sum fits 63 bits.
func addFurther(sum *classCounts, c classCounts) bool {
	fits := true
	for label, t := range c.Further {
		if sum.Further == nil {
			sum.Further = make(map[string]furtherTokens)
		}
		s := sum.Further[label]
		add := func(a *uint64, b uint64) {
			n := doc.Counts{Tokens: *a}
			fits = addTo(&n, doc.Counts{Tokens: b}) && fits
			*a = n.Tokens
		}
		add(&s.In, t.In)
		for class := range doc.NumClasses {
			add(s.of(class), *t.of(class))
		}
		sum.Further[label] = s
	}
	return fits
}

// equal compares all figures.
func (c *classCounts) equal(o *classCounts) bool {
	same := c.In == o.In && maps.Equal(c.Further, o.Further)
	for class := range doc.NumClasses {
		same = same && *c.of(class) == *o.of(class)
	}
	return same
}

// addTo adds c to sum and reports whether every sum fits 63 bits.
func addTo(sum *doc.Counts, c doc.Counts) bool {
	fits := true
	add := func(a *uint64, b uint64) {
		var carry uint64
		*a, carry = bits.Add64(*a, b, 0)
		fits = fits && carry == 0 && *a <= math.MaxInt64
	}
	add(&sum.Documents, c.Documents)
	add(&sum.Bytes, c.Bytes)
	add(&sum.Tokens, c.Tokens)
	return fits
}

// tallyRow is a line of tally.jsonl.
type tallyRow struct {
	Contributor string `json:"contributor"`
	classCounts
	Credit        *creditFields           `json:"credit,omitempty"`
	FurtherCredit map[string]creditFields `json:"further_credit,omitempty"`
}

func (c *checker) checkTally(_ context.Context, f *findings) (string, error) {
	if c.manifest == nil {
		return skipped(f, manifestName)
	}
	rows := c.readTallyJSONL(f)
	if rows == nil {
		return skipped(f, jsonlName)
	}
	var totals classCounts
	for i := range rows {
		r := &rows[i]
		if err := r.conserved(); err != nil {
			f.add("%s: line %d: contributor %q: %v", jsonlName, i+1, r.Contributor, err)
		}
		if err := c.labelled(&r.classCounts); err != nil {
			f.add("%s: line %d: contributor %q: %v", jsonlName, i+1, r.Contributor, err)
		}
		if i > 0 && rows[i-1].Contributor >= r.Contributor {
			f.add("%s: line %d: contributor %q does not sort after %q", jsonlName, i+1, r.Contributor, rows[i-1].Contributor)
		}
		fits := addTo(&totals.In, r.In)
		for class := range doc.NumClasses {
			fits = addTo(totals.of(class), *r.of(class)) && fits
		}
		fits = addFurther(&totals, r.classCounts) && fits
		if !fits {
			f.add("%s: line %d: contributor %q: the sum of all rows needs more than 63 bits", jsonlName, i+1, r.Contributor)
			return "", nil
		}
	}
	// A tally without rows names no tokenizers.
	if len(rows) > 0 && !totals.equal(&c.manifest.Totals) || len(rows) == 0 && c.manifest.Totals.In != (doc.Counts{}) {
		f.add("%s: rows add up to %+v, totals of %s are %+v", jsonlName, totals, manifestName, c.manifest.Totals)
	}
	c.checkCredits(rows, f)
	c.compareParquet(rows, f)
	if f.count == 0 {
		c.tally = rows
	}
	return fmt.Sprintf("%s, %s, %s in, %d kept", number(len(rows), "contributor"), number(totals.In.Documents, "document"), number(totals.In.Tokens, "token"), totals.Kept.Tokens), nil
}

// readTallyJSONL returns the rows of tally.jsonl, nil if it cannot be read.
func (c *checker) readTallyJSONL(f *findings) []tallyRow {
	file := c.open(jsonlName)
	if file == nil {
		return nil
	}
	defer file.Close()
	rows := []tallyRow{}
	lines := wary.NewLines(file)
	for {
		var r tallyRow
		err := lines.Next(&r)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			f.add("%s: line %d: %v", jsonlName, lines.Number, err)
			return nil
		}
		rows = append(rows, r)
	}
}

// find returns the index of a contributor's row in the tally.
func (c *checker) find(contributor string) (int, bool) {
	return slices.BinarySearchFunc(c.tally, contributor, func(r tallyRow, name string) int { return cmp.Compare(r.Contributor, name) })
}

// sums are what the lines of one contributor add up to.
type sums struct {
	class   [doc.NumClasses]doc.Counts
	further []doc.ClassTokens // by the plan's further tokenizers
}

// add adds to a class. further has the tokens by the further tokenizers, or
// nothing for a rejected line.
func (s *sums) add(class doc.Class, c doc.Counts, further []int64) {
	addTo(&s.class[class], c)
	s.grow(len(further))
	for k, n := range further {
		s.further[k][class] += uint64(n)
	}
}

func (s *sums) merge(o *sums) {
	for class := range s.class {
		addTo(&s.class[class], o.class[class])
	}
	s.grow(len(o.further))
	for k := range o.further {
		for class, n := range o.further[k] {
			s.further[k][class] += n
		}
	}
}

func (s *sums) grow(n int) {
	for len(s.further) < n {
		s.further = append(s.further, doc.ClassTokens{})
	}
}

// compareSums compares one class of a row with what lines add up to, and
// spells both.
func (c *checker) compareSums(s *sums, row *classCounts, class doc.Class) (want, got string, same bool) {
	want, got = fmt.Sprintf("%+v", *row.of(class)), fmt.Sprintf("%+v", s.class[class])
	s.grow(len(c.plan.Further))
	for k, t := range c.plan.Further {
		tokens := row.Further[t.Label]
		want += fmt.Sprintf(" %s:%d", t.Label, *tokens.of(class))
		got += fmt.Sprintf(" %s:%d", t.Label, s.further[k][class])
	}
	return want, got, want == got
}
