package main

import (
	"bufio"
	"context"
	"fmt"

	"github.com/tallystick/tallystick/engine/pairs"
	"github.com/tallystick/tallystick/engine/request"
)

type pairsCmd struct {
	inputFlags   `embed:"" group:"Documents:"`
	rejectFlags  `embed:"" group:"Documents:"`
	nearDupFlags `embed:"" group:"Near duplicates:"`
	scopeFlags   `embed:"" group:"Near duplicates:"`
	Exact        bool `help:"All pairs, without LSH: complete, for small corpora."`
}

// Help is shown by "tallystick pairs --help".
func (*pairsCmd) Help() string {
	return `Prints id<TAB>id<TAB>jaccard (six decimals), sorted, for every pair of documents
whose true Jaccard over shingles is at least the threshold and, without
--exact, which share a bucket. Exact duplicates are pairs too. Memory grows with
the corpus: this is a tool for researchers, not the job.

Examples:
  tallystick pairs sample.jsonl --threshold 0.7
  tallystick pairs sample.jsonl --threshold 0.5 --exact
  tallystick pairs new.jsonl --reference benchmarks/ --threshold 0.5`
}

// Run lists pairs.
func (c *pairsCmd) Run(ctx context.Context, env *environment) error {
	dir, cleanup, err := scratch()
	if err != nil {
		return err
	}
	defer cleanup()
	m := request.Means{Parser: c.Parser, Workers: workers(c.Workers), Progress: env.progress()}
	r := rules(&c.inputFlags, nil, &c.nearDupFlags)
	c.scopeFlags.apply(&r)
	res, err := pairs.Find(ctx, r, m, dir, c.Exact)
	if err != nil {
		return err
	}
	env.close()
	out := bufio.NewWriterSize(env.stdout, 1<<16)
	for _, p := range res.Pairs {
		fmt.Fprintf(out, "%s\t%s\t%.6f\n", escapeTSV(p.A), escapeTSV(p.B), float64(p.Overlap)/float64(p.Union))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if n := natural(res.Rejected); n > c.MaxRejects {
		return errRejects{rejected: n, allowed: c.MaxRejects}
	}
	return nil
}
