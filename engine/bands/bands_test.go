package bands

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/tallystick/tallystick/engine/doc"
)

const runID = "e3a6cf6146f6fcef48085d6e6235051e00000000000000000000000000000000"

// hashes on both sides of every sign.
var hashes = []uint64{0, 1, math.MaxInt64, 1 << 63, 1<<63 + 1, math.MaxUint64}

func TestSigned(t *testing.T) {
	for i, h := range hashes {
		if unsigned(signed(h)) != h {
			t.Errorf("%#x comes back as %#x", h, unsigned(signed(h)))
		}
		if i > 0 && signed(hashes[i-1]) >= signed(h) {
			t.Errorf("%#x and %#x change their order", hashes[i-1], h)
		}
	}
	if signed(0) != math.MinInt64 || signed(1<<63) != 0 {
		t.Error("a value is not the hash less 2⁶³")
	}
	run, err := runNumber(runID)
	if err != nil || uint64(run) != 0xe3a6cf6146f6fcef {
		t.Errorf("run %x, %v", uint64(run), err)
	}
	for _, id := range []string{"", "abc", "zz" + runID} {
		if _, err := runNumber(id); err == nil {
			t.Errorf("%q is a run id", id)
		}
	}
}

const wantDigest = "bf1bd742aee9d62ac2876c63107fe21d2b2aef513803e2116d6c983282306469"

func TestWriter(t *testing.T) {
	var documents, bands bytes.Buffer
	w, err := NewWriter(&documents, &bands, runID, 7, false)
	if err != nil {
		t.Fatal(err)
	}
	var wantDocuments []documentRow
	var wantBands []bandRow
	const run = -0x1c59309eb9090311 // 0xe3a6cf6146f6fcef as a signed number
	for i := range uint32(3*batchRows + 5) {
		h := hashes[int(i)%len(hashes)] + uint64(i)
		d := Document{Ordinal: i * 3, Key: h ^ 5, Length: uint64(i), Content: h, Contributor: []byte("ann"), ID: []byte{'a' + byte(i%26)}, Source: []byte("wiki")}
		row := documentRow{
			Run: run, Shard: 7, Ordinal: int64(i) * 3, Key: int64(h ^ 5 ^ 1<<63), Length: int64(i), Content: int64(h ^ 1<<63), Delivered: 1,
			Contributor: "ann", ID: string(rune('a' + i%26)), Source: "wiki",
		}
		if i%2 == 0 {
			d.Created = doc.Instant{Sec: -int64(i), Nsec: 999, Set: true}
			row.CreatedSec, row.CreatedNsec = -int64(i), 999
		} else {
			row.Undated = 1
		}
		w.Document(&d)
		wantDocuments = append(wantDocuments, row)
		for _, key := range []uint64{h, h + 1, h, h + 1} { // a key twice is a row once
			w.Band(key, i)
		}
		wantBands = append(wantBands,
			bandRow{Run: run, Shard: 7, Ordinal: int64(i), Key: int64(h ^ 1<<63)},
			bandRow{Run: run, Shard: 7, Ordinal: int64(i), Key: int64((h + 1) ^ 1<<63)})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// The same bytes with and without assembly, and on every machine.
	if got := fmt.Sprintf("%x", sha256.Sum256(slices.Concat(documents.Bytes(), bands.Bytes()))); got != wantDigest {
		t.Errorf("the files have the digest %s, want %s", got, wantDigest)
	}
	gotDocuments := readTable[documentRow](t, documents.Bytes())
	if diff := gocmp.Diff(wantDocuments, gotDocuments); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(wantBands, readTable[bandRow](t, bands.Bytes())); diff != "" {
		t.Errorf("bands (-want +got):\n%s", diff)
	}
	f, err := parquet.OpenFile(bytes.NewReader(bands.Bytes()), int64(bands.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := f.Lookup(MetaRunID); id != runID {
		t.Errorf("run id %q", id)
	}
	// What an engine may not know must not be used.
	for _, group := range f.Metadata().RowGroups {
		for _, c := range group.Columns {
			for _, e := range c.MetaData.Encoding {
				if e != format.Plain {
					t.Errorf("column %s has encoding %v", c.MetaData.PathInSchema, e)
				}
			}
		}
	}
}

func readTable[Row any](t *testing.T, file []byte) []Row {
	t.Helper()
	rows, err := parquet.Read[Row](bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// failing fails after some bytes.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriterFails(t *testing.T) {
	for _, left := range [][2]int{{0, 1 << 30}, {1 << 30, 0}, {1 << 16, 1 << 30}, {1 << 30, 1 << 16}} {
		w, err := NewWriter(&failing{left[0]}, &failing{left[1]}, runID, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint32(50_000) {
			h := uint64(i) * 0x9e3779b97f4a7c15
			w.Document(&Document{Ordinal: i, Key: h, Content: h})
			w.Band(h, i)
		}
		if err := w.Close(); err == nil || !strings.Contains(err.Error(), errFull.Error()) {
			t.Errorf("room for %v bytes: %v", left, err)
		}
	}
}

// A document with 16 band keys.
func BenchmarkWriter(b *testing.B) {
	w, err := NewWriter(io.Discard, io.Discard, runID, 0, false)
	if err != nil {
		b.Fatal(err)
	}
	d := Document{Contributor: []byte("somebody"), ID: []byte("en/page/1234567")}
	key := uint64(1)
	for b.Loop() {
		d.Ordinal++
		d.Key, d.Content, d.Length = key, key, key>>52
		w.Document(&d)
		for range 16 {
			key *= 0x9e3779b97f4a7c15
			key ^= key >> 29
			w.Band(key, d.Ordinal)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
