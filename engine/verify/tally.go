package verify

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
)

// classCounts are the totals of a manifest, or those of a contributor.
type classCounts struct {
	In       doc.Counts `json:"in"`
	Kept     doc.Counts `json:"kept"`
	ExactDup doc.Counts `json:"exact_dup"`
	NearDup  doc.Counts `json:"near_dup"`
	Excluded doc.Counts `json:"excluded"`
	Rejected doc.Counts `json:"rejected"`
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
	return nil
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
		if i > 0 && rows[i-1].Contributor >= r.Contributor {
			f.add("%s: line %d: contributor %q does not sort after %q", jsonlName, i+1, r.Contributor, rows[i-1].Contributor)
		}
		fits := addTo(&totals.In, r.In)
		for class := range doc.NumClasses {
			fits = addTo(totals.of(class), *r.of(class)) && fits
		}
		if !fits {
			f.add("%s: line %d: contributor %q: the sum of all rows needs more than 63 bits", jsonlName, i+1, r.Contributor)
			return "", nil
		}
	}
	if totals != c.manifest.Totals {
		f.add("%s: rows add up to %+v, totals of %s are %+v", jsonlName, totals, manifestName, c.manifest.Totals)
	}
	c.compareParquet(rows, f)
	if f.count == 0 {
		c.tally = rows
	}
	return fmt.Sprintf("%d contributors, %d documents, %d tokens in, %d kept", len(rows), totals.In.Documents, totals.In.Tokens, totals.Kept.Tokens), nil
}

// readTallyJSONL returns the rows of tally.jsonl, nil if it cannot be read.
func (c *checker) readTallyJSONL(f *findings) []tallyRow {
	file := c.open(jsonlName)
	if file == nil {
		return nil
	}
	defer file.Close()
	rows := []tallyRow{}
	lines := lineReader{b: bufio.NewReaderSize(file, 1<<16)}
	for {
		var r tallyRow
		err := lines.next(&r)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			f.add("%s: line %d: %v", jsonlName, lines.number, err)
			return nil
		}
		rows = append(rows, r)
	}
}

// find returns the index of a contributor's row in the tally.
func (c *checker) find(contributor string) (int, bool) {
	return slices.BinarySearchFunc(c.tally, contributor, func(r tallyRow, name string) int { return cmp.Compare(r.Contributor, name) })
}

// lineReader reads a JSONL file of the run, which has one form only: the
// compact one, keys in the documented order, a newline after every object.
// Whatever a second reader could take differently is refused.
type lineReader struct {
	b      *bufio.Reader
	number int64 // of the line read last, from 1
	offset int64 // of the next line
	out    bytes.Buffer
}

// next decodes the next line into v, a pointer to a struct, or returns io.EOF.
func (r *lineReader) next(v any) error {
	line, err := r.b.ReadBytes('\n')
	if len(line) == 0 && errors.Is(err, io.EOF) {
		return io.EOF
	}
	r.number++
	r.offset += int64(len(line))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := json.Unmarshal(line, v); err != nil {
		return err
	}
	r.out.Reset()
	enc := json.NewEncoder(&r.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	if !bytes.Equal(r.out.Bytes(), line) {
		return errors.New("is not one object in the documented form")
	}
	return nil
}
