// Package decision holds the two records that say why a line does not count:
// a row of decisions/*.parquet for every dropped duplicate, and a record of
// rejects.jsonl for every line that could not be used.
package decision

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/table"
	"github.com/tallystick/tallystick/engine/plan"
)

// Names in the footer metadata of a decisions file.
const (
	metaRunID     = "tallystick.run_id"
	MetaTokenizer = "tallystick.tokenizer" // SHA-256 of tokenizer.json, hex; that of a further one: with "." and its label
	MetaVersion   = "tallystick.version"   // of the format
)

// formatVersion of decisions files and rejects.jsonl.
const formatVersion = "1"

// Row is one dropped document and the kept document, its witness, that it
// duplicates. Lines are one-based numbers in the input file, as an editor
// shows them; shards are indices into the plan.
type Row struct {
	Shard       int32  `parquet:"shard"`
	Line        int64  `parquet:"line"`
	Offset      int64  `parquet:"offset"`      // of the line's first byte in the decompressed file
	ID          string `parquet:"id"`          // empty: the document has none
	Contributor string `parquet:"contributor"` // who is credited
	Class       string `parquet:"class"`       // exact_dup or near_dup
	Bytes       int64  `parquet:"bytes"`       // of the decoded text
	Tokens      int64  `parquet:"tokens"`

	WitnessShard       int32  `parquet:"witness_shard"`
	WitnessLine        int64  `parquet:"witness_line"`
	WitnessID          string `parquet:"witness_id"`
	WitnessContributor string `parquet:"witness_contributor"`

	// Overlap and Union are the sizes of the intersection and the union of
	// the two shingle sets, and Jaccard is their quotient. An exact_dup is
	// proven by its bytes: 0, 0 and 1.
	Overlap int64   `parquet:"overlap"`
	Union   int64   `parquet:"union"`
	Jaccard float64 `parquet:"jaccard"`
	// SharedBuckets is how many keys, of bands and prefixes, agree; 0 for an
	// exact_dup.
	SharedBuckets int32 `parquet:"shared_buckets"`

	// Further are the tokens by each further tokenizer of the plan: columns
	// tokens_LABEL.
	Further []int64 `parquet:"-"`
}

// SetScore fills in the three columns of a near duplicate's proof.
func (r *Row) SetScore(overlap, union int64) {
	r.Overlap, r.Union, r.Jaccard = overlap, union, float64(overlap)/float64(union)
}

// Check returns an error if no document could have this row.
func (r *Row) Check() error {
	switch {
	case r.Shard < 0 || r.WitnessShard < 0 || r.Line < 1 || r.WitnessLine < 1 || r.Offset < 0:
		return errors.New("a place that does not exist")
	case r.Shard == r.WitnessShard && r.Line == r.WitnessLine:
		return errors.New("a document cannot be its own witness")
	case r.Bytes < 0 || r.Tokens < 0 || len(r.Further) > 0 && slices.Min(r.Further) < 0:
		return errors.New("negative count")
	case !utf8.ValidString(r.ID) || !utf8.ValidString(r.Contributor) || !utf8.ValidString(r.WitnessID) || !utf8.ValidString(r.WitnessContributor):
		return errors.New("a label that is not UTF-8")
	}
	switch r.Class {
	case doc.ExactDup.String():
		if r.Overlap != 0 || r.Union != 0 || r.Jaccard != 1 || r.SharedBuckets != 0 {
			return errors.New("an exact_dup must have overlap 0, union 0, jaccard 1 and no shared buckets")
		}
	case doc.NearDup.String():
		if r.Overlap < 1 || r.Union < r.Overlap || math.Float64bits(r.Jaccard) != math.Float64bits(float64(r.Overlap)/float64(r.Union)) {
			return fmt.Errorf("jaccard %v is not overlap %d / union %d", r.Jaccard, r.Overlap, r.Union)
		}
		if r.SharedBuckets < 1 {
			return errors.New("a near_dup must share a bucket with its witness")
		}
	default:
		return fmt.Errorf("class %q is not that of a dropped document", r.Class)
	}
	return nil
}

// Meta is the footer metadata of a decisions file.
type Meta struct {
	RunID           string // of the plan
	TokenizerSHA256 string // hex
}

// Path returns the name of a shard's decisions file, relative to the folder
// of the run. There is one per shard, even without rows.
func Path(shard int) string { return fmt.Sprintf("decisions/%05d.parquet", shard) }

// Writer writes the decisions of one shard.
type Writer struct {
	w     *table.Writer[Row]
	shard int32
	line  int64 // of the last row
	rows  int64
}

