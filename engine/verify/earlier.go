package verify

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/tallystick/tallystick/engine/corpus"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/verify/wary"
)

// checkEarlier compares the index of every earlier shard with its digest in
// the plan, and finds the witnesses there among what the earlier run kept.
func (c *checker) checkEarlier(ctx context.Context, f *findings) (witnesses uint64, err error) {
	for _, e := range c.plan.Earlier {
		err := c.parallel(ctx, e.Shards, f, func(ctx context.Context, i int, f *findings) error {
			shard := e.FirstShard + i
			name := object.Join(e.Folder, indexName(i))
			kept, digest, err := readIndex(ctx, name, c.plan.Fields.Source != "")
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

func readIndex(ctx context.Context, name string, sources bool) (kept *roaring.Bitmap, digest string, err error) {
	file, err := corpus.OpenRaw(ctx, name)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	return wary.Index(file, sources)
}
