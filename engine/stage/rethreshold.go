package stage

import (
	"context"
	"slices"

	"github.com/tallystick/tallystick/engine/manifest"
	"github.com/tallystick/tallystick/engine/resolve"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
)

// Rethreshold does what comes before tally and seal for the plan of j, which
// differs from that of the finished sweepable run from in its threshold (and
// run id) alone: from what that run kept, without the inputs. What describes
// its scan goes along: the engines that counted, and what sealed, the manifest of
// that run, says of fields.
func Rethreshold(ctx context.Context, j, from *task.Job, engines []string, sealed *manifest.Manifest) error {
	for shard := range j.Plan.Shards {
		t := j.Begin(task.Scan, shard)
		if err := sweepable.TakeDocs(ctx, t, from); err != nil {
			t.Abort()
			return err
		}
		t.Record.Engines = engines
		if shard == 0 {
			t.Record.Numbers["created_unreadable"] = int64(sealed.CreatedUnreadable)
			for i, name := range j.Plan.SourceRank {
				if !slices.Contains(sealed.UnseenSources, name) {
					t.Record.Numbers[rankedNumber(i)] = 1
				}
			}
		}
		if err := t.Commit(ctx); err != nil {
			return err
		}
	}
	t := j.Begin(task.Resolve, 0)
	defer t.Abort()
	if err := resolve.Again(ctx, t, from); err != nil {
		return err
	}
	return t.Commit(ctx)
}
