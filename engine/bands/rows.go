package bands

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/parquetguard"
)

// columns of a file of candidates, which may be in any order.
var columns = [...]string{"run", "kind", "key", "length", "shard", "ordinal"}

// The places of columns.
const (
	colRun = iota
	colKind
	colKey
	colLength
	colShard
	colOrdinal
)

// batchValues is how many rows are read at a time.
const batchValues = 512

// rows reads files of candidates, whose columns are all of integers, column by
// column: row by row the library takes several times as long.
type rows struct {
	source io.ReaderAt
	bytes  int64 // of source
	file   *parquet.File
	groups []int // numbers of those that are not begun
	left   int64 // rows of the row group that is being read
	chunks [len(columns)]chunk
	next   int // row of the batch
	size   int // rows in the batch
}

// chunk is a column in a row group.
type chunk struct {
	index  int // of the column in the file
	kind   parquet.Kind
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader // of page
	buffer [batchValues]parquet.Value
	batch  [batchValues]int64
}

// open finds the columns and the row groups that may hold a key of the range.
func (r *rows) open(source io.ReaderAt, bytes int64, f *parquet.File, keys Range) error {
	r.source, r.bytes, r.file = source, bytes, f
	wrong := fmt.Errorf("%w: the columns must be %v, integers of 32 or 64 bits: is it what docs/match.sql makes?", doc.ErrInput, columns)
	fields := f.Schema().Fields()
	if len(fields) != len(columns) {
		return wrong
	}
	for i, name := range columns {
		found := false
		for at, field := range fields {
			if field.Name() != name || found {
				continue
			}
			if !field.Leaf() || field.Repeated() || field.Type().Kind() != parquet.Int32 && field.Type().Kind() != parquet.Int64 {
				return wrong
			}
			r.chunks[i].index, r.chunks[i].kind, found = at, field.Type().Kind(), true
		}
		if !found {
			return wrong
		}
	}
	for i := range f.RowGroups() {
		if r.mayHold(f, i, keys) {
			r.groups = append(r.groups, i)
		}
	}
	return nil
}

// mayHold reports whether a row group may hold a wanted key, by the least and
// greatest key that the footer gives for it, where it does.
func (r *rows) mayHold(f *parquet.File, group int, keys Range) bool {
	key := &r.chunks[colKey]
	s := &f.Metadata().RowGroups[group].Columns[key.index].MetaData.Statistics
	if key.kind != parquet.Int64 || len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
		return true
	}
	least := unsigned(int64(binary.LittleEndian.Uint64(s.MinValue)))
	greatest := unsigned(int64(binary.LittleEndian.Uint64(s.MaxValue)))
	return least <= keys.Last && greatest >= keys.First
}

// row moves to the next row, or returns io.EOF. Value i of it is value(i).
func (r *rows) row() error {
	if r.next++; r.next < r.size {
		return nil
	}
	r.next, r.size = 0, 0
	if err := guard(r.fill); err != nil {
		return err
	}
	if r.size == 0 {
		return io.EOF
	}
	return nil
}

func (r *rows) value(column int) int64 { return r.chunks[column].batch[r.next] }

// fill reads the next rows into the batch, none at the end.
func (r *rows) fill() error {
	for r.left == 0 {
		if len(r.groups) == 0 {
			return nil
		}
		g := r.file.RowGroups()[r.groups[0]]
		fields := r.file.Schema().Fields()
		optional := func(i int) bool { return fields[i].Optional() }
		if err := parquetguard.RowGroup(r.source, r.bytes, &r.file.Metadata().RowGroups[r.groups[0]], optional, parquetguard.OfEngines); err != nil {
			return err
		}
		r.groups, r.left = r.groups[1:], g.NumRows()
		if r.left < 0 {
			return fmt.Errorf("a row group of %d rows", r.left)
		}
		for i := range r.chunks {
			c := &r.chunks[i]
			c.pages = g.ColumnChunks()[c.index].Pages()
		}
	}
	n := int(min(batchValues, r.left))
	r.left -= int64(n)
	for i := range r.chunks {
		c := &r.chunks[i]
		err := c.read(n)
		if err == nil && r.left == 0 {
			err = c.end()
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", columns[i], err)
		}
	}
	r.size = n
	return nil
}

// read reads the next n values, which must be there.
func (c *chunk) read(n int) error {
	for got := 0; got < n; {
		k, err := c.some(c.buffer[got:n])
		if err != nil {
			return err
		}
		got += k
	}
	for i, v := range c.buffer[:n] {
		switch {
		case v.IsNull():
			return errors.New("a null")
		// The library takes a damaged file's word for the type of a value.
		case v.Kind() != c.kind:
			return errors.New("a value of another type")
		case c.kind == parquet.Int32:
			c.batch[i] = int64(v.Int32())
		default:
			c.batch[i] = v.Int64()
		}
	}
	return nil
}

// some reads at least one value.
func (c *chunk) some(values []parquet.Value) (int, error) {
	for {
		if c.page == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return 0, err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(values)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if n > 0 {
			return n, nil
		}
		if err == nil {
			return 0, io.ErrNoProgress
		}
		parquet.Release(c.page)
		c.page = nil
	}
}

// end makes sure that nothing is left in the chunk.
func (c *chunk) end() error {
	if _, err := c.some(c.buffer[:1]); !errors.Is(err, io.ErrUnexpectedEOF) {
		if err == nil {
			err = errors.New("more values than there are rows")
		}
		return err
	}
	return c.pages.Close()
}

// guard turns an error, or a panic of the Parquet library, which indexes by
// offsets that it read from the file, into an error that wraps doc.ErrInput.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: not readable as parquet: %v", doc.ErrInput, p)
		}
	}()
	if err = fn(); err != nil && !errors.Is(err, doc.ErrInput) {
		err = fmt.Errorf("%w: %w", doc.ErrInput, err)
	}
	return err
}