// NewWriter starts the decisions file of a shard. further are the tokenizers
// of Row.Further.
func NewWriter(w io.Writer, shard int, m Meta, further ...plan.Tokenizer) *Writer {
	metadata := map[string]string{
		metaRunID:     m.RunID,
		MetaTokenizer: m.TokenizerSHA256,
		MetaVersion:   formatVersion,
	}
	for _, t := range further {
		metadata[MetaTokenizer+"."+t.Label] = t.SHA256
	}
	return &Writer{
		w:     table.NewWriter[Row](w, formatVersion, metadata, furtherColumns(further), nil),
		shard: int32(shard),
	}
}

func furtherColumns(further []plan.Tokenizer) (names []string) {
	for _, t := range further {
		names = append(names, "tokens_"+t.Label)
	}
	return names
}

// Write adds a row. Rows must be of the writer's shard, ascending by line.
func (w *Writer) Write(r Row) error {
	w.rows++
	if err := inOrder(&r, w.shard, w.line); err != nil {
		return fmt.Errorf("write decisions of shard %d: row %d: %w", w.shard, w.rows, err)
	}
	w.line = r.Line
	r.put(w.w.Row())
	if err := w.w.End(); err != nil {
		return fmt.Errorf("write decisions of shard %d: row %d: %w", w.shard, w.rows, err)
	}
	return nil
}

// put adds the values of the columns.
func (r *Row) put(to *table.Cells) {
	to.Int32(r.Shard)
	to.Int64(r.Line)
	to.Int64(r.Offset)
	to.Text(r.ID)
	to.Text(r.Contributor)
	to.Text(r.Class)
	to.Int64(r.Bytes)
	to.Int64(r.Tokens)
	to.Int32(r.WitnessShard)
	to.Int64(r.WitnessLine)
	to.Text(r.WitnessID)
	to.Text(r.WitnessContributor)
	to.Int64(r.Overlap)
	to.Int64(r.Union)
	to.Double(r.Jaccard)
	to.Int32(r.SharedBuckets)
	for _, n := range r.Further {
		to.Int64(n)
	}
}

// take is the inverse of put, but for Further.
func (r *Row) take(from *table.Values) {
	r.Shard = from.Int32()
	r.Line = from.Int64()
	r.Offset = from.Int64()
	r.ID = from.Text()
	r.Contributor = from.Text()
	r.Class = from.Text()
	r.Bytes = from.Int64()
	r.Tokens = from.Int64()
	r.WitnessShard = from.Int32()
	r.WitnessLine = from.Int64()
	r.WitnessID = from.Text()
	r.WitnessContributor = from.Text()
	r.Overlap = from.Int64()
	r.Union = from.Int64()
	r.Jaccard = from.Double()
	r.SharedBuckets = from.Int32()
}

// Close completes the file. It does not close the destination.
func (w *Writer) Close() error {
	if err := w.w.Close(); err != nil {
		return fmt.Errorf("write decisions of shard %d: %w", w.shard, err)
	}
	return nil
}

func inOrder(r *Row, shard int32, previousLine int64) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Shard != shard {
		return fmt.Errorf("row of shard %d", r.Shard)
	}
	if r.Line <= previousLine {
		return fmt.Errorf("line %d does not follow line %d", r.Line, previousLine)
	}
	return nil
}

// Reader reads the decisions of one shard.
type Reader struct {
	r     *table.Reader[Row]
	shard int32
	line  int64
	rows  int64
}

// NewReader opens the decisions file of a shard, size bytes long, of a plan
// with these further tokenizers. Errors wrap doc.ErrCorrupt.
func NewReader(r io.ReaderAt, size int64, shard int, further ...plan.Tokenizer) (*Reader, error) {
	tr, err := table.NewReader(r, size, (*Row).take, furtherColumns(further), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Path(shard), err)
	}
	if v, _ := tr.Metadata(MetaVersion); v != formatVersion {
		return nil, fmt.Errorf("%s: %w: version %q is not %q", Path(shard), doc.ErrCorrupt, v, formatVersion)
	}
	return &Reader{r: tr, shard: int32(shard)}, nil
}

// Meta returns the footer metadata.
func (r *Reader) Meta() Meta {
	var m Meta
	m.RunID, _ = r.r.Metadata(metaRunID)
	m.TokenizerSHA256, _ = r.r.Metadata(MetaTokenizer)
	return m
}

// NumRows returns the number of rows in the file.
func (r *Reader) NumRows() int64 { return r.r.NumRows() }

// Next returns the next row, valid until the next call, or io.EOF after the
// last. It accepts only rows that Writer would write; errors wrap
// doc.ErrCorrupt and name the one-based row.
func (r *Reader) Next() (*Row, error) {
	row, err := r.r.Next()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Path(int(r.shard)), err)
	}
	r.rows++
	// A copy, because rows are kept by value.
	row.Further = append([]int64(nil), r.r.Further()...)
	if err := inOrder(row, r.shard, r.line); err != nil {
		return nil, fmt.Errorf("%s: row %d: %w: %w", Path(int(r.shard)), r.rows, doc.ErrCorrupt, err)
	}
	r.line = row.Line
	return row, nil
}
