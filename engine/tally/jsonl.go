package tally

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// jsonRow is a line of tally.jsonl; the order of fields is the order of keys.
type jsonRow struct {
	Contributor string     `json:"contributor"`
	In          doc.Counts `json:"in"`
	Kept        doc.Counts `json:"kept"`
	ExactDup    doc.Counts `json:"exact_dup"`
	NearDup     doc.Counts `json:"near_dup"`
	Excluded    doc.Counts `json:"excluded"`
	Rejected    doc.Counts `json:"rejected"`
	// By the tokenizer's label.
	Further map[string]doc.ClassTokensJSON `json:"further_tokens,omitempty"`
	// Where credit is shared; that by further tokenizers by their labels.
	Credit        *jsonCredit           `json:"credit,omitempty"`
	FurtherCredit map[string]jsonCredit `json:"further_credit,omitempty"`
}

func toJSON(r *Row, further []plan.Tokenizer) jsonRow {
	j := jsonRow{
		Contributor: r.Contributor,
		In:          r.In(),
		Kept:        r.Class[doc.Kept],
		ExactDup:    r.Class[doc.ExactDup],
		NearDup:     r.Class[doc.NearDup],
		Excluded:    r.Class[doc.Excluded],
		Rejected:    r.Class[doc.Rejected],
		Further:     FurtherJSON(r.Further, further),
	}
	j.setCredit(r, further)
	return j
}

// FurtherJSON spells the tokens of the further tokenizers by their labels.
func FurtherJSON(tokens []doc.ClassTokens, further []plan.Tokenizer) map[string]doc.ClassTokensJSON {
	if len(tokens) == 0 {
		return nil
	}
	m := make(map[string]doc.ClassTokensJSON, len(tokens))
	for k, t := range further {
		m[t.Label] = tokens[k].JSON()
	}
	return m
}

// row returns the tally row, with an error if j is not conserved or not of the
// given tokenizers.
func (j *jsonRow) row(further []plan.Tokenizer) (Row, error) {
	r := Row{Contributor: j.Contributor}
	r.Class[doc.Kept] = j.Kept
	r.Class[doc.ExactDup] = j.ExactDup
	r.Class[doc.NearDup] = j.NearDup
	r.Class[doc.Excluded] = j.Excluded
	r.Class[doc.Rejected] = j.Rejected
	if len(j.Further) != len(further) {
		return r, fmt.Errorf("contributor %q: %d further tokenizers instead of %d", r.Contributor, len(j.Further), len(further))
	}
	for _, t := range further {
		tokens, ok := j.Further[t.Label]
		if !ok {
			return r, fmt.Errorf("contributor %q: no tokens of %s", r.Contributor, t.Label)
		}
		r.Further = append(r.Further, tokens.ClassTokens())
		if err := conservedTokens(&r, len(r.Further)-1, t.Label, tokens.In); err != nil {
			return r, err
		}
	}
	if err := conserved(&r, j.In); err != nil {
		return r, err
	}
	return r, j.getCredit(&r, further)
}

// conservedTokens returns an error unless in is the sum of the classes of
// further tokenizer k.
func conservedTokens(r *Row, k int, label string, in uint64) error {
	var sum doc.Counts
	for _, n := range r.Further[k] {
		if !addChecked(&sum, doc.Counts{Tokens: n}) || n > math.MaxInt64 {
			return fmt.Errorf("contributor %q: %s: %w", r.Contributor, label, ErrOverflow)
		}
	}
	if sum.Tokens != in {
		return fmt.Errorf("contributor %q: %s: in is %d but the classes add up to %d", r.Contributor, label, in, sum.Tokens)
	}
	return nil
}

// conserved returns an error unless in is the sum of the row's classes.
func conserved(r *Row, in doc.Counts) error {
	var sum doc.Counts
	for _, c := range r.Class {
		if !addChecked(&sum, c) || max(c.Documents, c.Bytes, c.Tokens) > math.MaxInt64 {
			return fmt.Errorf("contributor %q: %w", r.Contributor, ErrOverflow)
		}
	}
	if sum != in {
		return fmt.Errorf("contributor %q: in is %+v but the classes add up to %+v", r.Contributor, in, sum)
	}
	return nil
}

// JSONLWriter writes tally.jsonl, one JSON object per row and line. The bytes depend
// on the rows and the labels alone.
type JSONLWriter struct {
	buf     *bufio.Writer
	enc     *json.Encoder
	further []plan.Tokenizer
	check   Checker
	line    []byte
}

