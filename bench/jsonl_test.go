package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/simdjson-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
)

// fields are what a job needs of a line. They may share the parser's memory
// and are valid until the next line.
type fields struct{ text, id, contributor string }

// scanFunc calls emit with the fields of every line.
type scanFunc func(lines []byte, emit func(fields)) error

// jsonlRival is a way to read JSONL.
type jsonlRival struct {
	name string
	skip string
	open func() (scanFunc, error)
}

// jsonlRivals read the same three strings of every line, unescaped. Ours also
// read the date, and alone check that the line is UTF-8 and has no key twice.
func jsonlRivals() []jsonlRival {
	var noSimdjson string
	if !simdjson.SupportedCPU() {
		noSimdjson = "NOTICE: skipped: simdjson-go does not support this CPU"
	}
	adapterSkip := noSimdjson
	if !jsonl.Supported(jsonl.Simdjson) {
		adapterSkip = "NOTICE: skipped: built without the simdjson parser, or the CPU does not support it"
	}
	return []jsonlRival{
		{"native", "", func() (scanFunc, error) { return openParser(jsonl.Native) }},
		{"simdjson", adapterSkip, func() (scanFunc, error) { return openParser(jsonl.Simdjson) }},
		{"rival-simdjson-go-line", noSimdjson, func() (scanFunc, error) { return (&direct{}).lines, nil }},
		{"rival-simdjson-go-nd", noSimdjson, func() (scanFunc, error) { return (&direct{}).chunks, nil }},
		{"rival-encoding-json", "", func() (scanFunc, error) { return scanEncodingJSON, nil }},
	}
}

func BenchmarkJSONL(b *testing.B) { benchmark(b, jsonlCells()) }

func jsonlCells() []cell {
	return perText("JSONL", func(t *text) []cell {
		var cells []cell
		for _, rival := range jsonlRivals() {
			cells = append(cells, cell{contender: rival.name, skip: rival.skip, prepare: func() (work, error) {
				lines, err := t.lines()
				if err != nil {
					return work{}, err
				}
				scan, err := rival.open()
				return work{int64(len(lines)), func() (a answer, err error) {
					err = scan(lines, func(f fields) {
						a.documents++
						a.total += int64(len(f.text) + len(f.id) + len(f.contributor))
					})
					return a, err
				}}, err
			}})
		}
		return cells
	})
}

// openParser scans with a parser of ours.
func openParser(kind string) (scanFunc, error) {
	p, err := jsonl.New(kind, jsonl.Options{Text: "text", ID: "id", Contributor: "contributor", Created: "created"})
	if err != nil {
		return nil, err
	}
	var rec jsonl.Record
	return func(lines []byte, emit func(fields)) error {
		return eachLine(lines, func(line []byte) error {
			if reason := p.Parse(line, &rec); reason != doc.OK {
				return fmt.Errorf("rejected: %s", reason)
			}
			emit(fields{view(rec.Text), view(rec.ID), view(rec.Contributor)})
			return nil
		})
	}, nil
}

func scanEncodingJSON(lines []byte, emit func(fields)) error {
	return eachLine(lines, func(line []byte) error {
		var d struct{ Text, ID, Contributor string }
		if err := json.Unmarshal(line, &d); err != nil {
			return err
		}
		emit(fields{d.Text, d.ID, d.Contributor})
		return nil
	})
}

// direct is simdjson-go used as its documentation says: memory reused, strings
// not copied, one pass over the keys.
type direct struct{ parsed *simdjson.ParsedJson }

// chunkBytes is how much ParseND is given at once, what suits it best.
const chunkBytes = 1 << 20

func (d *direct) lines(lines []byte, emit func(fields)) error {
	return eachLine(lines, func(line []byte) (err error) {
		d.parsed, err = simdjson.Parse(line, d.parsed, simdjson.WithCopyStrings(false))
		if err != nil {
			return err
		}
		return d.emit(emit)
	})
}

func (d *direct) chunks(lines []byte, emit func(fields)) (err error) {
	for len(lines) > 0 {
		n := cut(lines)
		d.parsed, err = simdjson.ParseND(lines[:n], d.parsed, simdjson.WithCopyStrings(false))
		if err != nil {
			return err
		}
		if err := d.emit(emit); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

// cut returns the length of the first chunk of lines: whole lines, a single one
// if it is longer than a chunk.
func cut(lines []byte) int {
	if len(lines) <= chunkBytes {
		return len(lines)
	}
	if i := bytes.LastIndexByte(lines[:chunkBytes], '\n'); i >= 0 {
		return i + 1
	}
	return chunkBytes + bytes.IndexByte(lines[chunkBytes:], '\n') + 1
}

// emit goes over the documents that were parsed.
func (d *direct) emit(emit func(fields)) error {
	iter := d.parsed.Iter()
	var root, value simdjson.Iter
	var object simdjson.Object
	for iter.Advance() == simdjson.TypeRoot {
		if _, _, err := iter.Root(&root); err != nil {
			return err
		}
		if _, err := root.Object(&object); err != nil {
			return err
		}
		var f fields
		for {
			key, kind, err := object.NextElementBytes(&value)
			if err != nil {
				return err
			}
			if kind == simdjson.TypeNone {
				break
			}
			var to *string
			switch string(key) {
			case "text":
				to = &f.text
			case "id":
				to = &f.id
			case "contributor":
				to = &f.contributor
			default:
				continue
			}
			s, err := value.StringBytes()
			if err != nil {
				return err
			}
			*to = view(s)
		}
		emit(f)
	}
	return nil
}

// eachLine calls fn with every line, without its line feed.
func eachLine(lines []byte, fn func(line []byte) error) error {
	for n := 1; len(lines) > 0; n++ {
		line, rest, _ := bytes.Cut(lines, []byte{'\n'})
		if err := fn(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		lines = rest
	}
	return nil
}

// view is b as a string, without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// TestParsersAgree compares every byte of every field; the benchmarks compare
// only how many there are.
func TestParsersAgree(t *testing.T) {
	for _, text := range texts {
		t.Run(text.name, func(t *testing.T) {
			if text.skip != "" {
				t.Skip(text.skip)
			}
			if testing.Short() && text.name != bundledName {
				t.Skip("not with -short")
			}
			lines, err := readLines(text.source, chunkBytes)
			if err != nil {
				t.Fatal(err)
			}
			var want uint64
			for i, rival := range jsonlRivals() {
				if rival.skip != "" {
					t.Logf("%s: %s", rival.name, rival.skip)
					continue
				}
				scan, err := rival.open()
				if err != nil {
					t.Fatal(err)
				}
				digest := xxhash.New()
				err = scan(lines, func(f fields) {
					fmt.Fprintf(digest, "%q %q %q\n", f.text, f.id, f.contributor)
				})
				if err != nil {
					t.Errorf("%s: %v", rival.name, err)
				}
				if i == 0 {
					want = digest.Sum64()
				}
				if digest.Sum64() != want {
					t.Errorf("%s: other fields than native", rival.name)
				}
			}
		})
	}
}
