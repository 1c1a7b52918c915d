package decision

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
)

// Reject is a record of rejects.jsonl: a line that could not be used.
type Reject struct {
	File        string     `json:"file"`        // path, as in the plan
	Shard       int32      `json:"shard"`       // index into the plan's shards
	Line        int64      `json:"line"`        // one-based, in the file
	Offset      int64      `json:"offset"`      // of the line's first byte in the decompressed file
	Column      int64      `json:"column"`      // one-based byte of the line where the rule is broken; 0: of the line as a whole
	Reason      doc.Reason `json:"reason"`      // never empty
	Contributor string     `json:"contributor"` // who is credited with the line
}

func (r *Reject) check(previous *Reject) error {
	switch {
	case r.Reason == doc.OK:
		return errors.New("no reason")
	case r.Shard < 0 || r.Line < 1 || r.Offset < 0 || r.Column < 0:
		return errors.New("a place that does not exist")
	case previous != nil && (r.Shard < previous.Shard || r.Shard == previous.Shard && r.Line <= previous.Line):
		return fmt.Errorf("shard %d line %d does not follow shard %d line %d", r.Shard, r.Line, previous.Shard, previous.Line)
	}
	return nil
}

// RejectWriter writes rejects.jsonl, one JSON object per line.
type RejectWriter struct {
	b        *bufio.Writer
	enc      *json.Encoder
	previous *Reject
	rows     int64
}

// NewRejectWriter returns a writer; Close must be called.
func NewRejectWriter(w io.Writer) *RejectWriter {
	b := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return &RejectWriter{b: b, enc: enc}
}

// Write adds a record. Records must ascend by shard, then line.
func (w *RejectWriter) Write(r Reject) error {
	w.rows++
	if err := r.check(w.previous); err != nil {
		return fmt.Errorf("write rejects.jsonl: line %d: %w", w.rows, err)
	}
	w.previous = &r
	if err := w.enc.Encode(r); err != nil {
		return fmt.Errorf("write rejects.jsonl: line %d: %w", w.rows, err)
	}
	return nil
}

// Close writes what is buffered. It does not close the destination.
func (w *RejectWriter) Close() error {
	if err := w.b.Flush(); err != nil {
		return fmt.Errorf("write rejects.jsonl: %w", err)
	}
	return nil
}

// RejectReader reads rejects.jsonl.
type RejectReader struct {
	b         *bufio.Reader
	canonical bytes.Buffer
	enc       *json.Encoder
	previous  *Reject
	rows      int64
}

// NewRejectReader returns a reader of what RejectWriter wrote.
func NewRejectReader(r io.Reader) *RejectReader {
	rr := &RejectReader{b: bufio.NewReaderSize(r, 1<<16)}
	rr.enc = json.NewEncoder(&rr.canonical)
	rr.enc.SetEscapeHTML(false)
	return rr
}

// Next returns the next record, or io.EOF after the last. It accepts only
// lines that RejectWriter would write; errors wrap doc.ErrCorrupt and name
// the line.
func (r *RejectReader) Next() (Reject, error) {
	line, err := r.b.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return Reject{}, io.EOF
	}
	r.rows++
	if err != nil && !errors.Is(err, io.EOF) {
		return Reject{}, fmt.Errorf("read rejects.jsonl: line %d: %w", r.rows, err)
	}
	var record Reject
	if err := json.Unmarshal(line, &record); err != nil {
		return Reject{}, fmt.Errorf("rejects.jsonl: line %d: %w: %w", r.rows, doc.ErrCorrupt, err)
	}
	r.canonical.Reset()
	if err := r.enc.Encode(record); err != nil {
		return Reject{}, fmt.Errorf("rejects.jsonl: line %d: %w", r.rows, err)
	}
	if !bytes.Equal(r.canonical.Bytes(), line) {
		return Reject{}, fmt.Errorf("rejects.jsonl: line %d: %w: not in the form it is written in", r.rows, doc.ErrCorrupt)
	}
	if err := record.check(r.previous); err != nil {
		return Reject{}, fmt.Errorf("rejects.jsonl: line %d: %w: %w", r.rows, doc.ErrCorrupt, err)
	}
	r.previous = &record
	return record, nil
}
