package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
)

// What the policies of a plan ask for: who is first, among which documents
// duplicates are looked for, and documents that stand, which the delivery is
// compared with and which are tallied elsewhere or nowhere.

func indexName(shard int) string { return fmt.Sprintf("index/%05d.bin", shard) }

// checkStandingWitness checks what can be known of a witness that stands
// without its input: that its line can exist.
func (c *checker) checkStandingWitness(d *decided, ordinal uint32, fail func(format string, args ...any)) {
	if uint64(ordinal) >= c.plan.MostLines(d.witnessShard) {
		fail("witness %s, line %d is beyond shard %d", c.inputPath(d.witnessShard), d.witnessLine, d.witnessShard)
	}
}

// standingNote says what is another run's to prove.
func (c *checker) standingNote(rows int64) string {
	if rows == 0 {
		return ""
	}
	if c.plan.Scope == plan.ScopeReference {
		return fmt.Sprintf(" (%d in the reference corpus)", rows)
	}
	return fmt.Sprintf(" (%d in earlier runs: that those were right to keep it is theirs to prove, verify them too)", rows)
}

// digest is of what makes two kept texts one too many.
func (c *checker) digest(rec *jsonl.Record) [sha256.Size]byte {
	digest := sha256.Sum256(rec.Text)
	if c.plan.Scope != plan.ScopeSource {
		return digest
	}
	source := sha256.Sum256(rec.Source)
	return sha256.Sum256(append(source[:], digest[:]...))
}

// mayBothStay reports whether equal texts at two places, the first of which
// comes first in the plan, are no fault. What stands may repeat itself: of an
// earlier run it is all that came in.
func (c *checker) mayBothStay(first, again doc.Place) bool {
	if c.plan.IsStanding(int(again.Shard)) {
		return c.plan.IsStanding(int(first.Shard))
	}
	return c.plan.Scope == plan.ScopeReference
}

// readStanding reads the shards whose documents stand for where the witnesses
// are and for texts that the delivery may not keep, and counts their lines.
func (c *checker) readStanding(ctx context.Context, done func(int64), f *findings) error {
	first := len(c.lines)
	counts := make([]standing, len(c.plan.Shards)-first)
	err := c.parallel(ctx, len(counts), f, func(ctx context.Context, i int, f *findings) error {
		return c.readStandingShard(ctx, first+i, &counts[i], done, f)
	})
	if err != nil || c.plan.Scope != plan.ScopeReference {
		return err
	}
	var total, listed standing
	for _, n := range counts {
		total.Documents += n.Documents
		total.Rejected += n.Rejected
	}
	if c.manifest.Standing != nil {
		listed = *c.manifest.Standing
	}
	if listed != total {
		f.add("%s: standing is %+v, the reference corpus has %+v", manifestName, listed, total)
	}
	return nil
}

func (c *checker) readStandingShard(ctx context.Context, shard int, count *standing, done func(int64), f *findings) error {
	parser, err := c.newParser()
	if err != nil {
		return err
	}
	witness := roaring.New()
	if c.witness != nil {
		witness = &c.witness[shard]
	}
	var rec jsonl.Record
	s := c.plan.Shards[shard]
	one := func(line *corpus.Line) error {
		reason := line.Reason
		if reason == doc.OK {
			rec = jsonl.Record{}
			reason = parser.Parse(line.Data, &rec)
		}
		count.Documents++
		isWitness := witness.Contains(line.Ordinal)
		if isWitness {
			c.recount.offsets[shard] = append(c.recount.offsets[shard], line.Offset)
		}
		if reason == doc.OK {
			return c.recount.keptTexts.Add(c.digest(&rec), doc.Place{Shard: uint32(shard), Ordinal: line.Ordinal})
		}
		count.Rejected++
		if isWitness {
			f.add("%s: line %d is a witness, but cannot be used: %s", c.inputPath(shard), s.FirstLine+int64(line.Ordinal), reason)
		}
		return nil
	}
	if err := corpus.EachLine(ctx, c.plan.Files[s.File], s, c.plan.MaxLine, done, one); err != nil {
		return err
	}
	if want, got := witness.GetCardinality(), len(c.recount.offsets[shard]); want != uint64(got) {
		f.add("%s: %d lines are witnesses, but only %d of them exist", c.inputPath(shard), want, got)
	}
	return nil
}

// precedes reports whether a comes before b in priority order. Where the texts
// differ, the content key decides before contributor and id: it is keyed, and
// its order is not looked at here.
func (c *checker) precedes(a, b *evidence, sameText bool) bool {
	if c.isStanding(a) != c.isStanding(b) {
		return c.isStanding(a)
	}
	order := 0
	switch c.plan.Rules.Priority {
	case plan.RulePriorityLongest:
		order = cmp.Compare(b.size, a.size)
	case plan.RulePrioritySource:
		order = cmp.Compare(c.sourceRank(a.source), c.sourceRank(b.source))
	}
	order = cmp.Or(order, a.created.Compare(b.created))
	if !sameText {
		return order <= 0
	}
	return cmp.Or(order,
		cmp.Compare(a.contributor, b.contributor),
		cmp.Compare(a.id, b.id),
		a.place.Compare(b.place),
	) < 0
}

func (c *checker) isStanding(e *evidence) bool { return int(e.place.Shard) >= len(c.lines) }

// sourceRank counts the ranked sources before a document's.
func (c *checker) sourceRank(source string) int {
	for i, s := range c.plan.SourceRank {
		if s == source {
			return i
		}
	}
	return len(c.plan.SourceRank)
}
