package tally

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/table"
	"github.com/tallystick/tallystick/engine/plan"
)

// Names in the footer metadata of tally.parquet. The run id is not among
// them: the same documents in other files are another run with the same
// tally, byte for byte.
const (
	MetaTokenizer = "tallystick.tokenizer" // SHA-256 of tokenizer.json, hex; that of a further one: with "." and its label
	MetaVersion   = "tallystick.version"   // of the format
)

// formatVersion of tally.parquet and tally.jsonl.
const formatVersion = "1"

// parquetRow is a row of tally.parquet. Integers are signed because few
// readers of Parquet agree on unsigned ones.
type parquetRow struct {
	Contributor       string `parquet:"contributor"`
	InDocuments       int64  `parquet:"in_documents"`
	InBytes           int64  `parquet:"in_bytes"`
	InTokens          int64  `parquet:"in_tokens"`
	KeptDocuments     int64  `parquet:"kept_documents"`
	KeptBytes         int64  `parquet:"kept_bytes"`
	KeptTokens        int64  `parquet:"kept_tokens"`
	ExactDupDocuments int64  `parquet:"exact_dup_documents"`
	ExactDupBytes     int64  `parquet:"exact_dup_bytes"`
	ExactDupTokens    int64  `parquet:"exact_dup_tokens"`
	NearDupDocuments  int64  `parquet:"near_dup_documents"`
	NearDupBytes      int64  `parquet:"near_dup_bytes"`
	NearDupTokens     int64  `parquet:"near_dup_tokens"`
	ExcludedDocuments int64  `parquet:"excluded_documents"`
	ExcludedBytes     int64  `parquet:"excluded_bytes"`
	ExcludedTokens    int64  `parquet:"excluded_tokens"`
	RejectedDocuments int64  `parquet:"rejected_documents"`
	RejectedBytes     int64  `parquet:"rejected_bytes"`
	RejectedTokens    int64  `parquet:"rejected_tokens"`
}

// counts returns the three columns of "in" (class doc.NumClasses) or a class.
func (p *parquetRow) counts(class doc.Class) (documents, bytes, tokens *int64) {
	switch class {
	case doc.Kept:
		return &p.KeptDocuments, &p.KeptBytes, &p.KeptTokens
	case doc.ExactDup:
		return &p.ExactDupDocuments, &p.ExactDupBytes, &p.ExactDupTokens
	case doc.NearDup:
		return &p.NearDupDocuments, &p.NearDupBytes, &p.NearDupTokens
	case doc.Excluded:
		return &p.ExcludedDocuments, &p.ExcludedBytes, &p.ExcludedTokens
	case doc.Rejected:
		return &p.RejectedDocuments, &p.RejectedBytes, &p.RejectedTokens
	}
	return &p.InDocuments, &p.InBytes, &p.InTokens
}

func (p *parquetRow) get(class doc.Class) (doc.Counts, error) {
	documents, bytes, tokens := p.counts(class)
	if min(*documents, *bytes, *tokens) < 0 {
		return doc.Counts{}, fmt.Errorf("contributor %q: negative count", p.Contributor)
	}
	return doc.Counts{Documents: uint64(*documents), Bytes: uint64(*bytes), Tokens: uint64(*tokens)}, nil
}

func (p *parquetRow) take(from *table.Values) {
	p.Contributor = from.Text()
	for _, class := range [...]doc.Class{doc.NumClasses, doc.Kept, doc.ExactDup, doc.NearDup, doc.Excluded, doc.Rejected} {
		documents, bytes, tokens := p.counts(class)
		*documents, *bytes, *tokens = from.Int64(), from.Int64(), from.Int64()
	}
}

func (p *parquetRow) row() (Row, error) {
	r := Row{Contributor: p.Contributor}
	for class := range r.Class {
		c, err := p.get(doc.Class(class))
		if err != nil {
			return r, err
		}
		r.Class[class] = c
	}
	in, err := p.get(doc.NumClasses)
	if err != nil {
		return r, err
	}
	return r, conserved(&r, in)
}

// setFurther takes the values of furtherColumns.
func (r *Row) setFurther(values []int64, further []plan.Tokenizer) error {
	r.Further = newFurther(len(further))
	for k, t := range further {
		v := values[k*columnsPerTokenizer:][:columnsPerTokenizer]
		if slices.Min(v) < 0 {
			return fmt.Errorf("contributor %q: negative count", r.Contributor)
		}
		for class := range r.Further[k] {
			r.Further[k][class] = uint64(v[1+class])
		}
		if err := conservedTokens(r, k, t.Label, uint64(v[0])); err != nil {
			return err
		}
	}
	return nil
}

// furtherColumns are in_tokens_LABEL, kept_tokens_LABEL … of each tokenizer.
func furtherColumns(further []plan.Tokenizer) (names []string) {
	for _, t := range further {
		names = append(names, "in_tokens_"+t.Label)
		for class := range doc.NumClasses {
			names = append(names, class.String()+"_tokens_"+t.Label)
		}
	}
	return names
}

