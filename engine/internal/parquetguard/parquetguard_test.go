package parquetguard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

type row struct {
	Number int64  `parquet:"number,plain"`
	Text   string `parquet:"text"` // lengths are delta encoded by default
}

type engineRow struct {
	Number int64   `parquet:"number,delta"`
	Often  string  `parquet:"often,dict"`
	Maybe  *string `parquet:"maybe,optional"`
}

func write[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, append(options, parquet.PageBufferSize(1<<10), parquet.MaxRowsPerRowGroup(300))...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// look is what a reader does before it reads.
func look(data []byte, encodings []int64) error {
	file, size := bytes.NewReader(data), int64(len(data))
	if err := Footer(file, size); err != nil {
		return err
	}
	f, err := parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	fields := f.Schema().Fields()
	for i := range f.RowGroups() {
		if err := RowGroup(file, size, &f.Metadata().RowGroups[i], func(i int) bool { return fields[i].Optional() }, encodings); err != nil {
			return err
		}
	}
	return nil
}

func samples(t testing.TB) (ofRuns, ofEngines []byte) {
	var rows []row
	var more []engineRow
	for i := range 1000 {
		s := fmt.Sprint("text ", i)
		rows = append(rows, row{int64(i) << 30, s})
		more = append(more, engineRow{int64(i * i), "always", nil})
		if i%3 == 0 {
			more[i].Maybe = &s
		}
	}
	return write(t, rows, parquet.Compression(&parquet.Zstd)), write(t, more, parquet.Compression(&parquet.Snappy))
}

func TestWhatIsWritten(t *testing.T) {
	ofRuns, ofEngines := samples(t)
	if err := look(ofRuns, OfRuns); err != nil {
		t.Error(err)
	}
	if err := look(ofEngines, OfEngines); err != nil {
		t.Error(err)
	}
	if err := look(ofEngines, OfRuns); err == nil || !strings.Contains(err.Error(), "encoding") {
		t.Errorf("encodings of engines in a file of a run: %v", err)
	}
	for name, codec := range map[string]compress.Codec{
		"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd, "lz4": &parquet.Lz4Raw,
	} {
		var more []engineRow
		for i := range 200 {
			s := strings.Repeat("x", i)
			more = append(more, engineRow{int64(i * i), "always", &s})
		}
		for _, version := range []int{1, 2} {
			err := look(write(t, more, parquet.Compression(codec), parquet.DataPageVersion(version)), OfEngines)
			if refused := err != nil && strings.Contains(err.Error(), "not read here together"); refused != (name == "lz4") || !refused && err != nil {
				t.Errorf("compression %s, pages of version %d: %v", name, version, err)
			}
		}
	}
}

// What claims more than it has is refused before anything is allocated.
func TestHugeClaims(t *testing.T) {
	field := func(b []byte, step, kind byte, v uint64) []byte {
		return binary.AppendUvarint(append(b, step<<4|kind), v)
	}
	huge := binary.AppendUvarint(nil, 1<<31-1)
	for name, footer := range map[string][]byte{
		"no end":               {},
		"2³¹ row groups":       append(append([]byte{4<<4 | isList}, 0xf0|isStruct), huge...),
		"string of 2³¹":        append([]byte{6<<4 | isBinary}, huge...),
		"list of 2³¹ booleans": append(append([]byte{4<<4 | isList}, 0xf0|isTrue), huge...),
		"row groups of nothing": append(append(append([]byte{4<<4 | isList}, 0xf0|isStruct), binary.AppendUvarint(nil, 100)...),
			make([]byte, 101)...),
		"nested without end": bytes.Repeat([]byte{1<<4 | isStruct}, 1000),
		"map":                {1<<4 | 11, 0, 0},
		"endless number":     bytes.Repeat([]byte{0xff}, 40),
	} {
		file := append([]byte("PAR1"), footer...)
		file = append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "PAR1"...)
		if err := Footer(bytes.NewReader(file), int64(len(file))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	header := func(kind, unpacked, packed, values, encoding uint64) []byte {
		b := field(field(field(nil, 1, isInt32, 2*kind), 1, isInt32, 2*unpacked), 1, isInt32, 2*packed)
		b = field(field(append(b, 2<<4|isStruct), 1, isInt32, 2*values), 1, isInt32, 2*encoding)
		return append(b, 0, 0)
	}
	delta := binary.AppendUvarint([]byte{128, 1, 4}, 1<<31-1)
	for name, c := range map[string]struct {
		page  []byte
		codec int64
		says  string
	}{
		"sound":              {append(header(0, 8, 8, 1, plain), make([]byte, 8)...), 0, ""},
		"longer than it is":  {header(0, 8, 8, 1, plain), 0, "8 bytes where 0 are left"},
		"2 GiB unpacked":     {append(header(0, 1<<31-1, 8, 1, plain), make([]byte, 8)...), 6, "claim to be"},
		"2³¹ values":         {append(header(0, 8, 8, 1<<31-1, plain), make([]byte, 8)...), 0, "values"},
		"too many values":    {append(header(0, 8, 8, 101, plain), make([]byte, 8)...), 0, "more than the 100 values"},
		"prefixed strings":   {append(header(0, 8, 8, 1, 7), make([]byte, 8)...), 0, "encoding 7"},
		"of no kind":         {append(header(9, 8, 8, 1, plain), make([]byte, 8)...), 0, "kind 9"},
		"2³¹ lengths inside": {append(header(0, uint64(len(delta)), uint64(len(delta)), 1, deltaLength), delta...), 0, "values packed"},
		"header without end": {bytes.Repeat([]byte{1<<4 | isStruct}, 99), 0, "claims more"},
	} {
		err := pages(bytes.NewReader(c.page), int64(len(c.page)), chunk{size: int64(len(c.page)), values: 100, codec: c.codec}, OfRuns)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	for _, c := range []chunk{{start: -1}, {size: -1}, {size: 100}, {start: 1 << 62, size: 1 << 62}, {values: -1}} {
		if err := pages(bytes.NewReader(make([]byte, 10)), 10, c, OfRuns); err == nil {
			t.Errorf("%+v: taken", c)
		}
	}
}

// FuzzLook: no file makes it read beyond its end, or wait for ever.
func FuzzLook(f *testing.F) {
	ofRuns, ofEngines := samples(f)
	for _, b := range [][]byte{ofRuns, ofEngines} {
		f.Add(b)
		f.Add(slices.Delete(slices.Clone(b), 10, 20))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, size := bytes.NewReader(data), int64(len(data))
		if Footer(file, size) != nil {
			return
		}
		opened := func() (f *parquet.File) {
			defer func() { _ = recover() }() // of the library, as its callers do
			f, _ = parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
			return f
		}()
		if opened == nil {
			return
		}
		for i := range opened.Metadata().RowGroups {
			for _, optional := range []bool{false, true} {
				_ = RowGroup(file, size, &opened.Metadata().RowGroups[i], func(int) bool { return optional }, OfEngines)
			}
		}
	})
}

// A list may hold another one, and that a third: each takes a byte of the file and
// far more of the stack, which no program survives.
func TestListsInLists(t *testing.T) {
	footer := bytes.Repeat([]byte{1<<4 | isList}, mostFooter)
	data := append([]byte("PAR1"), footer...)
	data = append(binary.LittleEndian.AppendUint32(data, uint32(len(footer))), "PAR1"...)
	if err := Footer(bytes.NewReader(data), int64(len(data))); err == nil {
		t.Error("lists in lists were accepted")
	}
}
