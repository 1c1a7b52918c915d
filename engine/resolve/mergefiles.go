package resolve

import (
	"container/heap"
	"context"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// decidedFile is a file of a task of decide: its next record.
type decidedFile[T any] struct {
	path   string
	d      *wire.Decoder
	place  doc.Place
	at     uint64 // of the record in the order of all
	record T
}

// decidedFiles is a heap of them, that whose record comes first on top.
type decidedFiles[T any] []*decidedFile[T]

func (f decidedFiles[T]) Len() int           { return len(f) }
func (f decidedFiles[T]) Less(i, j int) bool { return f[i].at < f[j].at }
func (f decidedFiles[T]) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *decidedFiles[T]) Push(any)          {}
func (f *decidedFiles[T]) Pop() any {
	last := len(*f) - 1
	*f = (*f)[:last]
	return nil
}

// The least and most that each of the files that are merged takes, bytes; all together take
// what there is room for. A store that fetched ahead of each on its own would take many times as much.
const (
	leastMerge = 64 << 10
	mostMerge  = 4 << 20
)

// buffer is what each of the files that are merged is read by, bytes.
func (m *merger) buffer() int64 {
	room := min(m.roomLeft(), unboundedRoom)
	return min(max(room/int64(len(m.decided)), leastMerge), mostMerge)
}

// mergeByShard merges what tasks say of documents of the delivery: what get reads of a line, and
// put writes again. get returns the ordinal.
func mergeByShard[T any](ctx context.Context, m *merger, kind string, get func(d *wire.Decoder, record *T) uint32, put func(e *wire.Encoder, place doc.Place, record *T)) error {
	out := m.begin(kind)
	err := mergeFiles(ctx, m, kind, func(d *wire.Decoder, record *T) doc.Place {
		shard := d.Below(uint64(m.delivery))
		return doc.Place{Shard: uint32(shard), Ordinal: get(d, record)}
	}, func(place doc.Place) (uint64, error) {
		return uint64(place.Shard)<<32 | uint64(place.Ordinal), nil
	}, func(_ uint64, place doc.Place, record *T) error {
		e, err := out.to(ctx, place.Shard)
		if err != nil {
			return err
		}
		put(e, place, record)
		return nil
	})
	if err != nil {
		return err
	}
	return out.end(ctx)
}

// mergeFiles merges the files of one kind of all tasks. get reads a record, or begins to, and
// returns what document it is about; order tells where that comes in the order that the records
// of each file have; put, which may read on, gets the records of all in that order.
func mergeFiles[T any](ctx context.Context, m *merger, kind string, get func(d *wire.Decoder, record *T) doc.Place, order func(place doc.Place) (at uint64, err error), put func(at uint64, place doc.Place, record *T) error) error {
	next := func(f *decidedFile[T]) (more bool, err error) {
		if more = f.d.More(); more {
			f.place = get(f.d, &f.record)
			if f.at, err = order(f.place); err != nil {
				f.d.Fail(err)
			}
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
	last, begun := uint64(0), false
	for len(files) > 0 {
		f := files[0]
		if begun && f.at <= last {
			return fmt.Errorf("%s: %w: line %d of shard %d is out of order, or another task's", f.path, doc.ErrCorrupt, f.place.Ordinal, f.place.Shard)
		}
		last, begun = f.at, true
		if err := put(f.at, f.place, &f.record); err != nil {
			return err
		}
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
	return nil
}
