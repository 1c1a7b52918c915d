package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
)

// parquetFile reads a Parquet file of the run, row by row as plain values.
type parquetFile struct {
	file    *parquet.File
	columns []parquetColumn
	groups  []parquet.RowGroup // not begun
	rows    parquet.Rows       // of the row group that is being read
	buffer  []parquet.Row
	next    int
	number  int64 // of the row read last, from 1
}

// openParquet opens a file whose columns must be the given ones, in order,
// each required and of the given kind. It wants a file opened by checker.open.
func openParquet(file *os.File, columns []parquetColumn) (*parquetFile, error) {
	p := &parquetFile{columns: columns, buffer: make([]parquet.Row, 512)}
	err := shielded(func() error {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if err := checkFooter(file, info.Size()); err != nil {
			return err
		}
		p.file, err = parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
		if err != nil {
			return err
		}
		fields := p.file.Schema().Fields()
		if len(fields) != len(columns) {
			return fmt.Errorf("%d columns instead of %d", len(fields), len(columns))
		}
		for i, want := range columns {
			if f := fields[i]; !f.Leaf() || !f.Required() || f.Name() != want.name || f.Type().Kind() != want.kind {
				return fmt.Errorf("column %d is not %s of type %s", i+1, want.name, want.kind)
			}
		}
		p.groups, p.buffer = p.file.RowGroups(), p.buffer[:0]
		return nil
	})
	return p, err
}

type parquetColumn struct {
	name string
	kind parquet.Kind
}

// row returns the values of the next row, one for every column and valid until
// the next call, or io.EOF.
func (p *parquetFile) row() (parquet.Row, error) {
	if p.next == len(p.buffer) {
		p.buffer, p.next = p.buffer[:cap(p.buffer)], 0
		n, err := p.fill()
		p.buffer = p.buffer[:n]
		if err != nil {
			return nil, err
		}
		if n == 0 && p.number != p.file.NumRows() {
			return nil, fmt.Errorf("ends, but the footer promises %d rows", p.file.NumRows())
		}
		if n == 0 {
			return nil, io.EOF
		}
	}
	row := p.buffer[p.next]
	p.next++
	p.number++
	if len(row) != len(p.columns) {
		return nil, errors.New("a value is missing")
	}
	for i, v := range row {
		// The library takes a damaged file's word for the type of a value,
		// and then a number for an address.
		if v.Column() != i || v.Kind() != p.columns[i].kind {
			return nil, fmt.Errorf("column %s: a value of another type", p.columns[i].name)
		}
	}
	return row, nil
}

// fill reads rows into the buffer, none at the end of the file.
func (p *parquetFile) fill() (n int, err error) {
	err = shielded(func() error {
		for n == 0 {
			if p.rows == nil {
				if len(p.groups) == 0 {
					return nil
				}
				p.rows, p.groups = p.groups[0].Rows(), p.groups[1:]
			}
			var err error
			n, err = p.rows.ReadRows(p.buffer)
			switch {
			case n > 0 && (err == nil || errors.Is(err, io.EOF)):
				// Closed at the next call, when these rows are not used any more.
			case errors.Is(err, io.EOF):
				if err := p.rows.Close(); err != nil {
					return err
				}
				p.rows = nil
			case err != nil:
				return err
			default:
				return io.ErrNoProgress
			}
		}
		return nil
	})
	return n, err
}

// metadata returns a value of the footer, empty if it is not there.
func (p *parquetFile) metadata(key string) string {
	v, _ := p.file.Lookup(key)
	return v
}

// checkFooter looks at the length of the footer before the library allocates as
// much.
func checkFooter(file io.ReaderAt, size int64) error {
	var end [8]byte // the length and the magic
	if _, err := file.ReadAt(end[:], max(0, size-8)); err != nil {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); string(end[4:]) != "PAR1" || n+12 > size {
		return errors.New("no footer of Parquet at its end")
	}
	return nil
}

// shielded turns a panic of the Parquet library, which trusts the offsets in a
// file, into an error.
func shielded(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not readable: %v", p)
		}
	}()
	return fn()
}

// checkDigests compares the tokenizers' digests in a file's footer with those
// of the plan.
func (c *checker) checkDigests(name string, p *parquetFile, f *findings) {
	for i, t := range c.plan.Tokenizers() {
		key := "tallystick.tokenizer"
		if i > 0 {
			key += "." + t.Label
		}
		if got := p.metadata(key); got != t.SHA256 {
			f.add("%s: %s is %q, the plan's digest is %s", name, key, got, t.SHA256)
		}
	}
}

