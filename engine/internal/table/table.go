// Package table writes and reads the Parquet files of a run: one way of
// writing, whose bytes depend on the rows and metadata alone, and a reader
// that refuses whatever does not hold exactly the expected columns.
package table

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
)

const (
	// batchRows is how many rows the writer takes at a time. Page boundaries
	// fall between batches, so it is part of the bytes written.
	batchRows = 1024
	// rowGroupRows bounds the memory of a writer.
	rowGroupRows = 256 * batchRows
)

// Writer writes rows of type T, a struct with parquet tags.
type Writer[T any] struct {
	w     *parquet.GenericWriter[T]
	batch []T
}

// NewWriter starts a Parquet file with the given footer metadata.
//
// Columns are compressed with Zstandard: the encoder used gives the same bytes
// with and without assembly, which the one for Snappy does not promise. The
// created_by field names the format, never the build, for the same reason.
func NewWriter[T any](w io.Writer, formatVersion string, metadata map[string]string) *Writer[T] {
	options := []parquet.WriterOption{
		parquet.CreatedBy("tallystick", formatVersion, "none"),
		parquet.Compression(&parquet.Zstd),
		parquet.MaxRowsPerRowGroup(rowGroupRows),
	}
	for key, value := range metadata {
		options = append(options, parquet.KeyValueMetadata(key, value))
	}
	return &Writer[T]{
		w:     parquet.NewGenericWriter[T](w, options...),
		batch: make([]T, 0, batchRows),
	}
}

// Append adds a row.
func (w *Writer[T]) Append(row T) error {
	w.batch = append(w.batch, row)
	if len(w.batch) < batchRows {
		return nil
	}
	return w.flush()
}

func (w *Writer[T]) flush() error {
	_, err := w.w.Write(w.batch)
	w.batch = w.batch[:0]
	return err
}

// Close writes what is left and the footer. It does not close the destination.
func (w *Writer[T]) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.w.Close()
}

// Reader reads rows of type T.
type Reader[T any] struct {
	file  *parquet.File
	rows  *parquet.GenericReader[T]
	batch []T
	next  int // index into batch
	count int64
}

// NewReader opens a Parquet file of the given size in bytes. It fails unless
// the columns are exactly those of T, by name, order and type. Errors wrap
// doc.ErrCorrupt.
func NewReader[T any](r io.ReaderAt, size int64) (*Reader[T], error) {
	t := &Reader[T]{batch: make([]T, 0, batchRows)}
	err := guard(func() error {
		file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
		if err != nil {
			return err
		}
		want := parquet.SchemaOf(new(T))
		if !parquet.EqualNodes(file.Schema(), want) {
			return fmt.Errorf("columns are not those expected: %s", file.Schema())
		}
		t.file, t.rows = file, parquet.NewGenericReader[T](file)
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

// Next returns the next row, or io.EOF after the last. Errors wrap
// doc.ErrCorrupt and name the one-based row.
func (r *Reader[T]) Next() (*T, error) {
	if r.next == len(r.batch) {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	r.next++
	r.count++
	return &r.batch[r.next-1], nil
}

func (r *Reader[T]) fill() error {
	var n int
	var end bool
	r.batch, r.next = r.batch[:cap(r.batch)], 0
	clear(r.batch)
	err := guard(func() error {
		var err error
		n, err = r.rows.Read(r.batch)
		end = errors.Is(err, io.EOF)
		if end {
			return nil
		}
		return err
	})
	if err != nil {
		r.batch = r.batch[:0]
		return fmt.Errorf("row %d: %w", r.count+1, err)
	}
	r.batch = r.batch[:n]
	if n > 0 {
		return nil
	}
	if !end || r.count != r.NumRows() {
		return fmt.Errorf("row %d: %w: the footer promises %d rows", r.count+1, doc.ErrCorrupt, r.NumRows())
	}
	return io.EOF
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
