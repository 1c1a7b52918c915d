package verify

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/tokenize"
)

// checkInputs compares every input with its size and digest in the plan.
func (c *checker) checkInputs(ctx context.Context, f *findings) (string, error) {
	if c.plan == nil {
		return skipped(f, planName)
	}
	var total int64
	for _, file := range c.plan.Files {
		total += file.Size
	}
	done := c.progressOf("inputs", total)
	err := c.parallel(ctx, len(c.plan.Files), f, func(ctx context.Context, i int, f *findings) error {
		file := c.plan.Files[i]
		if file.Path == "-" {
			f.add("%s: standard input cannot be read again", file.Path)
			return nil
		}
		size, digest, err := digestFile(ctx, file.Path, done)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			f.add("%s: cannot be read: %v", file.Path, err)
		case size != file.Size || digest != file.SHA256:
			f.add("%s: has %d bytes with SHA-256 %s, %s says %d and %s", file.Path, size, digest, planName, file.Size, file.SHA256)
		}
		return nil
	})
	c.inputsMatch = err == nil && f.count == 0
	return fmt.Sprintf("%d inputs, %d bytes digested", len(c.plan.Files), total), err
}

// recount is what reading the inputs again leaves for the proofs.
type recount struct {
	offsets   [][]int64 // per shard, of the lines in checker.witness, ascending
	keptTexts *spill
}

// shardCount is what one shard adds up to.
type shardCount struct {
	contributors      map[string]*[doc.NumClasses]doc.Counts
	createdUnreadable uint64
}

func (s *shardCount) add(contributor []byte, class doc.Class, bytes, tokens int) {
	sums := s.contributors[string(contributor)]
	if sums == nil {
		sums = new([doc.NumClasses]doc.Counts)
		s.contributors[string(contributor)] = sums
	}
	sums[class].Add(doc.Counts{Documents: 1, Bytes: uint64(bytes), Tokens: uint64(tokens)})
}