// compareParquet compares tally.parquet with the rows of tally.jsonl.
func (c *checker) compareParquet(rows []tallyRow, f *findings) {
	file := c.open(parquetName)
	if file == nil {
		f.add("%s: not checked, for want of a readable file", parquetName)
		return
	}
	defer file.Close()
	columns := []parquetColumn{{"contributor", parquet.ByteArray}}
	for _, group := range []string{"in", "kept", "exact_dup", "near_dup", "excluded", "rejected"} {
		for _, measure := range []string{"documents", "bytes", "tokens"} {
			columns = append(columns, parquetColumn{group + "_" + measure, parquet.Int64})
		}
	}
	own := len(columns)
	var labels []string
	suffixes := []string{""} // of the columns of a tokenizer
	if c.plan != nil {
		for _, t := range c.plan.Further {
			labels = append(labels, t.Label)
			suffixes = append(suffixes, "_"+t.Label)
			for _, group := range []string{"in", "kept", "exact_dup", "near_dup", "excluded", "rejected"} {
				columns = append(columns, parquetColumn{group + "_tokens_" + t.Label, parquet.Int64})
			}
		}
	}
	credit := len(columns)
	shared := c.plan != nil && c.plan.SharesCredit() && len(rows) > 0
	if shared {
		for _, suffix := range suffixes {
			columns = append(columns, parquetColumn{"credit_tokens" + suffix, parquet.Int64})
		}
		for _, suffix := range suffixes {
			columns = append(columns, parquetColumn{"credit_numerator" + suffix, parquet.ByteArray}, parquetColumn{"credit_denominator" + suffix, parquet.ByteArray})
		}
	}
	p, err := openParquet(file, columns)
	if err != nil {
		f.add("%s: %v", parquetName, err)
		return
	}
	if c.plan != nil {
		c.checkDigests(parquetName, p, f)
	}
	for i := range rows {
		values, err := p.row()
		if errors.Is(err, io.EOF) {
			f.add("%s: has %d rows, %s has %d", parquetName, i, jsonlName, len(rows))
			return
		}
		if err != nil {
			f.add("%s: row %d: %v", parquetName, i+1, err)
			return
		}
		got := tallyRow{Contributor: string(values[0].ByteArray())}
		counts := func(at int) doc.Counts {
			return doc.Counts{Documents: values[at].Uint64(), Bytes: values[at+1].Uint64(), Tokens: values[at+2].Uint64()}
		}
		got.In = counts(1)
		for class := range doc.NumClasses {
			*got.of(class) = counts(4 + 3*int(class))
		}
		for k, label := range labels {
			v := values[own+6*k:]
			if got.Further == nil {
				got.Further = make(map[string]furtherTokens)
			}
			got.Further[label] = furtherTokens{
				In: v[0].Uint64(), Kept: v[1].Uint64(), ExactDup: v[2].Uint64(),
				NearDup: v[3].Uint64(), Excluded: v[4].Uint64(), Rejected: v[5].Uint64(),
			}
		}
		for k := range suffixes {
			if !shared {
				break
			}
			text := values[credit+len(suffixes)+2*k:]
			j := creditFields{values[credit+k].Uint64(), string(text[0].ByteArray()), string(text[1].ByteArray())}
			want := rows[i].Credit
			if k > 0 {
				further := rows[i].FurtherCredit[labels[k-1]]
				want = &further
			}
			if want == nil || j != *want {
				f.add("%s: row %d: contributor %q: credit%s %+v is not that of line %d of %s, %+v", parquetName, i+1, got.Contributor, suffixes[k], j, i+1, jsonlName, want)
			}
		}
		if want := rows[i]; got.Contributor != want.Contributor || !got.equal(&want.classCounts) {
			f.add("%s: row %d: contributor %q, %+v; line %d of %s is %q, %+v", parquetName, i+1, got.Contributor, got.classCounts, i+1, jsonlName, want.Contributor, want.classCounts)
		}
	}
	if _, err := p.row(); err == nil {
		f.add("%s: row %d: %s has only %d lines", parquetName, len(rows)+1, jsonlName, len(rows))
	} else if !errors.Is(err, io.EOF) {
		f.add("%s: row %d: %v", parquetName, len(rows)+1, err)
	}
}
