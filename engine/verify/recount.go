package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/engine/verify/spill"
	"github.com/tallystick/tallystick/engine/verify/wary"
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
			f.add("%s: standard input cannot be read again: without --inputs everything else is checked, and a run of a file that holds the same lines can be checked in full", file.Path)
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
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("%s, %d bytes digested", number(len(c.plan.Files), "input"), total)
	if len(c.plan.Earlier) > 0 {
		witnesses, err := c.checkEarlier(ctx, f)
		if err != nil {
			return "", err
		}
		detail += fmt.Sprintf("; %d witnesses are in the indexes of earlier runs", witnesses)
	}
	c.inputsMatch = f.count == 0
	return detail, nil
}

// recount is what reading the inputs again leaves for the proofs.
type recount struct {
	offsets   [][]int64 // per shard, of the lines in checker.witness, ascending
	keptTexts *spill.Spill
}

// shardCount is what one shard adds up to.
type shardCount struct {
	contributors      map[string]*sums
	createdUnreadable uint64
	ranked            map[string]bool       // sources of the ranking that documents have
	moved             map[string][]*big.Rat // by the groups that share credit: tokens by tokenizer
}

// of returns the sums of a contributor.
func (s *shardCount) of(contributor string) *sums {
	if s.contributors[contributor] == nil {
		s.contributors[contributor] = new(sums)
	}
	return s.contributors[contributor]
}

// checkRecount parses and counts every line again and rebuilds the tally.
func (c *checker) checkRecount(ctx context.Context, f *findings) (string, error) {
	switch {
	case !c.inputsMatch:
		return skipped(f, "set of unchanged inputs")
	case c.lines == nil:
		return skipped(f, "set of bitmaps")
	case c.tally == nil:
		return skipped(f, "tally")
	}
	counters, err := c.openCounters(f)
	if counters == nil {
		return "", err
	}
	var kept uint64
	var total int64
	for shard := range c.lines {
		kept += c.lines[shard].count(doc.Kept)
	}
	for _, s := range c.plan.Shards {
		total += s.Length
	}
	if c.manifest.Standing != nil {
		kept += c.manifest.Standing.Documents
	}
	texts, err := spill.New(kept)
	if err != nil {
		return "", err
	}
	c.recount = &recount{offsets: make([][]int64, len(c.plan.Shards)), keptTexts: texts}

	var mu sync.Mutex
	sum := shardCount{contributors: make(map[string]*sums), ranked: make(map[string]bool)}
	done := c.progressOf("recount", total)
	err = c.parallel(ctx, len(c.lines), f, func(ctx context.Context, shard int, f *findings) error {
		s, err := c.recountShard(ctx, shard, counters, done, f)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		sum.createdUnreadable += s.createdUnreadable
		maps.Copy(sum.ranked, s.ranked)
		sum.mergeMoved(s)
		for name, counts := range s.contributors {
			sum.of(name).merge(counts)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if err := c.readStanding(ctx, done, f); err != nil {
		return "", err
	}
	c.linesMatch = f.count == 0
	c.compareTally(&sum, f)
	c.compareCredit(&sum, f)
	var engines []string
	for _, counter := range counters {
		if !slices.Contains(engines, counter.Engine()) {
			engines = append(engines, counter.Engine())
		}
	}
	return fmt.Sprintf("every line parsed again, tokens counted by engine %s, %s", strings.Join(engines, ", "), number(len(sum.contributors), "contributor")), nil
}

// openTokenizer is replaced by a test that would open one a hundred times.
var openTokenizer = tokenize.Open

// openCounters opens the plan's tokenizers; nil if they are not the same ones.
func (c *checker) openCounters(f *findings) ([]*tokenize.Counter, error) {
	files, err := c.plan.TokenizerFiles(c.o.Tokenizers)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", doc.ErrUsage, err)
	}
	var counters []*tokenize.Counter
	for i, t := range c.plan.Tokenizers() {
		counter, info, err := openTokenizer(files[i], tokenize.Options{Engine: c.o.Engine, AddedTokens: t.AddedTokens})
		if err != nil {
			return nil, err
		}
		if info.SHA256 != t.SHA256 {
			f.add("tokenizer %s: has SHA-256 %s, %s says %s", files[i], info.SHA256, planName, t.SHA256)
			return nil, nil
		}
		counters = append(counters, counter)
	}
	return counters, nil
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
			if want, got, same := c.compareSums(got, &row.classCounts, class); !same {
				f.add("%s: line %d: contributor %q: %s is %s, recounted %s", jsonlName, i+1, row.Contributor, class, want, got)
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
	unseen := slices.DeleteFunc(slices.Clone(c.plan.SourceRank), func(name string) bool { return sum.ranked[name] })
	if !slices.Equal(unseen, c.manifest.UnseenSources) {
		f.add("%s: unseen_sources are %q, by the inputs %q", manifestName, c.manifest.UnseenSources, unseen)
	}
}

// recountShard compares every line of a shard with its class, its decision and
// its reject record.
func (c *checker) recountShard(ctx context.Context, shard int, counters []*tokenize.Counter, done func(int64), f *findings) (*shardCount, error) {
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
		sum    = &shardCount{contributors: make(map[string]*sums), ranked: make(map[string]bool)}
		tokens []int64 // of one line, by tokenizer
		rec    jsonl.Record
		known  uint64 // lines that are in a bitmap
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
			sum.of(string(contributor)).add(class, doc.Counts{Documents: 1}, nil)
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
		if name := string(rec.Source); slices.Contains(c.plan.SourceRank, name) {
			sum.ranked[name] = true
		}
		tokens = tokens[:0]
		for _, counter := range counters {
			n, err := counter.TryCount(rec.Text)
			if err != nil {
				return err
			}
			tokens = append(tokens, int64(n))
		}
		sum.of(string(contributor)).add(class, doc.Counts{Documents: 1, Bytes: uint64(len(rec.Text)), Tokens: uint64(tokens[0])}, tokens[1:])
		if class == doc.Kept {
			sum.split(string(contributor), c.groups[doc.Place{Shard: uint32(shard), Ordinal: line.Ordinal}], tokens)
			if c.witness != nil && c.witness[shard].Contains(line.Ordinal) {
				c.recount.offsets[shard] = append(c.recount.offsets[shard], line.Offset)
			}
			return c.recount.keptTexts.Add(c.digest(&rec), doc.Place{Shard: uint32(shard), Ordinal: line.Ordinal})
		}
		d := nextDecided()
		if d == nil {
			f.add("%s: is %s, but %s has no row for it", where(), class, decisionsName(shard))
			return nil
		}
		want := decided{
			line: s.FirstLine + int64(line.Ordinal), offset: line.Offset, id: string(rec.ID), contributor: string(contributor),
			class: class, bytes: int64(len(rec.Text)), tokens: tokens[0], further: tokens[1:],
		}
		if got, want := d.facts(), want.facts(); got != want {
			f.add("%s: row %d: %s; the input says %s", decisionsName(shard), d.row, got, want)
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
		RequireContributor: fields.RequireContributor, Source: fields.Source,
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
	lines := wary.NewLines(section)
	lines.Number = span.firstLine - 1
	return func() (rejected, int64) {
		var r rejected
		err := lines.Next(&r)
		if err != nil && !errors.Is(err, io.EOF) {
			f.add("%s: line %d: %v", rejectsName, lines.Number, err)
		}
		if err != nil {
			return rejected{}, 0
		}
		return r, lines.Number
	}, func() { file.Close() }
}
