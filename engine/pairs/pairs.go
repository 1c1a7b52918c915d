// Package pairs lists the proven pairs of near-duplicates among documents; it
// makes no run and drops nothing.
package pairs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/neardup"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/progress"
	"github.com/tallystick/tallystick/engine/request"
	"github.com/tallystick/tallystick/engine/shingle"
	"github.com/tallystick/tallystick/engine/shingleset"
)

// Pair is two documents and their proven Jaccard, Overlap/Union.
type Pair struct {
	A, B           string // id, or file:line; A sorts before B bytewise
	Overlap, Union int64  // shingles
}

// Result is the output of Find, with what it left out.
type Result struct {
	Pairs     []Pair // sorted by A, then B
	Documents int
	Rejected  int
}

// member is a line of a pairs run; a rejected one has no label, no keys and
// the empty set, and so is in no pair.
type member struct {
	label     string
	keys      []uint64
	source    string // of plan.ScopeSource
	reference bool   // of the reference corpus
}

// mayPair reports whether the scope lets two documents be a pair.
func mayPair(p *request.Policy, a, b *member) bool {
	if len(p.Reference) > 0 {
		return a.reference != b.reference
	}
	return a.source == b.source
}

// Find finds the pairs of documents whose Jaccard is at least the threshold:
// all of them if exact is set, else those that share a bucket under the
// rule's bands. Unlike a run it reports exact duplicates as pairs too and
// drops nothing. In the scope of a source both are of one; with a reference
// corpus exactly one is of it. Memory grows with the number of documents.
func Find(ctx context.Context, r request.Rules, m request.Means, dir string, exact bool) (Result, error) {
	var res Result
	rule, err := r.Pairing()
	if err != nil {
		return res, err
	}
	in, err := request.FindInputs(ctx, r, m, dir)
	if err != nil {
		return res, err
	}
	reader := setReader{r: r, m: m, in: in, rule: rule}
	members, sets, err := reader.read(ctx, dir)
	if err != nil {
		return res, err
	}
	defer sets.Close()
	for _, d := range members {
		if d.label == "" {
			res.Rejected++
		}
	}
	res.Documents = len(members) - res.Rejected

	track := progress.Start(m.Progress, "pairs", int64(len(members)), "documents")
	emit := func(a, b uint32, overlap, union int) error {
		if !mayPair(&r.Policy, &members[a], &members[b]) {
			return nil
		}
		x, y := members[a].label, members[b].label
		if x > y {
			x, y = y, x
		}
		res.Pairs = append(res.Pairs, Pair{x, y, int64(overlap), int64(union)})
		return nil
	}
	if exact {
		err = neardup.ExactPairs(ctx, len(members), sets, rule.ThresholdNum, rule.ThresholdDen, m.Workers, emit)
	} else {
		var records []neardup.BandRecord
		for i, d := range members {
			for _, k := range d.keys {
				records = append(records, neardup.BandRecord{Key: k, Doc: doc.Place{Ordinal: uint32(i)}})
			}
		}
		groups := neardup.Buckets(records)
		ranks := make([]uint32, len(groups.Docs))
		for i, p := range groups.Docs {
			ranks[i] = p.Ordinal
		}
		var graph neardup.Graph
		if graph, err = neardup.NewGraph(len(members), groups.Offsets, ranks); err != nil {
			return res, err
		}
		err = neardup.Pairs(ctx, graph, sets, rule.ThresholdNum, rule.ThresholdDen, m.Workers, emit)
	}
	if err != nil {
		return res, err
	}
	slices.SortFunc(res.Pairs, func(a, b Pair) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	track.End(1, 0)
	return res, nil
}

// setReader reads the shingle sets and band keys of all documents.
type setReader struct {
	r    request.Rules
	m    request.Means
	in   *request.Inputs
	rule plan.NearDup
}

func (s *setReader) read(ctx context.Context, dir string) ([]member, *shingleset.Stored, error) {
	base, err := s.countLines(ctx)
	if err != nil {
		return nil, nil, err
	}
	members := make([]member, base[len(s.in.Shards)])
	w, err := shingleset.NewWriter(dir, len(members))
	if err != nil {
		return nil, nil, err
	}
	var total int64
	for _, sh := range s.in.Shards {
		total += sh.Length
	}
	track := progress.Start(s.m.Progress, "sketch", total, "bytes")
	err = s.eachShard(ctx, func(i int) error {
		return s.sketch(ctx, i, members[base[i]:base[i+1]], base[i], w, track)
	})
	if err != nil {
		return nil, nil, errors.Join(err, w.Abort())
	}
	track.End(len(s.in.Shards), total)
	sets, err := w.Finish()
	return members, sets, err
}

func (s *setReader) eachShard(ctx context.Context, fn func(i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, s.m.Workers))
	for i := range s.in.Shards {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return fn(i)
		})
	}
	return group.Wait()
}

// countLines returns the number of lines before each shard: the sets need
// their number in advance.
func (s *setReader) countLines(ctx context.Context) ([]int, error) {
	base := make([]int, len(s.in.Shards)+1)
	err := s.eachShard(ctx, func(i int) error {
		return s.eachLine(ctx, i, nil, func(*corpus.Line) error {
			base[i+1]++
			return nil
		})
	})
	for i := range s.in.Shards {
		base[i+1] += base[i]
	}
	return base, err
}

func (s *setReader) eachLine(ctx context.Context, shard int, progress func(int64), fn func(*corpus.Line) error) error {
	sh := s.in.Shards[shard]
	return corpus.EachLine(ctx, s.in.Open(sh.File), sh, s.r.MaxLine, progress, fn)
}

func (s *setReader) sketch(ctx context.Context, shard int, members []member, base int, w *shingleset.Writer, track *progress.Tracker) error {
	parser, err := s.r.Parser(s.m)
	if err != nil {
		return err
	}
	hasher, err := shingle.HasherFor(s.r.ShingleRule(), s.r.Seed)
	if err != nil {
		return err
	}
	scanner := hasher.NewScanner()
	sketcher := neardup.NewSketcher(s.rule, s.r.Seed)
	sh := s.in.Shards[shard]
	at := -1
	return s.eachLine(ctx, shard, track.Add, func(line *corpus.Line) error {
		at++
		if at == len(members) {
			return doc.ErrInputChanged
		}
		var rec jsonl.Record
		if line.Reason != doc.OK || parser.Parse(line.Data, &rec) != doc.OK {
			return nil
		}
		d := &members[at]
		if d.label = string(rec.ID); d.label == "" {
			d.label = fmt.Sprintf("%s:%d", s.in.Files[sh.File].Path, sh.FirstLine+int64(line.Ordinal))
		}
		d.source, d.reference = string(rec.Source), s.in.Files[sh.File].Reference
		set := scanner.Set(rec.Text)
		d.keys = sketcher.BandKeys(nil, set)
		return w.Append(uint32(base+at), set)
	})
}