// checkRecount parses and counts every line again and rebuilds the tally.
func (c *checker) checkRecount(ctx context.Context, f *findings) (string, error) {
	switch {
	case !c.inputsMatch:
		return skipped(f, "set of unchanged inputs")
	case c.lines == nil:
		return skipped(f, "set of bitmaps")
	case c.tally == nil:
		return skipped(f, jsonlName)
	}
	counter, err := c.openCounter(f)
	if counter == nil {
		return "", err
	}
	var kept uint64
	var total int64
	for shard := range c.lines {
		kept += c.lines[shard].count(doc.Kept)
		total += c.plan.Shards[shard].Length
	}
	spill, err := newSpill(kept)
	if err != nil {
		return "", err
	}
	c.recount = &recount{offsets: make([][]int64, len(c.lines)), keptTexts: spill}

	var mu sync.Mutex
	sum := shardCount{contributors: make(map[string]*[doc.NumClasses]doc.Counts)}
	done := c.progressOf("recount", total)
	err = c.parallel(ctx, len(c.lines), f, func(ctx context.Context, shard int, f *findings) error {
		s, err := c.recountShard(ctx, shard, counter, done, f)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		sum.createdUnreadable += s.createdUnreadable
		for name, counts := range s.contributors {
			if sum.contributors[name] == nil {
				sum.contributors[name] = new([doc.NumClasses]doc.Counts)
			}
			for class := range counts {
				sum.contributors[name][class].Add(counts[class])
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	c.linesMatch = f.count == 0
	c.compareTally(&sum, f)
	return fmt.Sprintf("every line parsed again, tokens counted by engine %s, %d contributors", counter.Engine(), len(sum.contributors)), nil
}

// openTokenizer is replaced by a test that would open one a hundred times.
var openTokenizer = tokenize.Open

func (c *checker) openCounter(f *findings) (tokenize.Counter, error) {
	name := c.o.Tokenizer
	if name == "" {
		name = c.plan.Tokenizer.Name
	}
	counter, info, err := openTokenizer(name, tokenize.Options{Engine: c.o.Engine, AddedTokens: c.plan.Tokenizer.AddedTokens})
	if err != nil {
		return nil, err
	}
	if info.SHA256 != c.plan.Tokenizer.SHA256 {
		f.add("tokenizer %s: has SHA-256 %s, %s says %s", name, info.SHA256, planName, c.plan.Tokenizer.SHA256)
		return nil, nil
	}
	return counter, nil
}

// compareTally compares what was added up with tally.jsonl.
func (c *checker) compareTally(sum *shardCount, f *findings) {
	for i := range c.tally {
		row := &c.tally[i]
		got := sum.contributors[row.Contributor]
		if got == nil {
			f.add("%s: line %d: contributor %q has no line in the inputs", jsonlName, i+1, row.Contributor)
			continue
		}
		for class := range doc.NumClasses {
			if want := *row.of(class); got[class] != want {
				f.add("%s: line %d: contributor %q: %s is %+v, recounted %+v", jsonlName, i+1, row.Contributor, class, want, got[class])
			}
		}
	}
	for name := range sum.contributors {
		if _, found := c.find(name); !found {
			f.add("%s: contributor %q of the inputs is missing", jsonlName, name)
		}
	}
	if got, want := sum.createdUnreadable, c.manifest.CreatedUnreadable; got != want {
		f.add("%s: created_unreadable is %d, recounted %d", manifestName, want, got)
	}
}

// recountShard compares every line of a shard with its class, its decision and
// its reject record.
func (c *checker) recountShard(ctx context.Context, shard int, counter tokenize.Counter, done func(int64), f *findings) (*shardCount, error) {
	file, s := c.plan.Files[c.plan.Shards[shard].File], c.plan.Shards[shard]
	parser, err := c.newParser()
	if err != nil {
		return nil, err
	}
	nextDecided, stopDecisions := c.decisions(shard, f)
	defer stopDecisions()
	nextRejected, stopRejects := c.rejectsOf(shard, f)
	defer stopRejects()

	var (
		sum   = &shardCount{contributors: make(map[string]*[doc.NumClasses]doc.Counts)}
		rec   jsonl.Record
		known uint64 // lines that are in a bitmap
	)
	one := func(line *corpus.Line) error {
		at := fmt.Sprintf
		where := func() string {
			return at("%s: line %d, byte %d", file.Path, s.FirstLine+int64(line.Ordinal), line.Offset)
		}
		class, ok := c.classOf(shard, line.Ordinal)
		if !ok {
			f.add("%s: is in no bitmap of shard %d", where(), shard)
			return nil
		}
		known++
		reason := line.Reason
		rec = jsonl.Record{}
		if reason == doc.OK {
			reason = parser.Parse(line.Data, &rec)
		}
		contributor := rec.Contributor
		if contributor == nil {
			contributor = []byte(doc.Unattributed)
		}
		switch {
		case reason == doc.OK && class == doc.Rejected:
			f.add("%s: is rejected, but can be used", where())
			return nil
		case reason != doc.OK && class != doc.Rejected:
			f.add("%s: is %s, but cannot be used: %s", where(), class, reason)
			return nil
		case class == doc.Rejected:
			sum.add(contributor, class, 0, 0)
			want := rejected{
				File: file.Path, Shard: shard, Line: s.FirstLine + int64(line.Ordinal), Offset: line.Offset,
				Reason: reason, Contributor: string(contributor),
			}
			if line.Reason == doc.OK {
				want.Column = int64(rec.ErrorOffset) + 1
			}
			if got, number := nextRejected(); number > 0 && got != want {
				f.add("%s: line %d: is %+v, the input says %+v", rejectsName, number, got, want)
			}
			return nil
		}
		if rec.CreatedUnreadable {
			sum.createdUnreadable++
		}
		tokens, err := counter.Count(rec.Text)
		if err != nil {
			return err
		}
		sum.add(contributor, class, len(rec.Text), tokens)
		if class == doc.Kept {
			if c.witness != nil && c.witness[shard].Contains(line.Ordinal) {
				c.recount.offsets[shard] = append(c.recount.offsets[shard], line.Offset)
			}
			return c.recount.keptTexts.add(sha256.Sum256(rec.Text), doc.Place{Shard: uint32(shard), Ordinal: line.Ordinal})
		}
		d := nextDecided()
		if d == nil {
			f.add("%s: is %s, but %s has no row for it", where(), class, decisionsName(shard))
			return nil
		}
		got := decided{line: d.line, offset: d.offset, id: d.id, contributor: d.contributor, class: d.class, bytes: d.bytes, tokens: d.tokens}
		want := decided{
			line: s.FirstLine + int64(line.Ordinal), offset: line.Offset, id: string(rec.ID), contributor: string(contributor),
			class: class, bytes: int64(len(rec.Text)), tokens: int64(tokens),
		}
		if got != want {
			f.add("%s: row %d: line %d, byte %d, id %q, contributor %q, %s, %d bytes, %d tokens; the input says line %d, byte %d, id %q, contributor %q, %s, %d bytes, %d tokens",
				decisionsName(shard), d.row, got.line, got.offset, got.id, got.contributor, got.class, got.bytes, got.tokens,
				want.line, want.offset, want.id, want.contributor, want.class, want.bytes, want.tokens)
		}
		return nil
	}
	if err := corpus.EachLine(ctx, file, s, c.plan.MaxLine, done, one); err != nil {
		return nil, err
	}
	var inBitmaps uint64
	for class := range doc.NumClasses {
		inBitmaps += c.lines[shard].count(class)
	}
	if inBitmaps != known {
		f.add("bitmaps of shard %d: %d lines, but %s has only %d of them that are not blank", shard, inBitmaps, file.Path, known)
	}
	return sum, nil
}

func (c *checker) newParser() (jsonl.Parser, error) {
	fields := c.plan.Fields
	return jsonl.New(jsonl.Native, jsonl.Options{
		Text: fields.Text, ID: fields.ID, Contributor: fields.Contributor, Created: fields.Created,
		RequireContributor: fields.RequireContributor,
	})
}

func (c *checker) classOf(shard int, ordinal uint32) (doc.Class, bool) {
	for class := range doc.NumClasses {
		if c.lines[shard].is(class, ordinal) {
			return class, true
		}
	}
	return 0, false
}

// rejectsOf returns a function that gives the records of a shard one by one,
// with their line numbers in rejects.jsonl; 0 where there is none.
func (c *checker) rejectsOf(shard int, f *findings) (next func() (rejected, int64), stop func()) {
	none := func() (rejected, int64) { return rejected{}, 0 }
	if c.rejects == nil {
		return none, func() {}
	}
	file := c.open(rejectsName)
	if file == nil {
		return none, func() {}
	}
	span := c.rejects[shard]
	section := io.NewSectionReader(file, span.start, span.end-span.start)
	lines := lineReader{b: bufio.NewReader(section), number: span.firstLine - 1}
	return func() (rejected, int64) {
		var r rejected
		err := lines.next(&r)
		if err != nil && !errors.Is(err, io.EOF) {
			f.add("%s: line %d: %v", rejectsName, lines.number, err)
		}
		if err != nil {
			return rejected{}, 0
		}
		return r, lines.number
	}, func() { file.Close() }
}
