package bands

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/tallystick/tallystick/engine/doc"
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

// columns of a file of candidates, which may be in any order.
var columns = []string{"run", "kind", "key", "length", "shard", "ordinal"}

// Range is a range of keys.
type Range struct{ First, Last uint64 }

// Reader reads the rows of one file of candidates that have certain keys.
type Reader struct {
	name   string
	run    int64
	shards uint64
	keys   Range

	rowsInFile int64

	kinds  []parquet.Kind // of the columns of the file
	meant  []int          // which of columns each is
	groups []parquet.RowGroup
	rows   parquet.Rows // of the row group that is being read
	batch  []parquet.Row
	next   int
	values [6]int64 // by columns
	last   candidate
	read   int64 // rows, for messages
	begun  bool
}

// NewReader opens a file, size bytes long, of candidates of a run, to read
// those with a key in keys. shards is the number of shards of the run. The name
// is for messages. Errors wrap doc.ErrInput, or doc.ErrInput if the columns
// are not those of candidates.
func NewReader(name string, file io.ReaderAt, size int64, runID string, shards int, keys Range) (*Reader, error) {
	r := &Reader{name: name, shards: uint64(shards), keys: keys, batch: make([]parquet.Row, 0, 512)}
	var err error
	if r.run, err = runNumber(runID); err != nil {
		return nil, err
	}
	err = guard(func() error {
		f, err := parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
		if err != nil {
			return fmt.Errorf("%w: %w", doc.ErrInput, err)
		}
		if err := r.matchColumns(f.Schema().Fields()); err != nil {
			return err
		}
		r.rowsInFile = f.NumRows()
		for i, g := range f.RowGroups() {
			if r.mayHold(f, i) {
				r.groups = append(r.groups, g)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// matchColumns finds out which column is which.
func (r *Reader) matchColumns(fields []parquet.Field) error {
	wrong := fmt.Errorf("%w: the columns must be %v, integers of 32 or 64 bits: is it what docs/match.sql makes?", doc.ErrInput, columns)
	if len(fields) != len(columns) {
		return wrong
	}
	seen := 0
	for _, f := range fields {
		meant := -1
		for i, name := range columns {
			if f.Name() == name {
				meant = i
			}
		}
		if meant < 0 || !f.Leaf() || f.Repeated() {
			return wrong
		}
		kind := f.Type().Kind()
		if kind != parquet.Int32 && kind != parquet.Int64 {
			return wrong
		}
		r.kinds, r.meant = append(r.kinds, kind), append(r.meant, meant)
		seen |= 1 << meant
	}
	if seen != 1<<len(columns)-1 {
		return wrong
	}
	return nil
}

// mayHold reports whether a row group may hold a wanted key, by the least and
// greatest key that the footer gives for it, where it does.
func (r *Reader) mayHold(f *parquet.File, group int) bool {
	for i, c := range f.Metadata().RowGroups[group].Columns {
		if columns[r.meant[i]] != "key" || r.kinds[i] != parquet.Int64 {
			continue
		}
		s := &c.MetaData.Statistics
		if len(s.MinValue) == 8 && len(s.MaxValue) == 8 {
			least := unsigned(int64(binary.LittleEndian.Uint64(s.MinValue)))
			greatest := unsigned(int64(binary.LittleEndian.Uint64(s.MaxValue)))
			return least <= r.keys.Last && greatest >= r.keys.First
		}
	}
	return true
}

// Rows returns how many rows the footer promises, wanted or not.
func (r *Reader) Rows() int64 { return r.rowsInFile }

// Empty reports whether the file can hold no row that is wanted.
func (r *Reader) Empty() bool { return len(r.groups) == 0 && r.rows == nil }

// nextRow reads the next wanted row into r.last, or returns io.EOF.
func (r *Reader) nextRow() error {
	for {
		if r.next == len(r.batch) {
			if err := guard(r.fill); err != nil {
				return fmt.Errorf("%s: after row %d read: %w", r.name, r.read, err)
			}
			if len(r.batch) == 0 {
				return io.EOF
			}
		}
		values := r.batch[r.next]
		r.next++
		r.read++
		c, err := r.candidate(values)
		if err == nil && r.begun {
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
		r.last, r.begun = c, true
		if c.key >= r.keys.First && c.key <= r.keys.Last {
			return nil
		}
	}
}

// candidate checks the values of a row. That a document is there is for
// resolve to find out, which reads it.
func (r *Reader) candidate(values parquet.Row) (c candidate, err error) {
	if len(values) != len(r.meant) {
		return c, fmt.Errorf("%w: %d values in %d columns", doc.ErrInput, len(values), len(r.meant))
	}
	for i, v := range values {
		switch {
		case v.Column() != i:
			return c, fmt.Errorf("%w: a value of another column", doc.ErrInput)
		case v.IsNull():
			return c, fmt.Errorf("%w: column %s is null", doc.ErrInput, columns[r.meant[i]])
		case v.Kind() != r.kinds[i]:
			return c, fmt.Errorf("%w: column %s: a value of another type", doc.ErrInput, columns[r.meant[i]])
		case v.Kind() == parquet.Int32:
			r.values[r.meant[i]] = int64(v.Int32())
		default:
			r.values[r.meant[i]] = v.Int64()
		}
	}
	run, kind, key, length, shard, ordinal := r.values[0], r.values[1], r.values[2], r.values[3], r.values[4], r.values[5]
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
		kind: Kind(kind), key: unsigned(key), length: uint64(length),
		place: doc.Place{Shard: uint32(shard), Ordinal: uint32(ordinal)},
	}, nil
}

// fill reads the next rows into the batch, none at the end.
func (r *Reader) fill() error {
	r.batch, r.next = r.batch[:cap(r.batch)], 0
	n := 0
	defer func() { r.batch = r.batch[:n] }()
	for n == 0 {
		if r.rows == nil {
			if len(r.groups) == 0 {
				return nil
			}
			r.rows, r.groups = r.groups[0].Rows(), r.groups[1:]
		}
		var err error
		n, err = r.rows.ReadRows(r.batch)
		switch {
		case n > 0 && (err == nil || errors.Is(err, io.EOF)):
			// Closed at the next call, when these rows are not used any more.
		case errors.Is(err, io.EOF):
			if err := r.rows.Close(); err != nil {
				return err
			}
			r.rows = nil
		case err != nil:
			return fmt.Errorf("%w: %w", doc.ErrInput, err)
		default:
			return fmt.Errorf("%w: %w", doc.ErrInput, io.ErrNoProgress)
		}
	}
	return nil
}

// guard turns a panic of the Parquet library, which indexes by offsets that it
// read from the file, into an error.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: not readable as parquet: %v", doc.ErrInput, p)
		}
	}()
	return fn()
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
		if err := r.nextRow(); err == nil {
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
		if err := r.nextRow(); err == nil {
			heap.Fix(&queue, 0)
		} else if errors.Is(err, io.EOF) {
			heap.Pop(&queue)
		} else {
			return err
		}
	}
	return end()
}