const columnsPerTokenizer = 1 + int(doc.NumClasses)

// ParquetWriter writes tally.parquet. The bytes depend on the arguments and rows
// alone.
type ParquetWriter struct {
	w     *table.Writer[parquetRow]
	check Checker
}

// NewParquetWriter begins the file, with the tokenizers' digests (hex SHA-256 of
// tokenizer.json) in the footer. further are the tokenizers of Row.Further; shared
// says that rows have credit.
func NewParquetWriter(w io.Writer, tokenizerSHA256 string, shared bool, further ...plan.Tokenizer) *ParquetWriter {
	metadata := map[string]string{MetaTokenizer: tokenizerSHA256, MetaVersion: formatVersion}
	for _, t := range further {
		metadata[MetaTokenizer+"."+t.Label] = t.SHA256
	}
	integers, texts := columns(further, shared)
	return &ParquetWriter{w: table.NewWriter[parquetRow](w, formatVersion, metadata, integers, texts)}
}

// Write writes a row. All rows together must satisfy a Checker.
func (p *ParquetWriter) Write(r *Row) error {
	if err := p.check.Row(r); err != nil {
		return fmt.Errorf("write tally.parquet: %w", err)
	}
	r.put(p.w.Row())
	if err := p.w.End(); err != nil {
		return fmt.Errorf("write tally.parquet: row %d: %w", p.check.rows, err)
	}
	return nil
}

// Close completes the file. It does not close the destination.
func (p *ParquetWriter) Close() error {
	err := p.check.End()
	if err == nil {
		err = p.w.Close()
	}
	if err != nil {
		return fmt.Errorf("write tally.parquet: %w", err)
	}
	return nil
}

// put adds the values of the columns of parquetRow and of columns.
func (r *Row) put(to *table.Cells) {
	counts := func(c doc.Counts) {
		to.Int64(int64(c.Documents))
		to.Int64(int64(c.Bytes))
		to.Int64(int64(c.Tokens))
	}
	to.Text(r.Contributor)
	counts(r.In())
	for _, c := range r.Class {
		counts(c)
	}
	for k := range r.Further {
		to.Int64(int64(r.Further[k].In()))
		for _, n := range r.Further[k] {
			to.Int64(int64(n))
		}
	}
	credit, texts := r.creditValues()
	for _, n := range credit {
		to.Int64(n)
	}
	for _, s := range texts {
		to.Text(s)
	}
}

// columns returns the names of the columns beyond those of parquetRow.
func columns(further []plan.Tokenizer, shared bool) (integers, texts []string) {
	integers = furtherColumns(further)
	if shared {
		credit, fractions := creditColumns(further)
		integers, texts = append(integers, credit...), fractions
	}
	return integers, texts
}

// EachParquet calls fn for the rows that a ParquetWriter wrote for these further
// tokenizers: size bytes of r. Errors wrap doc.ErrCorrupt and name the one-based row;
// those of fn are returned as they are.
func EachParquet(r io.ReaderAt, size int64, fn func(*Row) error, further ...plan.Tokenizer) (tokenizerSHA256 string, err error) {
	var check Checker
	tr, err := table.NewReader(r, size, (*parquetRow).take, furtherColumns(further), nil)
	if errors.Is(err, doc.ErrCorrupt) {
		// Or one of a plan that shares credit.
		integers, texts := columns(further, true)
		if shared, sharedErr := table.NewReader(r, size, (*parquetRow).take, integers, texts); sharedErr == nil {
			tr, err = shared, nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("tally.parquet: %w", err)
	}
	if v, _ := tr.Metadata(MetaVersion); v != formatVersion {
		return "", fmt.Errorf("tally.parquet: %w: version %q is not %q", doc.ErrCorrupt, v, formatVersion)
	}
	for number := 1; ; number++ {
		p, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("tally.parquet: %w", err)
		}
		row, err := p.row()
		if err == nil {
			err = row.setFurther(tr.Further(), further)
		}
		if err == nil {
			credit := tr.Further()[columnsPerTokenizer*len(further):]
			err = row.setCreditValues(credit, tr.Texts())
		}
		if err != nil {
			return "", fmt.Errorf("tally.parquet: row %d: %w: %w", number, doc.ErrCorrupt, err)
		}
		if err := check.Row(&row); err != nil {
			return "", fmt.Errorf("tally.parquet: %w: %w", doc.ErrCorrupt, err)
		}
		if err := fn(&row); err != nil {
			return "", err
		}
	}
	if err := check.End(); err != nil {
		return "", fmt.Errorf("tally.parquet: %w: %w", doc.ErrCorrupt, err)
	}
	tokenizerSHA256, _ = tr.Metadata(MetaTokenizer)
	return tokenizerSHA256, nil
}
