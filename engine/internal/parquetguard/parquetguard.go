// Package parquetguard looks at a Parquet file before the library does, which
// allocates as much as a file says that it needs: the lists and strings of the footer,
// and pages, may not be longer than the bytes that are there, or than makes sense. It
// knows as much of the format as that takes
// (https://github.com/apache/parquet-format) and decodes no value.
//
// What remains is bounded by constants: the library unpacks one page of each column
// at a time, and may be told of up to 2³⁰ equal values where a column has a
// dictionary, which those of a run do not have.
package parquetguard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

const (
	mostFooter = 16 << 20 // bytes; of 10,000 row groups there are some 8 MB
	mostHeader = 1 << 20  // bytes of a page header: it may hold the least and greatest value
	mostPage   = 16 << 20 // bytes, unpacked, of a page that shrinks to less than a thousandth
	mostRatio  = 1000
	mostValues = 1 << 22 // of a page
)

// Encodings of values, by their numbers in the format.
const (
	plain           = 0
	plainDictionary = 2
	deltaBinary     = 5
	deltaLength     = 6
	rleDictionary   = 8
	splitStream     = 9
)

// OfRuns are the encodings in the files of a run, OfEngines those that other
// programs use as well.
var (
	OfRuns    = []int64{plain, deltaLength}
	OfEngines = []int64{plain, plainDictionary, deltaBinary, deltaLength, rleDictionary, splitStream}
)

// Footer returns an error if the library should not be given the footer of a file,
// size bytes long.
func Footer(file io.ReaderAt, size int64) error {
	var end [8]byte // of the footer its length, and the magic
	if size < int64(len("PAR1")+len(end)) {
		return errors.New("too short to be parquet")
	}
	if _, err := file.ReadAt(end[:], size-int64(len(end))); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if string(end[4:]) != "PAR1" || n > size-int64(len("PAR1")+len(end)) {
		return errors.New("no footer of parquet at its end")
	}
	if n > mostFooter {
		return fmt.Errorf("a footer of %d bytes", n)
	}
	footer := make([]byte, n)
	if _, err := file.ReadAt(footer, size-int64(len(end))-n); err != nil {
		return err
	}
	if t := (thrift{b: footer}); !t.structure(nil, nil) {
		return errors.New("a footer that claims more than it has")
	}
	return nil
}

// RowGroup returns an error if the library should not be given the pages of a row
// group of a file, size bytes long. optional says whether values of a column may be
// missing.
func RowGroup(file io.ReaderAt, size int64, g *format.RowGroup, optional func(column int) bool, encodings []int64) error {
	for i := range g.Columns {
		m := &g.Columns[i].MetaData
		c := chunk{start: m.DataPageOffset, size: m.TotalCompressedSize, values: m.NumValues, codec: int64(m.Codec), optional: optional(i)}
		if m.DictionaryPageOffset != 0 { // as the library has it
			c.start = m.DictionaryPageOffset
		}
		if err := pages(file, size, c, encodings); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// chunk is a column of a row group, as the footer describes it.
type chunk struct {
	start    int64 // of its first page in the file
	size     int64 // bytes
	values   int64
	codec    int64 // number of the compression
	optional bool
}

// pages is RowGroup for one column.
func pages(file io.ReaderAt, size int64, c chunk, encodings []int64) error {
	if c.start < 0 || c.size < 0 || c.size > size || c.start > size-c.size || c.values < 0 {
		return fmt.Errorf("%d values in %d bytes from byte %d of a file of %d", c.values, c.size, c.start, size)
	}
	end := c.start + c.size
	for at, values := c.start, int64(0); at < end; {
		h, n, err := readHeader(file, at, end)
		if err == nil {
			err = h.check(end-at-n, encodings)
		}
		if err == nil && h.kind != dictionaryPage {
			values += h.values
			if values > c.values {
				err = fmt.Errorf("more than the %d values of the column", c.values)
			} else if h.encoding == deltaBinary || h.encoding == deltaLength {
				err = h.checkDelta(io.NewSectionReader(file, at+n, h.packed), c)
			}
		}
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", at, err)
		}
		at += n + h.packed
	}
	return nil
}

// Kinds of pages.
const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPageV2     = 3
)

// header is what matters of a page header.
type header struct {
	kind, unpacked, packed int64 // sizes in bytes
	values, encoding       int64
	levels                 int64 // bytes before the values, of the newer kind of page
	compressed             bool
}

