package verify

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// cleanUp removes what was spilled.
func (c *checker) cleanUp() {
	if c.recount != nil {
		c.recount.keptTexts.Remove()
	}
}

// checkKeptTexts finds texts that were kept, and so are paid for, twice, or
// although they are among those that the delivery was compared with.
func (c *checker) checkKeptTexts(ctx context.Context, f *findings) (string, error) {
	if c.recount == nil {
		return skipped(f, "recount")
	}
	var pairs [][2]doc.Place
	for part := range c.recount.keptTexts.Parts() {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		err := c.recount.keptTexts.Twice(part, func(first, again doc.Place) {
			if c.mayBothStay(first, again) {
				return
			}
			pairs = append(pairs, [2]doc.Place{again, first})
		})
		if err != nil {
			return "", err
		}
	}
	slices.SortFunc(pairs, func(a, b [2]doc.Place) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) })
	for _, p := range pairs {
		again, first := p[0], p[1]
		if c.plan.IsStanding(int(again.Shard)) {
			f.add("%s: line %d: is kept, but its text is in %s: line %d, which comes first", c.inputPath(int(first.Shard)), c.firstLine(int(first.Shard))+int64(first.Ordinal),
				c.inputPath(int(again.Shard)), c.firstLine(int(again.Shard))+int64(again.Ordinal))
			continue
		}
		f.add("%s: line %d: is kept, and so is the same text in %s: line %d", c.inputPath(int(again.Shard)), c.firstLine(int(again.Shard))+int64(again.Ordinal),
			c.inputPath(int(first.Shard)), c.firstLine(int(first.Shard))+int64(first.Ordinal))
	}
	if c.plan.Scope == plan.ScopeReference {
		return "no text of the reference corpus is kept", nil
	}
	return "no text is kept twice", nil
}
