package wary

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/internal/parquetguard"
)

// Table is a Parquet file of the run, read row by row as plain values.
type Table struct {
	source  *os.File
	size    int64
	file    *parquet.File
	columns []Column
	begun   int          // row groups
	rows    parquet.Rows // of the row group that is being read
	buffer  []parquet.Row
	next    int
	Number  int64 // of the row read last, from 1
}

// OpenTable opens a file whose columns must be the given ones, in order,
// each required and of the given kind.
func OpenTable(file *os.File, columns []Column) (*Table, error) {
	p := &Table{source: file, columns: columns, buffer: make([]parquet.Row, 512)}
	err := shielded(func() error {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		p.size = info.Size()
		if err := parquetguard.Footer(file, p.size); err != nil {
			return err
		}
		p.file, err = parquet.OpenFile(file, p.size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
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
		p.buffer = p.buffer[:0]
		return nil
	})
	return p, err
}

// Column is what a column must be.
type Column struct {
	name string
	kind parquet.Kind
}

// Int64 is a column of this type; so are the others.
func Int64(name string) Column { return Column{name, parquet.Int64} }

// Int32 is a column.
func Int32(name string) Column { return Column{name, parquet.Int32} }

// Double is a column.
func Double(name string) Column { return Column{name, parquet.Double} }

// Text is a column.
func Text(name string) Column { return Column{name, parquet.ByteArray} }

// Row returns the values of the next row, one for every column and valid until
// the next call, or io.EOF.
func (p *Table) Row() (parquet.Row, error) {
	if p.next == len(p.buffer) {
		p.buffer, p.next = p.buffer[:cap(p.buffer)], 0
		n, err := p.fill()
		p.buffer = p.buffer[:n]
		if err != nil {
			return nil, err
		}
		if n == 0 && p.Number != p.file.NumRows() {
			return nil, fmt.Errorf("ends, but the footer promises %d rows", p.file.NumRows())
		}
		if n == 0 {
			return nil, io.EOF
		}
	}
	row := p.buffer[p.next]
	p.next++
	p.Number++
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
func (p *Table) fill() (n int, err error) {
	err = shielded(func() error {
		for n == 0 {
			if p.rows == nil {
				groups := p.file.RowGroups()
				if p.begun == len(groups) {
					return nil
				}
				err := parquetguard.RowGroup(p.source, p.size, &p.file.Metadata().RowGroups[p.begun], func(int) bool { return false }, parquetguard.OfRuns)
				if err != nil {
					return err
				}
				p.rows = groups[p.begun].Rows()
				p.begun++
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

// Metadata returns a value of the footer, empty if it is not there.
func (p *Table) Metadata(key string) string {
	v, _ := p.file.Lookup(key)
	return v
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
