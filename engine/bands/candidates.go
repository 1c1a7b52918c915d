package bands

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/parquetguard"
)

// Kind tells the two joins of the program apart.
type Kind int

const (
	Exact Kind = iota // documents that share an exact key and a length
	Band              // documents that share a band key or a prefix key
)

// candidate is a row: a document in a group of at least two.
type candidate struct {
	kind   Kind
	key    uint64
	length uint64 // 0 for Band
	place  doc.Place
}

// compare is the order of the rows of a file.
func (a *candidate) compare(b *candidate) int {
	return cmp.Or(a.compareGroup(b), a.place.Compare(b.place))
}

func (a *candidate) compareGroup(b *candidate) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key), cmp.Compare(a.length, b.length))
}

// Range is a range of keys.
type Range struct{ First, Last uint64 }

// Reader reads the rows of one file of candidates that have certain keys.
type Reader struct {
	name   string
	run    int64
	shards uint64
	keys   Range

	inFile int64 // rows
	rows   rows
	last   candidate
	read   int64 // rows, for messages
}

// NewReader opens a file, size bytes long, of candidates of a run, to read
// those with a key in keys. shards is the number of shards of the run. The name
// is for messages. Errors wrap doc.ErrInput, also those of Groups.
func NewReader(name string, file io.ReaderAt, size int64, runID string, shards int, keys Range) (*Reader, error) {
	r := &Reader{name: name, shards: uint64(shards), keys: keys}
	var err error
	if r.run, err = runNumber(runID); err != nil {
		return nil, err
	}
	err = guard(func() error {
		if err := parquetguard.Footer(file, size); err != nil {
			return err
		}
		f, err := parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
		if err != nil {
			return err
		}
		r.inFile = f.NumRows()
		return r.rows.open(file, size, f, keys)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// Rows returns how many rows the footer promises, wanted or not.
func (r *Reader) Rows() int64 { return r.inFile }

// Empty reports whether the file can hold no row that is wanted. It may be
// closed then.
func (r *Reader) Empty() bool { return len(r.rows.groups) == 0 }

// next reads the next wanted row into r.last, or returns io.EOF.
func (r *Reader) next() error {
	for {
		err := r.rows.row()
		if err == io.EOF { // and not one of the library's, which is wrapped
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: after row %d read: %w", r.name, r.read, err)
		}
		r.read++
		c, err := r.candidate()
		if err == nil && r.read > 1 {
			switch order := r.last.compare(&c); {
			case order == 0:
				err = fmt.Errorf("%w: the row is there twice; were the keys of a shard read twice?", doc.ErrInput)
			case order > 0:
				err = fmt.Errorf("%w: rows are not in order: the program ends in ORDER BY kind, key, length, shard, ordinal", doc.ErrInput)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: row %d read: %w", r.name, r.read, err)
		}
		r.last = c
		if c.key >= r.keys.First && c.key <= r.keys.Last {
			return nil
		}
	}
}

// candidate checks the values of a row. That a document is there is for
// resolve to find out, which reads it.
func (r *Reader) candidate() (c candidate, err error) {
	run, kind, length := r.rows.value(colRun), r.rows.value(colKind), r.rows.value(colLength)
	shard, ordinal := r.rows.value(colShard), r.rows.value(colOrdinal)
	switch {
	case run != r.run:
		return c, fmt.Errorf("%w: the row is of run %016x…, not of %016x…: were they made from the keys of another plan?", doc.ErrInput, uint64(run), uint64(r.run))
	case kind != int64(Exact) && kind != int64(Band):
		return c, fmt.Errorf("%w: kind %d is neither %d nor %d", doc.ErrInput, kind, Exact, Band)
	case length < 0 || kind == int64(Band) && length != 0:
		return c, fmt.Errorf("%w: length %d of kind %d", doc.ErrInput, length, kind)
	case shard < 0 || uint64(shard) >= r.shards:
		return c, fmt.Errorf("%w: shard %d of %d", doc.ErrInput, shard, r.shards)
	case ordinal < 0 || ordinal > math.MaxUint32:
		return c, fmt.Errorf("%w: line %d of a shard", doc.ErrInput, ordinal)
	}
	return candidate{
		kind: Kind(kind), key: unsigned(r.rows.value(colKey)), length: uint64(length),
		place: doc.Place{Shard: uint32(shard), Ordinal: uint32(ordinal)},
	}, nil
}

// byRow is a heap of readers by the rows that they have read last.
type byRow []*Reader

func (h byRow) Len() int           { return len(h) }
func (h byRow) Less(i, j int) bool { return h[i].last.compare(&h[j].last) < 0 }
func (h byRow) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byRow) Push(x any)        { *h = append(*h, x.(*Reader)) }
func (h *byRow) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// Groups merges files, each of which is in order, and calls fn for every group
// of wanted keys, in ascending order of kind, key and length. The members of a
// group, at least two, ascend; the slice is reused. A group may lie in several
// files.
func Groups(readers []*Reader, fn func(kind Kind, members []doc.Place) error) error {
	var queue byRow
	for _, r := range readers {
		if err := r.next(); err == nil {
			queue = append(queue, r)
		} else if !errors.Is(err, io.EOF) {
			return err
		}
	}
	heap.Init(&queue)
	var group candidate // its last row
	var members []doc.Place
	end := func() error {
		if len(members) == 1 {
			return fmt.Errorf("%w: candidates: line %d of shard %d is alone with key %016x of kind %d; was a file left out?", doc.ErrInput, group.place.Ordinal, group.place.Shard, group.key, group.kind)
		}
		if len(members) == 0 {
			return nil
		}
		return fn(group.kind, members)
	}
	for len(queue) > 0 {
		r := queue[0]
		switch {
		case len(members) == 0 || group.compareGroup(&r.last) != 0:
			if err := end(); err != nil {
				return err
			}
			members = members[:0]
		case group.place == r.last.place:
			return fmt.Errorf("%s: %w: a row is in another file too; were candidates of two runs of the program mixed?", r.name, doc.ErrInput)
		}
		group = r.last
		members = append(members, group.place)
		if err := r.next(); err == nil {
			heap.Fix(&queue, 0)
		} else if errors.Is(err, io.EOF) {
			heap.Pop(&queue)
		} else {
			return err
		}
	}
	return end()
}
