// Package table writes and reads the Parquet files of a run: one way of
// writing, whose bytes depend on the rows and metadata alone, and a reader
// that refuses whatever does not hold exactly the expected columns.
//
// The columns are those of a struct and, after them, any number of integers
// and then of strings that only the run knows: the tokens of its further
// tokenizers, and shared credit.
package table

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/parquetguard"
)

const (
	// batchRows is how many rows the reader and the writer take at a time.
	batchRows = 1024
	// pageStep is how many rows go to a column at a time. Page boundaries fall
	// between them, so it is part of the bytes written; batches are a multiple.
	pageStep = 64
	// rowGroupRows bounds the memory of a writer.
	rowGroupRows = 64 * batchRows
)

// schemaOf returns the schema of T, a struct with parquet tags, of an INT64
// column for each further name and a string for each of texts.
func schemaOf[T any](further, texts []string) *parquet.Schema {
	typ := reflect.TypeFor[T]()
	if len(further)+len(texts) == 0 {
		return parquet.SchemaOf(reflect.New(typ).Interface())
	}
	fields := reflect.VisibleFields(typ)
	for i, name := range further {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("Further%d", i), Type: reflect.TypeFor[int64](), Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", name)),
		})
	}
	for i, name := range texts {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("Text%d", i), Type: reflect.TypeFor[string](), Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", name)),
		})
	}
	return parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
}

// Writer writes rows of type T, a struct with parquet tags.
type Writer[T any] struct {
	open  func(...parquet.WriterOption) *parquet.GenericWriter[any]
	w     *parquet.GenericWriter[any] // nil before the first batch is complete
	row   Cells
	rows  int // of the batch that are complete
	group int // rows of the row group that were written before
}

// Cells takes the values of a row, one for each column and in their order.
type Cells struct {
	columns [][]parquet.Value // of the batch
	next    int               // column
	bytes   []byte            // of the batch's texts
}

func (c *Cells) add(v parquet.Value) {
	c.columns[c.next] = append(c.columns[c.next], v)
	c.next++
}

// Int64 adds a value to a column of this type; so do the others.
func (c *Cells) Int64(v int64) { c.add(parquet.Int64Value(v)) }

// Int32 adds a value.
func (c *Cells) Int32(v int32) { c.add(parquet.Int32Value(v)) }

// Double adds a value.
func (c *Cells) Double(v float64) { c.add(parquet.DoubleValue(v)) }

// Text adds a string, which is copied.
func (c *Cells) Text(s string) {
	from := len(c.bytes)
	c.bytes = append(c.bytes, s...)
	c.add(parquet.ByteArrayValue(c.bytes[from:len(c.bytes):len(c.bytes)]))
}

// NewWriter starts a Parquet file with the given footer metadata and the
// columns of T, further integers and, after those, texts.
//
// Columns are compressed with Zstandard: the encoder used gives the same bytes
// with and without assembly, which the one for Snappy does not promise. Nor does
// the library's run-length encoder, so no column may ask for a dictionary:
// Zstandard finds repeated strings as well. The created_by field names the format, never the build, for the same reason.
func NewWriter[T any](w io.Writer, formatVersion string, metadata map[string]string, further, texts []string) *Writer[T] {
	schema := schemaOf[T](further, texts)
	options := []parquet.WriterOption{
		schema,
		parquet.CreatedBy("tallystick", formatVersion, "none"),
		parquet.Compression(&parquet.Zstd),
	}
	for key, value := range metadata {
		options = append(options, parquet.KeyValueMetadata(key, value))
	}
	return &Writer[T]{
		open: func(more ...parquet.WriterOption) *parquet.GenericWriter[any] {
			return parquet.NewGenericWriter[any](w, append(options, more...)...)
		},
		row: Cells{columns: make([][]parquet.Value, len(schema.Columns()))},
	}
}

// Row returns where the values of the next row go. When it has all of them, End
// follows.
func (w *Writer[T]) Row() *Cells {
	w.row.next = 0
	return &w.row
}

// End completes the row.
func (w *Writer[T]) End() error {
	if w.row.next != len(w.row.columns) {
		return fmt.Errorf("%d values in %d columns", w.row.next, len(w.row.columns))
	}
	if w.rows++; w.rows < batchRows {
		return nil
	}
	return w.flush()
}

// flush writes the batch column by column. The library would do the same with
// rows, after it has taken them apart by reflection.
func (w *Writer[T]) flush() error {
	if w.w == nil {
		w.w = w.open()
	}
	for i, column := range w.w.ColumnWriters() {
		values := w.row.columns[i]
		for len(values) > 0 {
			n := min(len(values), pageStep)
			if _, err := column.WriteRowValues(values[:n]); err != nil {
				return err
			}
			values = values[n:]
		}
		w.row.columns[i] = w.row.columns[i][:0]
	}
	w.group += w.rows
	w.rows, w.row.bytes = 0, w.row.bytes[:0]
	if w.group < rowGroupRows {
		return nil
	}
	w.group = 0
	return w.w.Flush()
}

