package count

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/gather"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// worker counts one unit after the other.
type worker struct {
	*shared
	results *order
	parser  jsonl.Parser
	file    []byte        // memory for the next one
	batch   *batch        // that is being filled
	texts   *gather.Texts // of some of its documents
	waiting []int         // which these are
}

// maxFile is one whose memory is kept for the next file, bytes.
const maxFile = 1 << 20

func newWorker(s *shared, results *order) (*worker, error) {
	parser, err := s.rules.Parser(s.means)
	if err != nil {
		return nil, err
	}
	return &worker{shared: s, results: results, parser: parser, batch: results.newBatch(), texts: gather.New(s.counters)}, nil
}

// count counts a unit.
func (w *worker) count(ctx context.Context, number int, u unit) error {
	r := &result{number: number, first: u.shard.Offset == 0}
	count := w.countLines
	if u.isText {
		count = w.countText
	}
	if err := count(ctx, &u, r); err != nil {
		return err
	}
	if err := w.put(r); err != nil {
		return err
	}
	return w.results.end(r)
}

// put hands the batch over.
func (w *worker) put(r *result) error {
	w.countTexts()
	full := w.batch
	w.batch = w.results.newBatch()
	return w.results.put(r, full)
}

// countText counts a file that is one text.
func (w *worker) countText(ctx context.Context, u *unit, _ *result) error {
	text := u.text
	if text == nil {
		var err error
		if text, err = corpus.ReadTextInto(ctx, u.opened, maxText, w.file); err != nil {
			if errors.Is(err, corpus.ErrTooLong) {
				return errTooLong(u.path)
			}
			if !u.named && corpus.IsPacked(err) {
				w.leftOut.Add(1)
				return nil
			}
			return err
		}
		if cap(text) <= maxFile {
			w.file = text
		}
	}
	if !u.named && looksBinary(text) {
		w.leftOut.Add(1)
		return nil
	}
	if !utf8valid.Valid(text) {
		w.notValid(u.path)
	}
	d := Counted{File: u.path, Contributor: doc.Unattributed}
	if err := d.count(w.counters, text); err != nil {
		return fmt.Errorf("%s: %w", u.path, err)
	}
	w.track.Add(u.size)
	*w.batch = append(*w.batch, d)
	return nil
}

func errTooLong(path string) error {
	return fmt.Errorf("%s: %w: it is longer than 2 GiB, the most that is counted as one text; split it, or count documents of JSON lines", path, doc.ErrInput)
}

// looksBinary is the test of git and grep: a NUL near the beginning.
func looksBinary(text []byte) bool {
	return bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0
}

// countLines counts the documents of a shard.
func (w *worker) countLines(ctx context.Context, u *unit, r *result) (err error) {
	planned := u.planned
	planned.Path = u.opened
	r.lines, err = corpus.EachDraftedLine(ctx, planned, u.shard, w.rules.MaxLine, w.track.Add, func(line *corpus.Line) error {
		d := Counted{File: u.path, Line: 1 + int64(line.Ordinal), Offset: line.Offset, Reason: line.Reason}
		text := d.parse(w.parser, line.Data)
		switch {
		case d.Reason != doc.OK:
			d.Counts.Documents = 1
		case w.texts.Takes(text):
			if w.texts.Full() {
				w.countTexts()
			}
			w.texts.Add(text)
			d.Counts.Documents, d.Counts.Bytes = 1, uint64(len(text))
			w.waiting = append(w.waiting, len(*w.batch))
		default:
			if err := d.count(w.counters, text); err != nil {
				return err
			}
		}
		if *w.batch = append(*w.batch, d); len(*w.batch) < countBatch {
			return nil
		}
		return w.put(r)
	})
	return err
}

// countTexts counts the texts that were collected.
func (w *worker) countTexts() {
	counts := w.texts.Count()
	for i, k := range w.waiting {
		for j := range counts {
			(*w.batch)[k].set(j, counts[j][i])
		}
	}
	w.waiting = w.waiting[:0]
}

// parse reads a line and returns its text.
func (c *Counted) parse(parser jsonl.Parser, line []byte) (text []byte) {
	var rec jsonl.Record
	if c.Reason == doc.OK {
		c.Reason = parser.Parse(line, &rec)
	}
	c.ID, c.Contributor = string(rec.ID), string(rec.Contributor)
	if c.Contributor == "" {
		c.Contributor = doc.Unattributed
	}
	return rec.Text
}

// count counts text by every counter.
func (c *Counted) count(counters []*tokenize.Counter, text []byte) error {
	c.Counts.Documents, c.Counts.Bytes = 1, uint64(len(text))
	for i, counter := range counters {
		n, err := counter.TryCount(text)
		if err != nil {
			return err
		}
		c.set(i, n)
	}
	return nil
}

// set sets the tokens by counter i, after those by the ones before.
func (c *Counted) set(i, tokens int) {
	if i == 0 {
		c.Counts.Tokens = uint64(tokens)
	} else {
		c.Further = append(c.Further, uint64(tokens))
	}
}
