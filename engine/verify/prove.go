package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/shingle"
)

// batchBytes bounds the dropped texts that a worker holds; those of their
// witnesses come on top. A compressed input is read once per batch.
const batchBytes = 64 << 20

// checkProofs compares every dropped document with its witness.
func (c *checker) checkProofs(ctx context.Context, f *findings) (string, error) {
	switch {
	case c.witness == nil:
		return skipped(f, "set of decisions")
	case c.recount == nil || !c.linesMatch:
		return skipped(f, "set of decisions that match the inputs")
	}
	var exact, near uint64
	var total int64
	for i := range c.tally {
		exact += c.tally[i].ExactDup.Documents
		near += c.tally[i].NearDup.Documents
		total += int64(c.tally[i].ExactDup.Bytes + c.tally[i].NearDup.Bytes)
	}
	done := c.progressOf("proofs", total)
	err := c.parallel(ctx, len(c.lines), f, func(ctx context.Context, shard int, f *findings) error {
		var batch []*decided
		var size int64
		flush := func() error {
			if err := c.proveBatch(ctx, shard, batch, f); err != nil {
				return err
			}
			done(size)
			batch, size = batch[:0], 0
			return ctx.Err()
		}
		err := c.eachDecision(shard, f, func(d *decided) error {
			batch = append(batch, d)
			size += d.bytes
			if size < batchBytes && len(batch) < 1<<16 {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
		return flush()
	})
	return fmt.Sprintf("%s compared by bytes, %s by shingle sets", number(exact, "exact duplicate"), number(near, "near duplicate")), err
}

// evidence is what one side of a proof says in the input.
type evidence struct {
	place       doc.Place
	offset      int64
	digest      [32]byte
	text        []byte // only where a shingle set is needed
	needText    bool
	id          string
	contributor string
	created     doc.Instant
	source      string
	size        int // of the text, bytes
}

// proveBatch reads the texts of some rows and of their witnesses, and compares.
func (c *checker) proveBatch(ctx context.Context, shard int, batch []*decided, f *findings) error {
	found := make(map[doc.Place]*evidence)
	want := func(p doc.Place, offset int64, needText bool) {
		if found[p] == nil {
			found[p] = &evidence{place: p, offset: offset}
		}
		found[p].needText = found[p].needText || needText
	}
	for _, d := range batch {
		near := d.class == doc.NearDup
		want(c.ownPlace(shard, d), d.offset, near)
		w := c.witnessPlace(d)
		rank := c.witness[w.Shard].Rank(w.Ordinal)
		want(w, c.recount.offsets[w.Shard][rank-1], near)
	}
	if err := c.fetch(ctx, found); err != nil {
		return err
	}
	// One witness after the other, so that its shingle set is made once.
	batch = slices.Clone(batch)
	slices.SortStableFunc(batch, func(a, b *decided) int {
		return cmp.Or(cmp.Compare(a.witnessShard, b.witnessShard), cmp.Compare(a.witnessLine, b.witnessLine))
	})
	groups := slices.Collect(chunkBy(batch, func(a, b *decided) bool {
		return a.witnessShard == b.witnessShard && a.witnessLine == b.witnessLine
	}))
	return c.parallel(ctx, len(groups), f, func(_ context.Context, i int, f *findings) error {
		w := found[c.witnessPlace(groups[i][0])]
		var witnessSet map[string]struct{}
		for _, d := range groups[i] {
			own := found[c.ownPlace(shard, d)]
			if d.class == doc.NearDup && witnessSet == nil {
				witnessSet = shingle.ReferenceOf(w.text, c.shingleWords())
			}
			if fault := c.compare(d, own, w, witnessSet); fault != "" {
				f.add("%s: row %d (%s, line %d; witness %s, line %d): %s", decisionsName(shard), d.row,
					c.inputPath(shard), d.line, c.inputPath(d.witnessShard), d.witnessLine, fault)
			}
		}
		return nil
	})
}

// chunkBy cuts a slice where neighbours are not alike.
func chunkBy[T any](s []T, alike func(a, b T) bool) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		start := 0
		for i := 1; i <= len(s); i++ {
			if i == len(s) || !alike(s[i-1], s[i]) {
				if !yield(s[start:i]) {
					return
				}
				start = i
			}
		}
	}
}

func (c *checker) ownPlace(shard int, d *decided) doc.Place {
	return doc.Place{Shard: uint32(shard), Ordinal: uint32(d.line - c.firstLine(shard))}
}

func (c *checker) witnessPlace(d *decided) doc.Place {
	return doc.Place{Shard: uint32(d.witnessShard), Ordinal: uint32(d.witnessLine - c.firstLine(d.witnessShard))}
}

// compare returns what is wrong with a row, or nothing.
func (c *checker) compare(d *decided, own, witness *evidence, witnessSet map[string]struct{}) string {
	if d.witnessID != witness.id || d.witnessContributor != witness.contributor {
		return fmt.Sprintf("names witness id %q of %q, the input says %q of %q", d.witnessID, d.witnessContributor, witness.id, witness.contributor)
	}
	if c.plan.Scope == plan.ScopeSource && own.source != witness.source {
		return fmt.Sprintf("is of source %q, its witness of %q", own.source, witness.source)
	}
	same := own.digest == witness.digest
	if d.class == doc.ExactDup {
		switch {
		case !same:
			return "is exact_dup, but the texts differ"
		case !c.precedes(witness, own, true):
			return "the witness is the later one in priority order"
		}
		return ""
	}
	if same {
		return "is near_dup, but the texts are equal"
	}
	if !c.precedes(witness, own, false) {
		return "the witness is the later one in priority order"
	}
	set := shingle.ReferenceOf(own.text, c.shingleWords())
	overlap := 0
	for s := range set {
		if _, both := witnessSet[s]; both {
			overlap++
		}
	}
	union := len(set) + len(witnessSet) - overlap
	if d.overlap != int64(overlap) || d.union != int64(union) {
		return fmt.Sprintf("claims overlap %d of union %d, the shingle sets say %d of %d", d.overlap, d.union, overlap, union)
	}
	return ""
}

// shingleWords is that of the plan, whose rule checkPlan knows.
func (c *checker) shingleWords() int {
	words, _ := plan.ShingleWords(c.plan.Rules.Shingle)
	return words
}

// fetch reads the lines of all places, one shard after the other.
func (c *checker) fetch(ctx context.Context, found map[doc.Place]*evidence) error {
	all := make([]*evidence, 0, len(found))
	for _, e := range found {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *evidence) int { return a.place.Compare(b.place) })
	parser, err := c.newParser()
	if err != nil {
		return err
	}
	var rec jsonl.Record
	for group := range chunkBy(all, func(a, b *evidence) bool { return a.place.Shard == b.place.Shard }) {
		shard := c.plan.Shards[group[0].place.Shard]
		file := c.plan.Files[shard.File]
		wants := make([]corpus.Want, len(group))
		for i, e := range group {
			wants[i] = corpus.Want{Ordinal: e.place.Ordinal, Offset: e.offset}
		}
		err := corpus.Fetch(ctx, file, shard, c.plan.MaxLine, wants, func(i int, line []byte) error {
			e := group[i]
			rec = jsonl.Record{}
			if reason := parser.Parse(line, &rec); reason != doc.OK {
				return fmt.Errorf("%w: %s: byte %d: %s", doc.ErrInputChanged, file.Path, e.offset, reason)
			}
			e.digest, e.id, e.created = sha256.Sum256(rec.Text), string(rec.ID), rec.Created
			e.source, e.size = string(rec.Source), len(rec.Text)
			e.contributor = doc.Unattributed
			if rec.Contributor != nil {
				e.contributor = string(rec.Contributor)
			}
			if e.needText {
				e.text = bytes.Clone(rec.Text)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