// readHeader returns the header at a place, and its length.
func readHeader(file io.ReaderAt, at, end int64) (h header, n int64, err error) {
	for size := int64(1 << 10); ; size *= 8 {
		b := make([]byte, min(size, mostHeader, end-at))
		if _, err := file.ReadAt(b, at); err != nil {
			return h, 0, err
		}
		h = header{compressed: true}
		t := thrift{b: b}
		if t.structure(nil, h.field) {
			return h, int64(t.at), nil
		}
		if int64(len(b)) == end-at || len(b) == mostHeader {
			return h, 0, errors.New("a header that claims more than there is")
		}
	}
}

// field takes a number of a page header, by the fields that lead to it.
func (h *header) field(path []int16, v int64) {
	number := func(i int) int16 {
		if i < len(path) {
			return path[i]
		}
		return 0
	}
	switch [2]int16{number(0), number(1)} {
	case [2]int16{1, 0}:
		h.kind = v
	case [2]int16{2, 0}:
		h.unpacked = v
	case [2]int16{3, 0}:
		h.packed = v
	case [2]int16{5, 1}, [2]int16{7, 1}, [2]int16{8, 1}:
		h.values = v
	case [2]int16{5, 2}, [2]int16{7, 2}, [2]int16{8, 4}:
		h.encoding = v
	case [2]int16{8, 5}, [2]int16{8, 6}:
		h.levels += v
	case [2]int16{8, 7}:
		h.compressed = v != 0
	}
}

// check compares what a header claims with the bytes after it.
func (h *header) check(left int64, encodings []int64) error {
	switch {
	case h.kind != dataPage && h.kind != indexPage && h.kind != dictionaryPage && h.kind != dataPageV2:
		return fmt.Errorf("a page of kind %d", h.kind)
	case h.packed < 0 || h.packed > left:
		return fmt.Errorf("%d bytes where %d are left", h.packed, left)
	case h.unpacked < 0 || h.unpacked > max(mostPage, mostRatio*h.packed):
		return fmt.Errorf("%d bytes that claim to be %d unpacked", h.packed, h.unpacked)
	case h.values < 0 || h.values > mostValues:
		return fmt.Errorf("%d values", h.values)
	case h.levels < 0 || h.levels > h.packed:
		return fmt.Errorf("%d of %d bytes that are no values", h.levels, h.packed)
	case !slices.Contains(encodings, h.encoding):
		return fmt.Errorf("encoding %d, which is not read here", h.encoding)
	}
	return nil
}

// checkDelta compares the number of values in the encoding itself with that in the
// header.
func (h *header) checkDelta(page *io.SectionReader, c chunk) error {
	var values io.Reader = page
	if h.kind == dataPageV2 {
		if _, err := page.Seek(h.levels, io.SeekStart); err != nil {
			return err
		}
	}
	if h.compressed {
		switch c.codec {
		case 0:
		case 1:
			b := make([]byte, h.packed-h.levels) // at most as many as the file has
			if _, err := io.ReadFull(page, b); err != nil {
				return err
			}
			if n, err := snappy.DecodedLen(b); err != nil || int64(n) > h.unpacked {
				return fmt.Errorf("%d bytes unpacked, not %d", n, h.unpacked)
			}
			b, err := snappy.Decode(nil, b)
			if err != nil {
				return err
			}
			values = bytes.NewReader(b)
		case 2:
			z, err := gzip.NewReader(page)
			if err != nil {
				return err
			}
			values = z
		case 6:
			z, err := zstd.NewReader(page, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(mostPage), zstd.WithDecoderLowmem(true))
			if err != nil {
				return err
			}
			defer z.Close()
			values = z
		default:
			return fmt.Errorf("compression %d with encoding %d, which are not read here together", c.codec, h.encoding)
		}
	}
	if c.optional && h.kind == dataPage {
		var length [4]byte
		if _, err := io.ReadFull(values, length[:]); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, values, int64(binary.LittleEndian.Uint32(length[:]))); err != nil {
			return err
		}
	}
	// Size of a block, blocks within it, values: three numbers of at most ten bytes.
	var head [3 * binary.MaxVarintLen64]byte
	n, err := io.ReadFull(values, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	t := thrift{b: head[:n]}
	for range 2 {
		t.uvarint()
	}
	if total, ok := t.uvarint(); !ok || total > uint64(h.values) {
		return fmt.Errorf("%d values packed, the header says %d", total, h.values)
	}
	return nil
}
