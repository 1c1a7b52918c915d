package engine

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// Counted is one line of input and its tokens, or the reason it has none.
type Counted struct {
	File        string
	Line        int64  // one-based
	Offset      int64  // bytes, of the line in the decompressed file
	ID          string // empty: none
	Contributor string
	Counts      doc.Counts
	Reason      doc.Reason
}

// Label is the id, or file:line for a document without one.
func (c *Counted) Label() string {
	if c.ID != "" {
		return c.ID
	}
	return fmt.Sprintf("%s:%d", c.File, c.Line)
}

const countBatch = 512 // documents

// Count counts the tokens of every document and calls fn with them in input
// order, in batches that are fn's to keep.
func Count(ctx context.Context, r Rules, m Means, counter tokenize.Counter, dir string, fn func([]Counted) error) error {
	in, err := readInputs(ctx, r, m, dir, false)
	if err != nil {
		return err
	}
	shards := in.shards
	var total int64
	for _, s := range shards {
		total += s.Length
	}
	track := start(m.Progress, "count", total, "bytes")
	group, ctx := errgroup.WithContext(ctx)
	results := make([]chan []Counted, len(shards))
	for i := range results {
		results[i] = make(chan []Counted, 4)
	}
	// Shards start in order and at most Workers at a time, so the one that
	// the loop below waits for is always running.
	workers := make(chan struct{}, max(1, m.Workers))
	group.Go(func() error {
		for i, s := range shards {
			select {
			case workers <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				defer func() { <-workers }()
				defer close(results[i])
				c := shardCounter{r: r, m: m, counter: counter, name: in.files[s.File].Path, track: track, out: results[i]}
				return c.count(ctx, in.open(s.File), s)
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
	track.end(len(shards), track.done.Load())
	return nil
}

type shardCounter struct {
	r       Rules
	m       Means
	counter tokenize.Counter
	name    string // of the file, as given
	track   *tracker
	out     chan<- []Counted
}

func (sc *shardCounter) count(ctx context.Context, f plan.File, s plan.Shard) error {
	parser, err := sc.r.parser(sc.m)
	if err != nil {
		return err
	}
	batch := make([]Counted, 0, countBatch)
	send := func() error {
		select {
		case sc.out <- batch:
			batch = make([]Counted, 0, countBatch)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err = corpus.EachLine(ctx, f, s, sc.r.MaxLine, sc.track.add, func(line *corpus.Line) error {
		c := Counted{File: sc.name, Line: s.FirstLine + int64(line.Ordinal), Offset: line.Offset, Reason: line.Reason}
		if err := c.count(parser, sc.counter, line.Data); err != nil {
			return err
		}
		if batch = append(batch, c); len(batch) < countBatch {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}

func (c *Counted) count(parser jsonl.Parser, counter tokenize.Counter, line []byte) error {
	var rec jsonl.Record
	if c.Reason == doc.OK {
		c.Reason = parser.Parse(line, &rec)
	}
	c.ID, c.Contributor = string(rec.ID), string(rec.Contributor)
	if c.Contributor == "" {
		c.Contributor = doc.Unattributed
	}
	c.Counts.Documents = 1
	if c.Reason != doc.OK {
		return nil
	}
	tokens, err := counter.Count(rec.Text)
	c.Counts.Bytes, c.Counts.Tokens = uint64(len(rec.Text)), uint64(tokens)
	return err
}
