package stage

import (
	"context"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/gather"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// scan reads one shard once: parse, count, exact key, signature, band keys.
func scan(ctx context.Context, t *taskRun) error {
	if want := len(t.Plan.Tokenizers()); len(t.Counters) != want {
		return fmt.Errorf("%d counters for %d tokenizers", len(t.Counters), want)
	}
	if shard := t.Plan.Shards[t.Record.Task]; shard.Index != "" {
		return scanEarlier(ctx, t)
	}
	shard := t.Plan.Shards[t.Record.Task]
	file := t.File(shard.File)
	docs, err := t.Encode(ctx, task.WorkPath(task.Scan, t.Record.Task, "docs"), wire.MagicDocs)
	if err != nil {
		return err
	}
	keys, tables, err := t.createKeys(ctx)
	if err != nil {
		return err
	}
	s, err := newScanner(t.Job, uint32(t.Record.Task), docs, keys)
	if err != nil {
		return err
	}
	defer s.shingles.Release()
	defer s.parser.Release()
	s.keys.Tables = tables
	s.standing = t.Plan.IsStanding(t.Record.Task)
	if t.Plan.AuditPPM > 0 {
		if err := s.outlineTo(ctx, t); err != nil {
			return err
		}
	}
	if t.sums != nil {
		*t.sums, err = corpus.EachSummedLine(ctx, file, shard, t.Plan.MaxLine, s.line)
		t.Record.Bytes = shard.Length
	} else {
		err = corpus.EachPlannedLine(ctx, file, shard, t.Plan.MaxLine, t.Read, s.line)
	}
	if err != nil {
		return err
	}
	s.flushWaiting()
	t.Record.Engines = Engines(t.Counters)
	t.Record.Numbers["documents"] = s.documents
	t.Record.Numbers["rejected"] = s.rejected
	t.Record.Numbers["created_unreadable"] = s.createdUnreadable
	for i, name := range t.Plan.SourceRank {
		t.Record.Numbers[rankedNumber(i)] = s.ranked[name]
	}
	return s.flush()
}

// Engines names the engines of counters, each once.
func Engines(counters []task.Counter) (names []string) {
	for _, c := range counters {
		if !slices.Contains(names, c.Engine()) {
			names = append(names, c.Engine())
		}
	}
	return names
}

type scanner struct {
	*task.Job
	parser   jsonl.Parser
	shingles *shingle.Scanner
	sketch   *neardup.Sketcher
	exact    *xxhash.Digest
	docs     *wire.Encoder
	keys     *wire.KeyWriter
	outlines *wire.OutlineWriter // nil without an audit
	standing bool                // the shard's documents stand

	rec      jsonl.Record
	bandKeys []uint64

	// Documents that are not written yet: the short texts among them are counted
	// together.
	texts   *gather.Texts // nil where they are counted one by one
	waiting []waitingDoc  // beyond its length, too, for their memory
	labels  int           // bytes of their ids, contributors and sources

	documents, rejected, createdUnreadable int64
	ranked                                 map[string]int64 // documents by ranked source
}

func newScanner(j *task.Job, shard uint32, docs, keys *wire.Encoder) (*scanner, error) {
	parser, err := task.NewParser(j.Plan.Fields, j.Parser)
	if err != nil {
		return nil, err
	}
	hasher, err := shingle.HasherFor(j.Plan.Rules.Shingle, j.Plan.Seed)
	if err != nil {
		return nil, err
	}
	s := &scanner{
		Job: j, parser: parser,
		docs: docs, keys: wire.NewKeyWriter(keys, shard, j.Plan.Partitions),
		shingles: hasher.NewScanner(),
		sketch:   neardup.NewSketcher(j.Plan.NearDup, j.Plan.Seed),
		exact:    xxhash.NewWithSeed(j.Plan.Seed),
		texts:    gather.New(j.Counters),
		waiting:  make([]waitingDoc, 0, maxWaiting),
	}
	if len(j.Plan.SourceRank) > 0 {
		s.ranked = make(map[string]int64)
		for _, name := range j.Plan.SourceRank {
			s.ranked[name] = 0
		}
	}
	return s, nil
}

// outlineTo begins the file of outlines.
func (s *scanner) outlineTo(ctx context.Context, t *taskRun) error {
	e, err := t.Encode(ctx, task.WorkPath(task.Scan, t.Record.Task, "outlines"), wire.MagicOutlines)
	if err != nil {
		return err
	}
	nd := t.Plan.NearDup
	s.outlines = wire.NewOutlineWriter(e, nd.ThresholdNum, nd.ThresholdDen)
	return nil
}

// Limits of what waits to be written.
const (
	maxWaiting = 256     // documents
	maxLabels  = 1 << 16 // bytes of ids, contributors and sources, but for the last ones
	maxLabel   = 1 << 10 // bytes of one whose memory is kept
)

// waitingDoc is a document that is not written yet.
type waitingDoc struct {
	wire.Document
	uncounted bool // its text is among those that wait
}

// flushWaiting counts the texts that wait and writes the documents.
func (s *scanner) flushWaiting() {
	counts := s.texts.Count()
	counted := 0
	for i := range s.waiting {
		out := &s.waiting[i]
		if out.uncounted {
			for k := range counts {
				out.SetTokens(k, counts[k][counted])
			}
			counted++
		}
		s.docs.SizedDocument(&out.Document)
		putTableRow(s.keys.Tables, &s.Plan, &out.Document)
		if max(cap(out.ID), cap(out.Contributor), cap(out.Source)) > maxLabel {
			out.ID, out.Contributor, out.Source = nil, nil, nil
		}
	}
	s.waiting, s.labels = s.waiting[:0], 0
}

func (s *scanner) line(line *corpus.Line) error {
	s.documents++
	if len(s.waiting) == maxWaiting || s.labels > maxLabels || s.texts.Full() {
		s.flushWaiting()
	}
	s.waiting = s.waiting[:len(s.waiting)+1]
	out := &s.waiting[len(s.waiting)-1]
	// Field by field: to clear it would cost more, in memory that has pointers.
	out.Ordinal, out.Offset, out.Reason, out.Column = line.Ordinal, line.Offset, line.Reason, 0
	out.Bytes, out.Tokens, out.Hash, out.Created = 0, 0, 0, doc.Instant{}
	out.Further, out.uncounted = out.Further[:0], false
	if out.Reason == doc.OK {
		out.Reason = s.parser.Parse(line.Data, &s.rec)
	} else {
		s.rec = jsonl.Record{}
	}
	out.Contributor = append(out.Contributor[:0], s.rec.Contributor...)
	out.ID = append(out.ID[:0], s.rec.ID...)
	out.Source = append(out.Source[:0], s.rec.Source...)
	s.labels += len(out.Contributor) + len(out.ID) + len(out.Source)
	if len(out.Contributor) == 0 {
		out.Contributor = append(out.Contributor, doc.Unattributed...)
	}
	if out.Reason != doc.OK {
		if line.Reason == doc.OK {
			out.Column = s.rec.ErrorOffset + 1
		}
		s.rejected++
		return nil
	}
	if s.rec.CreatedUnreadable {
		s.createdUnreadable++
	}
	if n, ranked := s.ranked[string(out.Source)]; ranked {
		s.ranked[string(out.Source)] = n + 1
	}
	text := s.rec.Text
	if err := s.count(out, text); err != nil {
		return err
	}
	s.exact.ResetWithSeed(s.Plan.Seed)
	s.exact.Write(text)
	out.Bytes, out.Hash = uint64(len(text)), s.exact.Sum64()
	out.Created = s.rec.Created

	apart := s.apart(out.Source)
	s.keys.Exact(out.Hash^apart, line.Ordinal, out.Bytes)
	shingles := s.shingles.Shingles(text)
	s.bandKeys = s.sketch.BandKeys(s.bandKeys[:0], shingles)
	if s.outlines != nil {
		s.outlines.Add(&out.Document, shingles)
	}
	for _, k := range s.bandKeys {
		s.keys.Band(k^apart, line.Ordinal)
	}
	return nil
}

// count counts the tokens of a text, or lets it wait to be counted with others.
// What stands is not counted: nobody tallies it.
func (s *scanner) count(out *waitingDoc, text []byte) error {
	if s.standing {
		out.Further = append(out.Further, make([]uint64, len(s.Plan.Further))...)
		return nil
	}
	if out.uncounted = s.texts.Takes(text); out.uncounted {
		s.texts.Add(text)
		return nil
	}
	// Every tokenizer counts the bytes that the parser has just left in cache.
	for i, c := range s.Counters {
		tokens, err := c.TryCount(text)
		if err != nil {
			return fmt.Errorf("count tokens: %w", err)
		}
		out.SetTokens(i, tokens)
	}
	return nil
}

func (s *scanner) flush() error {
	if err := s.docs.Flush(); err != nil {
		return err
	}
	if s.outlines != nil {
		if err := s.outlines.Flush(); err != nil {
			return err
		}
	}
	return s.keys.Flush()
}