// NewJSONLWriter begins the file. further are the tokenizers of Row.Further.
func NewJSONLWriter(w io.Writer, further ...plan.Tokenizer) *JSONLWriter {
	j := &JSONLWriter{buf: bufio.NewWriterSize(w, 1<<16), further: further}
	j.enc = json.NewEncoder(j.buf)
	j.enc.SetEscapeHTML(false)
	return j
}

// Write writes a row. All rows together must satisfy a Checker.
func (j *JSONLWriter) Write(r *Row) error {
	if err := j.check.Row(r); err != nil {
		return fmt.Errorf("write tally.jsonl: %w", err)
	}
	var ok bool
	if j.line, ok = appendPlain(j.line[:0], r); ok {
		j.buf.Write(j.line) // Flush reports the first error
	} else if err := j.enc.Encode(toJSON(r, j.further)); err != nil {
		return fmt.Errorf("write tally.jsonl: row %d: %w", j.check.rows, err)
	}
	return nil
}

// Close completes the file. It does not close the destination.
func (j *JSONLWriter) Close() error {
	err := j.check.End()
	if err == nil {
		err = j.buf.Flush()
	}
	if err != nil {
		return fmt.Errorf("write tally.jsonl: %w", err)
	}
	return nil
}

// appendPlain appends the line of a row, several times as fast as encoding/json
// and the same bytes. It leaves to that the rows of several tokenizers, those with
// credit, and names of which anything might have to be escaped.
func appendPlain(dst []byte, r *Row) ([]byte, bool) {
	if len(r.Further)+len(r.Credit) > 0 {
		return dst, false
	}
	for i := range len(r.Contributor) {
		// U+2028 and U+2029 begin with 0xE2.
		if c := r.Contributor[i]; c < ' ' || c == '"' || c == '\\' || c == 0xe2 {
			return dst, false
		}
	}
	dst = append(append(dst, `{"contributor":"`...), r.Contributor...)
	dst = appendCounts(append(dst, `","in":`...), r.In())
	dst = appendCounts(append(dst, `,"kept":`...), r.Class[doc.Kept])
	dst = appendCounts(append(dst, `,"exact_dup":`...), r.Class[doc.ExactDup])
	dst = appendCounts(append(dst, `,"near_dup":`...), r.Class[doc.NearDup])
	dst = appendCounts(append(dst, `,"excluded":`...), r.Class[doc.Excluded])
	dst = appendCounts(append(dst, `,"rejected":`...), r.Class[doc.Rejected])
	return append(dst, "}\n"...), true
}

func appendCounts(dst []byte, c doc.Counts) []byte {
	if c == (doc.Counts{}) { // as most are
		return append(dst, `{"documents":0,"bytes":0,"tokens":0}`...)
	}
	dst = strconv.AppendUint(append(dst, `{"documents":`...), c.Documents, 10)
	dst = strconv.AppendUint(append(dst, `,"bytes":`...), c.Bytes, 10)
	dst = strconv.AppendUint(append(dst, `,"tokens":`...), c.Tokens, 10)
	return append(dst, '}')
}

// ReadJSONL reads what a JSONLWriter wrote and accepts nothing else: every line
// must be, byte for byte, what the writer makes of the row it holds for these
// further tokenizers. Errors wrap doc.ErrCorrupt and name the line.
func ReadJSONL(r io.Reader, further ...plan.Tokenizer) ([]Row, error) {
	var rows []Row
	var canonical bytes.Buffer
	enc := json.NewEncoder(&canonical)
	enc.SetEscapeHTML(false)
	in := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read tally.jsonl: line %d: %w", number, err)
		}
		var j jsonRow
		if err := json.Unmarshal(line, &j); err != nil {
			return nil, fmt.Errorf("tally.jsonl: line %d: %w: %w", number, doc.ErrCorrupt, err)
		}
		canonical.Reset()
		if err := enc.Encode(j); err != nil {
			return nil, fmt.Errorf("tally.jsonl: line %d: %w", number, err)
		}
		if !bytes.Equal(canonical.Bytes(), line) {
			return nil, fmt.Errorf("tally.jsonl: line %d: %w: not in the form it is written in", number, doc.ErrCorrupt)
		}
		row, err := j.row(further)
		if err != nil {
			return nil, fmt.Errorf("tally.jsonl: line %d: %w: %w", number, doc.ErrCorrupt, err)
		}
		rows = append(rows, row)
	}
	if err := Check(rows); err != nil {
		return nil, fmt.Errorf("tally.jsonl: %w: %w", doc.ErrCorrupt, err)
	}
	return rows, nil
}
