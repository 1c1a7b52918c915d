// Package count counts tokens and nothing else, of documents in JSON lines and of
// files that are texts, in the order of the inputs.
package count

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/gather"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/kernels/utf8valid"
)

// Counted is a text and its tokens, or a line of input that holds none and why.
type Counted struct {
	File        string
	Line        int64 // one-based; 0: the file is one text
	Offset      int64 // bytes, of the line in the decompressed file
	ID          string
	Contributor string
	Counts      doc.Counts // tokens of the first tokenizer
	Further     []uint64   // tokens of the others
	Reason      doc.Reason
}

// Label is the id, or the file and, in a file of several documents, the line.
func (c *Counted) Label() string {
	switch {
	case c.ID != "":
		return c.ID
	case c.Line == 0:
		return c.File
	}
	return fmt.Sprintf("%s:%d", c.File, c.Line)
}

// maxText is the longest text that counts as one, in bytes.
const maxText = math.MaxInt32

const countBatch = 512 // documents

// Each counts the tokens of every document by all counters and calls fn with
// them in input order, in batches that are fn's to keep. dir is where standard
// input is copied to that must be read twice.
func Each(ctx context.Context, r request.Rules, m request.Means, counters []*tokenize.Counter, kind InputKind, dir string, fn func([]Counted) error) error {
	sources, err := findSources(ctx, r, m, kind, dir)
	if err != nil {
		return err
	}
	units, total, err := cutUnits(ctx, r, m, sources)
	if err != nil {
		return err
	}
	track := progress.Start(m.Progress, "count", total, "bytes")
	group, ctx := errgroup.WithContext(ctx)
	results := make([]chan []Counted, len(units))
	for i := range results {
		results[i] = make(chan []Counted, 4)
	}
	shared := countShared{rules: r, means: m, counters: counters, track: track}
	// Units start in order and at most Workers at a time, so the one that
	// the loop below waits for is always running.
	workers := make(chan struct{}, max(1, m.Workers))
	group.Go(func() error {
		for i, u := range units {
			select {
			case workers <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				defer func() { <-workers }()
				defer close(results[i])
				c := unitCounter{countShared: &shared, unit: u, out: results[i]}
				if u.isText {
					return c.countText(ctx)
				}
				return c.countLines(ctx)
			})
		}
		return nil
	})
	group.Go(func() error {
		for _, c := range results {
			for batch := range c {
				if err := fn(batch); err != nil {
					return err
				}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	track.End(len(units), track.Done())
	shared.notices()
	return nil
}

// countShared is what all units of an Each share.
type countShared struct {
	rules    request.Rules
	means    request.Means
	counters []*tokenize.Counter
	track    *progress.Tracker

	leftOut    atomic.Int64 // files that are not text
	mu         sync.Mutex
	notUTF8    []string // files that were counted nevertheless
	manyOthers int
}

// notices tells what a user should know of the texts.
func (s *countShared) notices() {
	if s.means.Progress == nil {
		return
	}
	if n := s.leftOut.Load(); n > 0 {
		s.means.Progress.Notice(fmt.Sprintf("left out %d files that are not text (name them to count them all the same)", n))
	}
	for _, name := range s.notUTF8 {
		s.means.Progress.Notice(fmt.Sprintf("%s is not UTF-8: what is not counts as U+FFFD", name))
	}
	if s.manyOthers > 0 {
		s.means.Progress.Notice(fmt.Sprintf("and so are %d more files", s.manyOthers))
	}
}

const maxNotUTF8 = 5 // files to name

func (s *countShared) notValid(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notUTF8) < maxNotUTF8 {
		s.notUTF8 = append(s.notUTF8, name)
	} else {
		s.manyOthers++
	}
}

type unitCounter struct {
	*countShared
	unit unit
	out  chan<- []Counted
}

// countText counts a file that is one text.
func (c *unitCounter) countText(ctx context.Context) error {
	u := &c.unit
	text := u.text
	if text == nil {
		var err error
		if text, err = corpus.ReadText(ctx, u.opened, maxText); err != nil {
			if errors.Is(err, corpus.ErrTooLong) {
				return errTooLong(u.path)
			}
			if !u.named && corpus.IsPacked(err) {
				c.leftOut.Add(1)
				return nil
			}
			return err
		}
	}
	if !u.named && looksBinary(text) {
		c.leftOut.Add(1)
		return nil
	}
	if !utf8valid.Valid(text) {
		c.notValid(u.path)
	}
	d := Counted{File: u.path, Contributor: doc.Unattributed}
	if err := d.add(c.counters, text); err != nil {
		return fmt.Errorf("%s: %w", u.path, err)
	}
	c.track.Add(u.size)
	select {
	case c.out <- []Counted{d}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errTooLong(path string) error {
	return fmt.Errorf("%s: %w: it is longer than 2 GiB, the most that is counted as one text; split it, or count documents of JSON lines", path, doc.ErrInput)
}

// looksBinary is the test of git and grep: a NUL near the beginning.
func looksBinary(text []byte) bool {
	return bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0
}

// countLines counts the documents of a shard.
func (c *unitCounter) countLines(ctx context.Context) error {
	parser, err := c.rules.Parser(c.means)
	if err != nil {
		return err
	}
	batch := make([]Counted, 0, countBatch)
	texts := gather.New(c.counters)
	var waiting []int // the documents in the batch whose texts these are
	countTexts := func() {
		counts := texts.Count()
		for i, k := range waiting {
			for j := range counts {
				batch[k].set(j, counts[j][i])
			}
		}
		waiting = waiting[:0]
	}
	send := func() error {
		countTexts()
		select {
		case c.out <- batch:
			batch = make([]Counted, 0, countBatch)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s := c.unit.shard
	planned := c.unit.planned
	planned.Path = c.unit.opened
	err = corpus.EachLine(ctx, planned, s, c.rules.MaxLine, c.track.Add, func(line *corpus.Line) error {
		d := Counted{File: c.unit.path, Line: s.FirstLine + int64(line.Ordinal), Offset: line.Offset, Reason: line.Reason}
		text := d.parse(parser, line.Data)
		switch {
		case d.Reason != doc.OK:
			d.Counts.Documents = 1
		case texts.Takes(text):
			if texts.Full() {
				countTexts()
			}
			texts.Add(text)
			d.Counts.Documents, d.Counts.Bytes = 1, uint64(len(text))
			waiting = append(waiting, len(batch))
		default:
			if err := d.add(c.counters, text); err != nil {
				return err
			}
		}
		if batch = append(batch, d); len(batch) < countBatch {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
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

// add counts text by every counter.
func (c *Counted) add(counters []*tokenize.Counter, text []byte) error {
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
