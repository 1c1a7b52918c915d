package stage

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
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
		RequireContributor: f.RequireContributor,
	})
}

// scan reads one shard once: parse, count, exact key, signature, band keys.
func scan(ctx context.Context, t *taskRun) error {
	if want := len(t.Plan.Tokenizers()); len(t.Counters) != want {
		return fmt.Errorf("%d counters for %d tokenizers", len(t.Counters), want)
	}
	shard := t.Plan.Shards[t.rec.Task]
	file := t.File(shard.File)
	docsFile, err := t.create(ctx, workPath(Scan, t.rec.Task, "docs"))
	if err != nil {
		return err
	}
	keysFile, err := t.create(ctx, workPath(Scan, t.rec.Task, "keys"))
	if err != nil {
		return err
	}
	s, err := newScanner(t.Job, docsFile, keysFile)
	if err != nil {
		return err
	}
	err = corpus.EachLine(ctx, file, shard, t.Plan.MaxLine, t.read, s.line)
	if err != nil {
		return err
	}
	if err := corpus.CheckShard(file, shard); err != nil {
		return err
	}
	t.rec.Engines = Engines(t.Counters)
	t.rec.Numbers["documents"] = s.documents
	t.rec.Numbers["rejected"] = s.rejected
	t.rec.Numbers["created_unreadable"] = s.createdUnreadable
	return s.flush()
}

// Engines names the engines of counters, each once.
func Engines(counters []Counter) (names []string) {
	for _, c := range counters {
		if !slices.Contains(names, c.Engine()) {
			names = append(names, c.Engine())
		}
	}
	return names
}

type scanner struct {
	*Job
	parser   jsonl.Parser
	shingles *shingle.Scanner
	sketch   *neardup.Sketcher
	exact    *xxhash.Digest
	docs     *encoder
	keys     *keyWriter

	rec      jsonl.Record
	out      docRecord
	bandKeys []uint64

	documents, rejected, createdUnreadable int64
}

func newScanner(j *Job, docs, keys io.Writer) (*scanner, error) {
	parser, err := NewParser(j.Plan.Fields, j.Parser)
	if err != nil {
		return nil, err
	}
	s := &scanner{
		Job: j, parser: parser,
		shingles: shingle.NewHasher(j.Plan.Seed).NewScanner(),
		sketch:   neardup.NewSketcher(j.Plan.NearDup.Bands, j.Plan.NearDup.Rows, j.Plan.Seed),
		exact:    xxhash.NewWithSeed(j.Plan.Seed),
	}
	if s.docs, err = newEncoder(docs, magicDocs); err != nil {
		return nil, err
	}
	s.keys, err = newKeyWriter(keys, j.Plan.Partitions)
	return s, err
}

func (s *scanner) line(line *corpus.Line) error {
	s.documents++
	out := &s.out
	*out = docRecord{Ordinal: line.Ordinal, Offset: line.Offset, Reason: line.Reason, Further: out.Further[:0]}
	s.rec = jsonl.Record{}
	if out.Reason == doc.OK {
		out.Reason = s.parser.Parse(line.Data, &s.rec)
	}
	out.Contributor, out.ID = s.rec.Contributor, s.rec.ID
	if len(out.Contributor) == 0 {
		out.Contributor = unattributed
	}
	if out.Reason != doc.OK {
		if line.Reason == doc.OK {
			out.Column = s.rec.ErrorOffset + 1
		}
		s.rejected++
		s.docs.doc(out)
		return nil
	}
	if s.rec.CreatedUnreadable {
		s.createdUnreadable++
	}
	text := s.rec.Text
	// Every tokenizer counts the bytes that the parser has just left in cache.
	for i, c := range s.Counters {
		tokens, err := c.TryCount(text)
		if err != nil {
			return fmt.Errorf("count tokens: %w", err)
		}
		if i == 0 {
			out.Tokens = uint64(tokens)
		} else {
			out.Further = append(out.Further, uint64(tokens))
		}
	}
	s.exact.ResetWithSeed(s.Plan.Seed)
	s.exact.Write(text)
	out.Bytes, out.Hash = uint64(len(text)), s.exact.Sum64()
	out.Created = s.rec.Created
	s.docs.doc(out)

	ordinal := uint64(line.Ordinal)
	s.keys.add(exactKey, out.Hash, ordinal, out.Bytes)
	s.bandKeys = s.sketch.BandKeys(s.bandKeys[:0], s.shingles.Shingles(text))
	for _, k := range s.bandKeys {
		s.keys.add(bandKey, k, ordinal)
	}
	return nil
}

var unattributed = []byte(doc.Unattributed)

func (s *scanner) flush() error {
	if err := s.docs.flush(); err != nil {
		return err
	}
	return s.keys.flush()
}
