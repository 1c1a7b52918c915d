package verify

import (
	"context"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/verify/wary"
)

// checkEarlier compares the index of every earlier shard with its digest in
// the plan, and finds the witnesses there among what the earlier run kept.
func (c *checker) checkEarlier(ctx context.Context, f *findings) (witnesses uint64, err error) {
	for _, e := range c.plan.Earlier {
		err := c.parallel(ctx, e.Shards, f, func(_ context.Context, i int, f *findings) error {
			shard := e.FirstShard + i
			name := filepath.Join(e.Folder, filepath.FromSlash(indexName(i)))
			kept, digest, err := wary.Index(name, c.plan.Fields.Source != "")
			switch {
			case err != nil:
				f.add("%s: of earlier run %.12s: cannot be read: %v", name, e.RunID, err)
				return nil
			case digest != c.plan.Shards[shard].Index:
				f.add("%s: of earlier run %.12s: has SHA-256 %s, %s says %s", name, e.RunID, digest, planName, c.plan.Shards[shard].Index)
				return nil
			}
			if c.witness == nil {
				return nil
			}
			lost := c.witness[shard].Clone()
			lost.AndNot(kept)
			for it := lost.Iterator(); it.HasNext(); {
				f.add("%s: line %d is a witness, but %s does not have it as kept", c.inputPath(shard), c.firstLine(shard)+int64(it.Next()), name)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		for i := range e.Shards {
			if c.witness != nil {
				witnesses += c.witness[e.FirstShard+i].GetCardinality()
			}
		}
	}
	return witnesses, nil
}
