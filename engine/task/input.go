package task

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
)

// StdinSpool is the copy of standard input inside WorkDir: a job reads its
// input more than once.
const StdinSpool = "stdin"

// File returns input file i as it can be opened here.
func (j *Job) File(i int) plan.File {
	f := j.Plan.Files[i]
	if f.Path == "-" {
		f.Path = filepath.Join(j.Dir, WorkDir, StdinSpool)
	}
	return f
}

// NewParser returns the parser of the given kind for the fields of a plan.
func NewParser(f plan.Fields, kind string) (jsonl.Parser, error) {
	return jsonl.New(kind, jsonl.Options{
		Text: f.Text, ID: f.ID, Contributor: f.Contributor, Created: f.Created,
		RequireContributor: f.RequireContributor, Source: f.Source,
	})
}

// Text is where the text of a document is, and what tells that it is still the one
// that was scanned.
type Text struct {
	Place  doc.Place
	Offset int64  // of the line in the (decompressed) file, bytes
	Hash   uint64 // of the text
	Length uint64 // of the text, bytes
}

// Fetch reads texts again, in portions of a shard on all workers: those with the numbers
// some, which ascend with their places. newFn makes the consumer of one worker,
// which owns its scratch.
func (t *Task) Fetch(ctx context.Context, some []int32, of func(n int32) Text, newFn func() func(n int32, text []byte) error) error {
	if len(some) == 0 {
		return nil
	}
	byShard := make([][]int32, len(t.Plan.Shards))
	for _, n := range some {
		s := of(n).Place.Shard
		byShard[s] = append(byShard[s], n)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, t.Workers))
	for shard, list := range byShard {
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		for _, part := range t.portions(shard, list, of) {
			group.Go(func() error {
				err := t.fetchOf(ctx, shard, part, of, newFn())
				if origin := t.Plan.Origin(shard); err != nil && origin != "" {
					err = fmt.Errorf("%w (texts of %s are read again to prove duplicates of them)", err, origin)
				}
				return err
			})
		}
	}
	return group.Wait()
}

// fetchPortion is about how many bytes of text a worker fetches before it takes
// others: whole shards of texts end too far apart, above all where one has most.
const fetchPortion = 2 << 20

// portions cuts what is wanted of a shard for several workers. A compressed file is
// read from its beginning for each, and of an object one asks for many lines at once, so
// of these the list is left whole.
func (t *Task) portions(shard int, list []int32, of func(n int32) Text) (parts [][]int32) {
	if f := t.File(t.Plan.Shards[shard].File); !corpus.IsPlain(f) {
		return [][]int32{list}
	}
	begin, size := 0, uint64(0)
	for i, n := range list {
		if size += of(n).Length; size >= fetchPortion {
			parts, begin, size = append(parts, list[begin:i+1]), i+1, 0
		}
	}
	if begin < len(list) {
		parts = append(parts, list[begin:])
	}
	return parts
}

// fetchOf reads texts of one shard, in order of place.
func (t *Task) fetchOf(ctx context.Context, shard int, list []int32, of func(n int32) Text, fn func(n int32, text []byte) error) error {
	wants := make([]corpus.Want, len(list))
	for i, n := range list {
		text := of(n)
		wants[i] = corpus.Want{Ordinal: text.Place.Ordinal, Offset: text.Offset}
	}
	parser, err := NewParser(t.Plan.Fields, t.Parser)
	if err != nil {
		return err
	}
	defer parser.Release()
	var rec jsonl.Record
	s := t.Plan.Shards[shard]
	file := t.File(s.File)
	exact := xxhash.New()
	return corpus.Fetch(ctx, file, s, t.Plan.MaxLine, wants, func(i int, line []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := of(list[i])
		rec = jsonl.Record{}
		reason := parser.Parse(line, &rec)
		exact.ResetWithSeed(t.Plan.Seed)
		exact.Write(rec.Text)
		if reason != doc.OK || exact.Sum64() != want.Hash || uint64(len(rec.Text)) != want.Length {
			return fmt.Errorf("%s: %w: the line at byte %d is not the one that was scanned", file.Path, doc.ErrInputChanged, want.Offset)
		}
		t.fetched.Add(int64(len(rec.Text)))
		t.Progress(int64(len(rec.Text)))
		return fn(list[i], rec.Text)
	})
}
