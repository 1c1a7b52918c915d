package stage

import (
	"context"

	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// match joins one partition of the keys of all shards: documents that share
// an exact key, and documents that share a bucket. Singletons end here.
func match(ctx context.Context, t *taskRun) error {
	if len(t.Candidates) > 0 {
		return matchCandidates(ctx, t)
	}
	scanned, err := t.Records(ctx, task.Scan)
	if err != nil {
		return err
	}
	room := t.RoomFor(task.Match)
	keys, err := t.openKeys(ctx, scanned, room/3)
	if err != nil {
		return err
	}
	defer keys.close()
	if t.Memory > 0 {
		room -= keys.held
	}
	for _, kind := range []struct {
		wire.KeyKind
		name string
	}{{wire.ExactKey, "exact"}, {wire.BandKey, "buckets"}} {
		groups, err := t.createGroups(ctx, kind.name)
		if err != nil {
			return err
		}
		j := &join{keys: keys, kind: kind.KeyKind, out: groups, room: room}
		if err := j.run(ctx, wire.KeysOf(t.Record.Task, t.Plan.Partitions)); err != nil {
			return err
		}
		if err := groups.end(t); err != nil {
			return err
		}
		if kind.KeyKind == wire.BandKey {
			t.Record.Numbers["band_records"] = j.keyN
		}
	}
	return nil
}
