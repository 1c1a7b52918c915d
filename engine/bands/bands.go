// Package bands is the port between our scan and the join of somebody else's
// engine: the keys of a shard as two Parquet tables that Spark, DuckDB and
// BigQuery read, and the candidates, which the program in docs/match.sql makes
// of the tables of all shards, read back with suspicion. docs/formats.md
// describes the columns.
package bands

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
)

// formatVersion of the two tables and of the candidates.
const formatVersion = "1"

// Names in the footer metadata of the tables.
const (
	MetaRunID   = "tallystick.run_id"
	MetaVersion = "tallystick.version" // of the format
)

// Columns hold signed integers, for want of unsigned ones in Spark. A hash is
// stored less 2⁶³, so that values are in the order of the hashes.
func signed(hash uint64) int64    { return int64(hash ^ 1<<63) }
func unsigned(value int64) uint64 { return uint64(value) ^ 1<<63 }

// runNumber is the first 8 bytes of a run id, which every row carries: what an
// engine writes keeps no metadata.
func runNumber(runID string) (int64, error) {
	if len(runID) < 16 {
		return 0, fmt.Errorf("%w: run id %q", doc.ErrCorrupt, runID)
	}
	b, err := hex.DecodeString(runID[:16])
	if err != nil {
		return 0, fmt.Errorf("%w: run id %q", doc.ErrCorrupt, runID)
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return int64(n), nil
}

// Document is a line that can be used, as scan knows it. Writers do not keep
// its slices.
type Document struct {
	Ordinal     uint32
	Key         uint64 // exact key, which together with Length finds equal texts
	Length      uint64 // of the text, bytes
	Content     uint64 // hash of the text; Key but for what keeps sources apart
	Created     doc.Instant
	Contributor []byte
	ID          []byte
	Source      []byte
}

// documentRow has no optional column: the levels of those are run-length
// encoded, and that encoder of the library does not promise the same bytes
// with and without assembly. Encodings are plain because every reader has them.
type documentRow struct {
	Run         int64  `parquet:"run,plain"`
	Shard       int32  `parquet:"shard,plain"`
	Ordinal     int64  `parquet:"ordinal,plain"`
	Key         int64  `parquet:"key,plain"`
	Length      int64  `parquet:"length,plain"`
	Delivered   int32  `parquet:"delivered,plain"` // 0: stands, and so comes first
	Undated     int32  `parquet:"undated,plain"`   // 1: created is missing
	CreatedSec  int64  `parquet:"created_sec,plain"`
	CreatedNsec int32  `parquet:"created_nsec,plain"`
	Content     int64  `parquet:"content,plain"`
	Contributor string `parquet:"contributor,plain"`
	ID          string `parquet:"id,plain"`
	Source      string `parquet:"source,plain"`
}

type bandRow struct {
	Run     int64 `parquet:"run,plain"`
	Shard   int32 `parquet:"shard,plain"`
	Ordinal int64 `parquet:"ordinal,plain"`
	Key     int64 `parquet:"key,plain"`
}

const (
	// batchRows is how many rows the library takes at a time; row groups hold
	// batches. Both decide where pages end, and so bytes.
	batchRows    = 1 << 10
	rowGroupRows = 1 << 19
)

// tableWriter is a Parquet file in the making.
type tableWriter[Row any] struct {
	w     *parquet.GenericWriter[Row]
	batch []Row
}

// newTableWriter compresses with Zstandard, whose encoder gives the same bytes on
// every machine, and writes pages of the older version, which every reader has.
func newTableWriter[Row any](w io.Writer, runID string) *tableWriter[Row] {
	return &tableWriter[Row]{
		w: parquet.NewGenericWriter[Row](w,
			parquet.CreatedBy("tallystick", formatVersion, "none"),
			parquet.KeyValueMetadata(MetaRunID, runID),
			parquet.KeyValueMetadata(MetaVersion, formatVersion),
			parquet.Compression(&parquet.Zstd),
			parquet.DataPageVersion(1),
			parquet.MaxRowsPerRowGroup(rowGroupRows),
		),
		batch: make([]Row, 0, batchRows),
	}
}

func (t *tableWriter[Row]) add(r Row) error {
	t.batch = append(t.batch, r)
	if len(t.batch) < batchRows {
		return nil
	}
	return t.flush()
}

func (t *tableWriter[Row]) flush() error {
	_, err := t.w.Write(t.batch)
	clear(t.batch) // of strings
	t.batch = t.batch[:0]
	return err
}

func (t *tableWriter[Row]) close() error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Close()
}

// Writer writes the two tables of a shard. The first error stays.
type Writer struct {
	documents *tableWriter[documentRow]
	bands     *tableWriter[bandRow]
	run       int64
	shard     int32
	stands    bool
	err       error

	ordinal uint32   // of the keys
	keys    []uint64 // of that document, already written
}

// NewWriter starts the tables of a shard of a run. The documents of the shard
// stand if stands is set, else they are of the delivery.
func NewWriter(documents, bands io.Writer, runID string, shard int, stands bool) (*Writer, error) {
	run, err := runNumber(runID)
	if err != nil {
		return nil, err
	}
	return &Writer{
		documents: newTableWriter[documentRow](documents, runID), bands: newTableWriter[bandRow](bands, runID),
		run: run, shard: int32(shard), stands: stands,
	}, nil
}

// Document adds a row to the table of documents.
func (w *Writer) Document(d *Document) {
	if w.err != nil {
		return
	}
	row := documentRow{
		Run: w.run, Shard: w.shard, Ordinal: int64(d.Ordinal), Key: signed(d.Key), Length: int64(d.Length),
		Content: signed(d.Content), Contributor: string(d.Contributor), ID: string(d.ID), Source: string(d.Source),
	}
	if !w.stands {
		row.Delivered = 1
	}
	if d.Created.Set {
		row.CreatedSec, row.CreatedNsec = d.Created.Sec, d.Created.Nsec
	} else {
		row.Undated = 1
	}
	w.err = w.documents.add(row)
}

// Band adds a row to the table of bands, unless the document has the key
// already: the program need not look for equal rows. The keys of a document
// are given one after the other.
func (w *Writer) Band(key uint64, ordinal uint32) {
	if w.err != nil {
		return
	}
	if ordinal != w.ordinal {
		w.ordinal, w.keys = ordinal, w.keys[:0]
	}
	if slices.Contains(w.keys, key) {
		return
	}
	w.keys = append(w.keys, key)
	w.err = w.bands.add(bandRow{Run: w.run, Shard: w.shard, Ordinal: int64(ordinal), Key: signed(key)})
}

// Close completes both files. It does not close the destinations.
func (w *Writer) Close() error {
	for _, closeTable := range []func() error{w.documents.close, w.bands.close} {
		if w.err == nil {
			w.err = closeTable()
		}
	}
	return w.err
}
