package resolve

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/tallystick/tallystick/engine/auditor"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/sweepable"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// merger puts together what the tasks of decide decided. Of documents it knows at most what parts
// know of those that are resolved elsewhere: who stands for whom, and who is dropped.
type merger struct {
	*parts
	decided     []task.Record // by task
	auditsAlone bool          // there is an audit of which the tasks have not left all findings
}

// Merge is resolve of a plan whose documents the tasks of decide resolve.
func Merge(ctx context.Context, t *task.Task, scanned, matched, decided []task.Record) error {
	return mergeIn(ctx, t, scanned, matched, decided, 0)
}

// mergeIn is Merge in a room of so many bytes, if that is not 0.
func mergeIn(ctx context.Context, t *task.Task, scanned, matched, decided []task.Record, room int64) error {
	r := newResolver(t)
	r.scanned, r.matched, r.fixedRoom = scanned, matched, room
	m := &merger{decided: decided, auditsAlone: t.Plan.AuditPPM > 0 && !auditor.AreShared(decided)}
	if err := r.Step(ctx, "sharing", func(ctx context.Context) error { return m.gather(ctx, r) }); err != nil {
		return err
	}
	defer m.close()
	return m.steps(ctx, []step{
		{"merge", m.merge}, {"", m.audit}, {"keep", m.keep}, {"write", m.end},
	})
}

// gather reads the evidence and, for an audit of its own and for what a sweepable run keeps,
// which documents share a key and who stands for whom.
func (m *merger) gather(ctx context.Context, r *resolver) (err error) {
	documents := m.auditsAlone || r.Plan.NearDup.Sweepable()
	if documents {
		if err := r.sharing(ctx); err != nil {
			return err
		}
	}
	if m.parts, err = newParts(r); err != nil {
		return err
	}
	if err := m.gatherEvidence(ctx); err != nil || !documents {
		return err
	}
	for number := range m.decided {
		if err := m.readCopies(ctx, number); err != nil {
			return err
		}
	}
	return m.checkCopies()
}

func (m *merger) gatherEvidence(ctx context.Context) error {
	var first sharedOut
	for number := range m.decided {
		rec := &m.decided[number]
		path := task.WorkPath(task.Decide, number, "evidence")
		d, closeFile, err := m.Decode(ctx, rec, path, wire.MagicEvidence)
		if err != nil {
			return err
		}
		var s sharedOut
		var e evidence
		s.get(d)
		e.get(d, len(m.Plan.Shards))
		err = d.Ended()
		closeFile()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if number == 0 {
			first = s
		}
		if s.documents != first.documents || s.digest != first.digest {
			return fmt.Errorf("%w: tasks 0 and %d of decide did not see the same groups; remove %s/%s and decide again", doc.ErrCorrupt, number, task.WorkDir, task.Decide)
		}
		m.out.add(&e.stats, &e.most, e.component)
		for i := range e.groups {
			m.out.group(&e.groups[i].witness, e.groups[i].dropped)
		}
		for name, n := range rec.Numbers {
			if name == "largest_kept_bucket" || name == "most_candidates" {
				n = max(n-m.Record.Numbers[name], 0)
			}
			m.Record.Numbers[name] += n
		}
	}
	return nil
}

// readCopies takes who stands for whom from what a task wrote of it.
func (m *merger) readCopies(ctx context.Context, number int) error {
	path := task.WorkPath(task.Decide, number, "copies")
	d, closeFile, err := m.Decode(ctx, &m.decided[number], path, wire.MagicCopies)
	if err != nil {
		return err
	}
	defer closeFile()
	for d.More() {
		place := d.Place()
		n, shares := m.places.Find(place)
		first, firstShares := m.places.Find(d.Place())
		switch {
		case !shares || !firstShares:
			d.Fail(fmt.Errorf("%w: line %d of shard %d is no copy: one of the two shares no key", doc.ErrCorrupt, place.Ordinal, place.Shard))
		case first != n:
			m.links[n] = first | copyMark
		default:
			var sum [sha256.Size]byte
			d.Full(sum[:])
			m.sums[n] = sum
		}
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", path, d.Err)
	}
	return nil
}

// merge writes decisions and owners.
func (m *merger) merge(ctx context.Context) error {
	err := mergeByShard(ctx, m, "decisions", func(d *wire.Decoder, decided *wire.Decision) uint32 {
		d.Decision(decided)
		return decided.Ordinal
	}, func(e *wire.Encoder, place doc.Place, decided *wire.Decision) {
		if n, shares := m.places.Find(place); shares && decided.Class == doc.NearDup {
			m.dropped.Add(n)
		}
		e.Decision(decided)
	})
	if err != nil || !m.Plan.SharesCredit() {
		return err
	}
	return mergeByShard(ctx, m, "owners", getOwners, func(e *wire.Encoder, kept doc.Place, names *[][]byte) { putOwners(e, kept, *names) })
}

// keep writes what other thresholds need of a sweepable run: the graph as parts do, and the
// sets that the tasks have left.
func (m *merger) keep(ctx context.Context) error {
	if !m.Plan.NearDup.Sweepable() {
		return nil
	}
	err := m.eachBucket(ctx, func(members []uint32) error {
		for _, n := range members {
			m.inBucket.Add(n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := m.keepGraph(ctx); err != nil {
		return err
	}
	w, err := sweepable.NewSetsWriter(ctx, m.Task)
	if err != nil {
		return err
	}
	k, written := m.kept, 0
	var set []uint64
	err = mergeFiles(ctx, m, "sets", func(d *wire.Decoder, sets *wire.SetsDecoder) doc.Place {
		sets.Decoder = d
		return d.Place()
	}, func(place doc.Place) (uint64, error) {
		n, shares := m.places.Find(place)
		if !shares || k.ranks[n] < 0 {
			return 0, fmt.Errorf("%w: line %d of shard %d shares no bucket", doc.ErrCorrupt, place.Ordinal, place.Shard)
		}
		return uint64(k.first[n])<<32 | uint64(k.ranks[n]), nil
	}, func(at uint64, _ doc.Place, sets *wire.SetsDecoder) error {
		set = sets.Set(set)
		w.Set(uint32(at), set)
		written++
		return ctx.Err()
	})
	if err == nil && written != k.docs {
		err = fmt.Errorf("%w: tasks of decide have left %d shingle sets of %d", doc.ErrCorrupt, written, k.docs)
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// getOwners reads what putOwners wrote.
func getOwners(d *wire.Decoder, names *[][]byte) (kept uint32) {
	kept = d.Uint32()
	*names = (*names)[:0]
	for n := d.Uint(); n > 0 && d.Err == nil; n-- {
		*names = append(*names, d.Bytes(nil))
	}
	return kept
}

// audit adds up what the tasks found. Where texts collided they have left that to it.
func (m *merger) audit(ctx context.Context) (err error) {
	if m.auditsAlone {
		return m.parts.audit(ctx)
	}
	if m.Plan.AuditPPM > 0 {
		m.audited, err = auditor.Merge(ctx, m.Task, m.scanned, m.decided)
	}
	return err
}

// end writes the evidence.
func (m *merger) end(ctx context.Context) error {
	m.Record.Bytes = m.TextBytes()
	return m.writeEvidence(ctx, &m.out.evidence)
}
