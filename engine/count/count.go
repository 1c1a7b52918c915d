// Package count counts tokens and nothing else, of documents in JSON lines and of
// files that are texts, in the order of the inputs.
package count

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/tokenize"
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

// Each counts the tokens of every document by all counters and calls fn with
// them in input order, in batches that are valid during the call. dir is where
// standard input is copied to unless it is a plain text.
func Each(ctx context.Context, r request.Rules, m request.Means, counters []*tokenize.Counter, kind InputKind, dir string, fn func([]Counted) error) error {
	sources, err := findSources(ctx, r, m, kind, dir)
	if err != nil {
		return err
	}
	units, total, err := cutUnits(ctx, r, m, sources)
	if err != nil {
		return err
	}
	shared := &shared{
		rules: r, means: m, counters: counters,
		track: progress.Start(m.Progress, "count", total, "bytes"),
	}
	workers := max(1, m.Workers)
	group, ctx := errgroup.WithContext(ctx)
	results := newOrder(ctx, len(units), unitsAhead*workers, batchesAhead*workers, fn)
	for range min(workers, len(units)) {
		group.Go(func() error {
			w, err := newWorker(shared, results)
			if err != nil {
				return err
			}
			for {
				number, ok, err := results.begin()
				if !ok || err != nil {
					return err
				}
				if err := w.count(ctx, number, units[number]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return cmp.Or(results.failed, err) // which has no place in the inputs
	}
	shared.track.End(len(units), shared.track.Done())
	shared.notices()
	return nil
}

// shared is what all workers of an Each share.
type shared struct {
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
func (s *shared) notices() {
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

func (s *shared) notValid(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notUTF8) < maxNotUTF8 {
		s.notUTF8 = append(s.notUTF8, name)
	} else {
		s.manyOthers++
	}
}
