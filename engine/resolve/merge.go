package resolve

import (
	"container/heap"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/tallystick/tallystick/engine/auditor"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/docset"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// merger puts together what the tasks of decide decided.
type merger struct {
	*resolver
	decided []task.Record // by task
	all     evidence
	copies  docset.Bits // by number; of an audit, as dropped
	dropped docset.Bits
}

// Merge is resolve of a plan whose documents the tasks of decide resolve.
func Merge(ctx context.Context, t *task.Task, scanned, matched, decided []task.Record) error {
	return mergeIn(ctx, t, scanned, matched, decided, 0)
}

// mergeIn is Merge in a room of so many bytes, if that is not 0.
func mergeIn(ctx context.Context, t *task.Task, scanned, matched, decided []task.Record, room int64) error {
	m := &merger{resolver: newResolver(t), decided: decided}
	m.scanned, m.matched, m.fixedRoom = scanned, matched, room
	return m.steps(ctx, []step{
		{"sharing", m.gather}, {"merge", m.merge}, {"", m.audit}, {"write", m.end},
	})
}

// gather reads the evidence and, for an audit of its own, which documents share a key and
// which of them are copies.
func (m *merger) gather(ctx context.Context) error {
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
		m.all.add(&e.stats, &e.most, e.component)
		for i := range e.groups {
			m.all.group(&e.groups[i].witness, e.groups[i].dropped)
		}
		for name, n := range rec.Numbers {
			if name == "largest_kept_bucket" || name == "most_candidates" {
				n = max(n-m.Record.Numbers[name], 0)
			}
			m.Record.Numbers[name] += n
		}
	}
	if !m.auditsAlone() {
		return nil
	}
	if err := m.sharing(ctx); err != nil {
		return err
	}
	m.copies, m.dropped = docset.NewBits(m.number), docset.NewBits(m.number)
	for number := range m.decided {
		if err := m.readCopies(ctx, number); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) readCopies(ctx context.Context, number int) error {
	path := task.WorkPath(task.Decide, number, "copies")
	d, closeFile, err := m.Decode(ctx, &m.decided[number], path, wire.MagicCopies)
	if err != nil {
		return err
	}
	defer closeFile()
	for d.More() {
		place := d.Place()
		if n, shares := m.places.Find(place); shares {
			m.copies.Add(n)
		} else {
			d.Fail(fmt.Errorf("%w: line %d of shard %d is no copy: it shares no key", doc.ErrCorrupt, place.Ordinal, place.Shard))
		}
	}
	if d.Err != nil {
		return fmt.Errorf("%s: %w", path, d.Err)
	}
	return nil
}

// merge writes decisions and owners.
func (m *merger) merge(ctx context.Context) error {
	err := mergeByPlace(ctx, m, "decisions", func(d *wire.Decoder, decided *wire.Decision) uint32 {
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
	return mergeByPlace(ctx, m, "owners", getOwners, func(e *wire.Encoder, kept doc.Place, names *[][]byte) { putOwners(e, kept, *names) })
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

// decidedFile is a file of a task of decide: its next record.
type decidedFile[T any] struct {
	path   string
	d      *wire.Decoder
	place  doc.Place
	record T
}

// decidedFiles is a heap of them, that whose record comes first on top.
type decidedFiles[T any] []*decidedFile[T]

func (f decidedFiles[T]) Len() int           { return len(f) }
func (f decidedFiles[T]) Less(i, j int) bool { return f[i].place.Compare(f[j].place) < 0 }
func (f decidedFiles[T]) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *decidedFiles[T]) Push(any)          {}
func (f *decidedFiles[T]) Pop() any {
	last := len(*f) - 1
	*f = (*f)[:last]
	return nil
}

// What the files that are merged may take together, and the least and most of each,
// bytes. A store that fetched ahead of each on its own would take many times as much.
const (
	mergeRoom  = 256 << 20
	leastMerge = 64 << 10
	mostMerge  = 4 << 20
)

// buffer is what each of the files that are merged is read by, bytes.
func (m *merger) buffer() int64 {
	room := int64(mergeRoom)
	if m.bounded() {
		room = min(room, m.roomLeft())
	}
	return min(max(room/int64(len(m.decided)), leastMerge), mostMerge)
}

// mergeByPlace merges the files of one kind of all tasks: what get reads of a line, and put
// writes again. get returns the ordinal.
func mergeByPlace[T any](ctx context.Context, m *merger, kind string, get func(d *wire.Decoder, record *T) uint32, put func(e *wire.Encoder, place doc.Place, record *T)) error {
	next := func(f *decidedFile[T]) (more bool, err error) {
		if f.d.More() {
			shard := f.d.Below(uint64(m.delivery))
			f.place, more = doc.Place{Shard: uint32(shard), Ordinal: get(f.d, &f.record)}, true
		}
		if f.d.Err != nil {
			return false, fmt.Errorf("%s: %w", f.path, f.d.Err)
		}
		return more, nil
	}
	var files decidedFiles[T]
	buffer := m.buffer()
	for number := range m.decided {
		f := &decidedFile[T]{path: task.WorkPath(task.Decide, number, kind)}
		file, err := m.OpenPart(ctx, &m.decided[number], f.path)
		if err != nil {
			return err
		}
		defer file.Close()
		if f.d, err = wire.NewDecoderSize(io.NewSectionReader(file, 0, file.Size()), ofAll[kind], int(min(buffer, file.Size()))); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		if more, err := next(f); err != nil {
			return err
		} else if more {
			files = append(files, f)
		}
	}
	heap.Init(&files)
	out := m.begin(kind)
	last, begun := doc.Place{}, false
	for len(files) > 0 {
		f := files[0]
		if begun && f.place.Compare(last) <= 0 {
			return fmt.Errorf("%s: %w: line %d of shard %d is out of order, or another task's", f.path, doc.ErrCorrupt, f.place.Ordinal, f.place.Shard)
		}
		last, begun = f.place, true
		e, err := out.to(ctx, f.place.Shard)
		if err != nil {
			return err
		}
		put(e, f.place, &f.record)
		more, err := next(f)
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&files, 0)
		} else {
			heap.Pop(&files)
		}
	}
	return out.end(ctx)
}

// audit adds up what the tasks found. Where texts collided they have left that to it.
func (m *merger) audit(ctx context.Context) (err error) {
	if m.auditsAlone() {
		return m.auditWith(ctx, elsewhere{m.resolver, m.notCopy, m.dropped}, nil)
	}
	if m.Plan.AuditPPM > 0 {
		m.audited, err = auditor.Merge(ctx, m.Task, m.scanned, m.decided)
	}
	return err
}

// auditsAlone reports whether there is an audit of which the tasks have not left all
// findings.
func (m *merger) auditsAlone() bool { return m.Plan.AuditPPM > 0 && !auditor.AreShared(m.decided) }

// notCopy returns a document, or if it is a copy another one: none has so high a number.
func (m *merger) notCopy(number uint32) uint32 {
	if m.copies.Has(number) {
		return math.MaxUint32
	}
	return number
}

// end writes the evidence.
func (m *merger) end(ctx context.Context) error {
	m.Record.Bytes = m.TextBytes()
	return m.writeEvidence(ctx, &m.all)
}