// Close writes what is left and the footer. It does not close the destination.
func (w *Writer[T]) Close() error {
	if page := 64 + 16*w.rows + 2*len(w.row.bytes); w.w == nil && page < parquet.DefaultPageBufferSize {
		// No column, with the places of texts, has as many bytes, so each is one
		// page all the same; but the library allocates whole pages.
		w.w = w.open(parquet.PageBufferSize(page))
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.w.Close()
}

// Reader reads rows of type T.
type Reader[T any] struct {
	source  io.ReaderAt
	size    int64
	file    *parquet.File
	take    func(*T, *Values)
	fields  []parquet.Field // of the file
	further []int64
	texts   []string
	begun   int          // row groups
	rows    parquet.Rows // of the row group that is being read
	batch   []parquet.Row
	next    int // index into batch
	count   int64
	row     T
}

// Values gives the values of a row, one for each column and in their order.
type Values struct {
	row  parquet.Row
	next int // column
}

func (v *Values) value() parquet.Value {
	v.next++
	return v.row[v.next-1]
}

// Int64 returns the value of the next column, which is of this type; so do the
// others.
func (v *Values) Int64() int64 { return v.value().Int64() }

// Int32 returns a value.
func (v *Values) Int32() int32 { return v.value().Int32() }

// Double returns a value.
func (v *Values) Double() float64 { return v.value().Double() }

// Text returns a string, a copy.
func (v *Values) Text() string { return string(v.value().ByteArray()) }

// NewReader opens a Parquet file of the given size in bytes. It fails unless
// the columns are exactly those of T, further and texts, by name, order and
// type. take fills in a row from the columns of T. Errors wrap doc.ErrCorrupt.
func NewReader[T any](r io.ReaderAt, size int64, take func(*T, *Values), further, texts []string) (*Reader[T], error) {
	all := schemaOf[T](further, texts)
	t := &Reader[T]{
		source: r, size: size, take: take, fields: all.Fields(),
		further: make([]int64, len(further)), texts: make([]string, len(texts)),
		batch: make([]parquet.Row, 0, batchRows),
	}
	err := guard(func() error {
		if err := parquetguard.Footer(r, size); err != nil {
			return err
		}
		file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
		if err != nil {
			return err
		}
		if !parquet.EqualNodes(file.Schema(), all) {
			return fmt.Errorf("columns are not those expected: %s", file.Schema())
		}
		t.file = file
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// NumRows returns how many rows the footer promises.
func (r *Reader[T]) NumRows() int64 { return r.file.NumRows() }

// Metadata returns a value of the footer metadata, and whether it is there.
func (r *Reader[T]) Metadata(key string) (string, bool) { return r.file.Lookup(key) }

// Next returns the next row, valid until the next call, or io.EOF after the
// last. Errors wrap doc.ErrCorrupt and name the one-based row.
func (r *Reader[T]) Next() (*T, error) {
	if r.next == len(r.batch) {
		if err := guard(r.fill); err != nil {
			return nil, fmt.Errorf("row %d: %w", r.count+1, err)
		}
		if len(r.batch) == 0 {
			return nil, io.EOF
		}
	}
	values := r.batch[r.next]
	r.next++
	r.count++
	err := guard(func() error {
		if err := r.wellTyped(values); err != nil {
			return err
		}
		v := Values{row: values}
		r.take(&r.row, &v)
		for i := range r.further {
			r.further[i] = v.Int64()
		}
		for i := range r.texts {
			r.texts[i] = v.Text()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", r.count, err)
	}
	return &r.row, nil
}

// Further returns the values of the further columns in the row read last,
// valid until the next call of Next.
func (r *Reader[T]) Further() []int64 { return r.further }

// Texts returns the values of the string columns after those, likewise.
func (r *Reader[T]) Texts() []string { return r.texts }

// wellTyped checks that there is one value per column, of its type: the
// library takes a damaged file's word for it, and then a number for an address.
func (r *Reader[T]) wellTyped(values parquet.Row) error {
	if len(values) != len(r.fields) {
		return fmt.Errorf("%d values in %d columns", len(values), len(r.fields))
	}
	for i, v := range values {
		if v.Column() != i || v.Kind() != r.fields[i].Type().Kind() {
			return fmt.Errorf("column %s: a value of another type", r.fields[i].Name())
		}
	}
	return nil
}

// fill reads the next rows into the batch, none at the end.
func (r *Reader[T]) fill() error {
	r.batch, r.next = r.batch[:cap(r.batch)], 0
	n := 0
	defer func() { r.batch = r.batch[:n] }()
	for n == 0 {
		if r.rows == nil {
			groups := r.file.RowGroups()
			if r.begun == len(groups) {
				break
			}
			err := parquetguard.RowGroup(r.source, r.size, &r.file.Metadata().RowGroups[r.begun], func(int) bool { return false }, parquetguard.OfRuns)
			if err != nil {
				return err
			}
			r.rows = groups[r.begun].Rows()
			r.begun++
		}
		var err error
		n, err = r.rows.ReadRows(r.batch)
		switch {
		case n > 0 && (err == nil || errors.Is(err, io.EOF)):
			// Closed at the next call, when these rows are not used any more.
		case errors.Is(err, io.EOF):
			if err := r.rows.Close(); err != nil {
				return err
			}
			r.rows = nil
		case err != nil:
			return err
		default:
			return io.ErrNoProgress
		}
	}
	if n == 0 && r.count != r.NumRows() {
		return fmt.Errorf("the footer promises %d rows", r.NumRows())
	}
	return nil
}

// guard runs fn and turns its error, or its panic, into one that wraps
// doc.ErrCorrupt: the Parquet library indexes by offsets it read from the file.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: not readable as parquet: %v", doc.ErrCorrupt, p)
		}
	}()
	if err := fn(); err != nil {
		return fmt.Errorf("%w: %w", doc.ErrCorrupt, err)
	}
	return nil
}
