package stage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/report"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Who duplicates whom is for the report, which has no part in the run's bytes. tally
// adds it up shard by shard, so that who seals need not read all decisions again.

// magicFlows begins a file with the flows of one shard: first its near duplicates by
// the whole percent of their Jaccard, then exact and near duplicates by flowKey.
const magicFlows = "tallystick flows 1\n"

// flows add up one shard.
type flows struct {
	scores [report.Scores]uint64
	by     tally.Tally // by flowKey
	key    []byte
}

// flowKey is the name of a flow between contributors, in memory that it reuses.
func flowKey(key []byte, from, to string) []byte {
	key = binary.AppendUvarint(key[:0], uint64(len(from)))
	return append(append(key, from...), to...)
}

// add adds a dropped document.
func (f *flows) add(rec *wire.Document, d *wire.Decision) {
	if d.Class == doc.NearDup {
		f.scores[100*d.Overlap/d.Union]++
	}
	f.key = flowKey(f.key, string(rec.Contributor), d.WitnessContrib)
	f.by.Add(f.key, d.Class, rec.Bytes, rec.Tokens)
}

func (f *flows) write(ctx context.Context, t *taskRun) error {
	e, err := t.Encode(ctx, task.WorkPath(task.Tally, t.Record.Task, "flows"), magicFlows)
	if err != nil {
		return err
	}
	for _, n := range f.scores {
		e.Uint(n)
	}
	err = f.by.Each(func(r *tally.Row) {
		e.Str(r.Contributor)
		exact, near := r.Class[doc.ExactDup], r.Class[doc.NearDup]
		putFew(e, []uint64{exact.Documents, exact.Bytes, exact.Tokens, near.Documents, near.Bytes, near.Tokens})
	})
	return errors.Join(err, e.Flush())
}

// flows merges those of all shards.
func (t *taskRun) flows(ctx context.Context, tallied []task.Record) (*report.Flows, error) {
	set, err := t.summed(ctx, tallied, summedKind{name: "flows", magic: magicFlows, head: report.Scores, values: 6})
	if err != nil {
		return nil, err
	}
	defer set.close()
	all := &report.Flows{}
	err = set.each(ctx, func(s *summed) error {
		from, size := binary.Uvarint(s.name)
		if size <= 0 || from > uint64(len(s.name)-size) {
			return fmt.Errorf("%w: flows: %q names no two contributors", doc.ErrCorrupt, s.name)
		}
		v := s.values
		all.Add(report.Flow{
			From: string(s.name[size:][:from]), To: string(s.name[size:][from:]),
			Exact: doc.Counts{Documents: v[0], Bytes: v[1], Tokens: v[2]}, Near: doc.Counts{Documents: v[3], Bytes: v[4], Tokens: v[5]},
		})
		return nil
	})
	for _, head := range set.heads {
		for i, n := range head {
			all.Scores[i] += n
		}
	}
	return all, err
}
