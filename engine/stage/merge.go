package stage

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Seal adds up what the shards left per contributor, all of it in the order of
// names: a merge of many files, of which memory holds a block each.

// magicSums begins a file with the sums of the contributors of one shard, by name.
const magicSums = "tallystick sums 1\n"

// summed are numbers of a contributor or, of credits, of one and a number of parts.
type summed struct {
	name   []byte
	of     uint64
	values []uint64
}

func (s *summed) compare(o *summed) int {
	return cmp.Or(bytes.Compare(s.name, o.name), cmp.Compare(s.of, o.of))
}

// summedKind is a kind of file of such numbers.
type summedKind struct {
	name   string // of the files that tally wrote
	magic  string
	head   int // numbers before the first record
	values int // of a record
	parts  bool
}

func (t *taskRun) summedKinds() (sums, losses, credits summedKind) {
	further := len(t.Plan.Further)
	return summedKind{name: "sums", magic: magicSums, values: int(doc.NumClasses) * (3 + further)},
		summedKind{name: "losses", magic: magicLosses, head: 6, values: 3},
		summedKind{name: "credits", magic: magicCredits, values: 1 + further, parts: true}
}

// summedFile reads one file.
type summedFile struct {
	kind  summedKind
	d     *wire.Decoder
	close func()
	end   func() error // asked at the end; may be nil
	row   summed
	last  summed // the one before
}

const (
	mergeFan    = 128     // files that are merged at once
	mergeBuffer = 1 << 15 // of each, bytes
)

// next reads the next row; false at the end.
func (f *summedFile) next() (bool, error) {
	f.row, f.last = f.last, f.row
	if !f.d.More() {
		if f.d.Err == nil && f.end != nil {
			return false, f.end()
		}
		return false, f.d.Err
	}
	first := f.last.values == nil
	f.row.name = f.d.Bytes(f.row.name)
	if f.kind.parts {
		f.row.of = f.d.Uint()
	}
	f.row.values = f.row.values[:0]
	for range f.kind.values {
		f.row.values = append(f.row.values, f.d.Uint())
	}
	if f.d.Err == nil && !first && f.last.compare(&f.row) >= 0 {
		f.d.Fail(fmt.Errorf("%w: %q does not sort after %q", doc.ErrCorrupt, f.row.name, f.last.name))
	}
	return f.d.Err == nil, f.d.Err
}

// summedSet opens the files that add up to one kind of sums.
type summedSet struct {
	kind  summedKind
	open  []func() (*summedFile, error)
	heads [][]uint64 // of the files of the shards
	spill []*os.File
}

// summed merges the files of a kind of all shards, of which there may be very many,
// into one on disk, as it will be read several times.
func (t *taskRun) summed(ctx context.Context, tallied []task.Record, kind summedKind) (*summedSet, error) {
	s := &summedSet{kind: kind, heads: make([][]uint64, t.Plan.Delivery())}
	for shard := range t.Plan.Delivery() {
		s.open = append(s.open, func() (*summedFile, error) {
			path := task.WorkPath(task.Tally, shard, kind.name)
			r, err := t.OpenFile(ctx, &tallied[shard], path)
			if err != nil {
				return nil, err
			}
			d, err := wire.NewDecoderSize(r, kind.magic, mergeBuffer)
			if err != nil {
				r.Close()
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			for range kind.head {
				s.heads[shard] = append(s.heads[shard], d.Uint())
			}
			return &summedFile{kind: kind, d: d, close: func() { r.Close() }}, nil
		})
	}
	for level := 0; level == 0 || len(s.open) > 1; level++ {
		var merged []func() (*summedFile, error)
		for lo := 0; lo < len(s.open); lo += mergeFan {
			part := &summedSet{kind: kind, open: s.open[lo:min(lo+mergeFan, len(s.open))]}
			open, err := s.mergeToDisk(ctx, t.ScratchDir(), part)
			if err != nil {
				s.close()
				return nil, err
			}
			merged = append(merged, open)
		}
		s.open = merged
	}
	return s, nil
}

func (s *summedSet) close() {
	for _, f := range s.spill {
		f.Close()
		os.Remove(f.Name())
	}
}

// mergeToDisk merges some files into a scratch file, which it returns how to open.
func (s *summedSet) mergeToDisk(ctx context.Context, dir string, part *summedSet) (func() (*summedFile, error), error) {
	file, err := os.CreateTemp(dir, "merged-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("merge %s: %w", s.kind.name, err)
	}
	s.spill = append(s.spill, file)
	_ = os.Remove(file.Name()) // an open file outlives its name
	sum := xxhash.New()
	e := wire.NewEncoder(io.MultiWriter(file, sum), s.kind.magic)
	err = part.each(ctx, func(r *summed) error {
		e.Bytes(r.name)
		if s.kind.parts {
			e.Uint(r.of)
		}
		for _, v := range r.values {
			e.Uint(v)
		}
		return e.Err
	})
	if err := errors.Join(err, e.Flush()); err != nil {
		return nil, fmt.Errorf("merge %s: %w", s.kind.name, err)
	}
	want := sum.Sum64()
	plain := s.kind
	plain.head = 0
	return func() (*summedFile, error) {
		got := xxhash.New()
		d, err := wire.NewDecoderSize(io.TeeReader(io.NewSectionReader(file, 0, 1<<62), got), plain.magic, mergeBuffer)
		if err != nil {
			return nil, fmt.Errorf("merge %s: %w", plain.name, err)
		}
		return &summedFile{kind: plain, d: d, close: func() {}, end: func() error {
			if got.Sum64() != want {
				return fmt.Errorf("%w: a scratch file that does not have its checksum", doc.ErrCorrupt)
			}
			return nil
		}}, nil
	}, nil
}

// summing gives the rows of a set, ascending, each name and number of parts once.
type summing struct {
	files summedHeap
	row   summed
	n     int
}

func (s *summedSet) start() (*summing, error) {
	m := &summing{}
	for _, open := range s.open {
		f, err := open()
		if err != nil {
			m.close()
			return nil, err
		}
		m.files = append(m.files, f)
		more, err := f.next()
		if err != nil {
			m.close()
			return nil, fmt.Errorf("%s: %w", s.kind.name, err)
		}
		if !more {
			f.close()
			m.files = m.files[:len(m.files)-1]
		}
	}
	heap.Init(&m.files)
	return m, nil
}

func (m *summing) close() {
	for _, f := range m.files {
		f.close()
	}
	m.files = nil
}

// next returns the next row, valid until the next call; nil at the end.
func (m *summing) next(ctx context.Context) (*summed, error) {
	if len(m.files) == 0 {
		return nil, nil
	}
	if m.n++; m.n%tellEvery == 0 && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	least := m.files[0]
	m.row.name, m.row.of = append(m.row.name[:0], least.row.name...), least.row.of
	m.row.values = append(m.row.values[:0], make([]uint64, least.kind.values)...)
	for len(m.files) > 0 && m.files[0].row.compare(&m.row) == 0 {
		f := m.files[0]
		for i, v := range f.row.values {
			var carry uint64
			if m.row.values[i], carry = bits.Add64(m.row.values[i], v, 0); carry != 0 {
				return nil, fmt.Errorf("%s of %q: %w", f.kind.name, m.row.name, tally.ErrOverflow)
			}
		}
		more, err := f.next()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.kind.name, err)
		}
		if more {
			heap.Fix(&m.files, 0)
		} else {
			heap.Pop(&m.files).(*summedFile).close()
		}
	}
	return &m.row, nil
}

// each calls fn, which does not keep the row, for all rows.
func (s *summedSet) each(ctx context.Context, fn func(*summed) error) error {
	m, err := s.start()
	if err != nil {
		return err
	}
	defer m.close()
	for {
		row, err := m.next(ctx)
		if err == nil && row == nil {
			return nil
		}
		if err == nil {
			err = fn(row)
		}
		if err != nil {
			return err
		}
	}
}

type summedHeap []*summedFile

func (h summedHeap) Len() int           { return len(h) }
func (h summedHeap) Less(i, j int) bool { return h[i].row.compare(&h[j].row) < 0 }
func (h summedHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *summedHeap) Push(x any)        { *h = append(*h, x.(*summedFile)) }
func (h *summedHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// putSums writes one contributor's share of a shard.
func putSums(e *wire.Encoder, r *tally.Row) {
	e.Str(r.Contributor)
	for _, c := range r.Class {
		e.Uint(c.Documents)
		e.Uint(c.Bytes)
		e.Uint(c.Tokens)
	}
	for _, tokens := range r.Further {
		for _, n := range tokens {
			e.Uint(n)
		}
	}
}

// tallyRow makes a row of the tally of the values of sums.
func (s *summed) tallyRow(r *tally.Row) {
	r.Contributor = string(s.name)
	v := s.values
	for class := range r.Class {
		r.Class[class] = doc.Counts{Documents: v[0], Bytes: v[1], Tokens: v[2]}
		v = v[3:]
	}
	for k := range r.Further {
		v = v[copy(r.Further[k][:], v):]
	}
}

// sealedRow is a row of the tally and what its contributor lost.
type sealedRow struct {
	tally.Row
	lost doc.Counts
}

// sealedRows reads the three kinds beside each other.
type sealedRows struct {
	*taskRun
	sums, losses, credits *summedSet // credits are nil where none are shared
}

func (t *taskRun) sealedRows(ctx context.Context, tallied []task.Record) (r *sealedRows, err error) {
	r = &sealedRows{taskRun: t}
	sums, losses, credits := t.summedKinds()
	if r.sums, err = t.summed(ctx, tallied, sums); err == nil {
		r.losses, err = t.summed(ctx, tallied, losses)
	}
	if err == nil && t.Plan.SharesCredit() {
		r.credits, err = t.summed(ctx, tallied, credits)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *sealedRows) close() {
	for _, s := range []*summedSet{r.sums, r.losses, r.credits} {
		if s != nil {
			s.close()
		}
	}
}

// each calls fn, which does not keep the row, for all contributors, ascending.
func (r *sealedRows) each(ctx context.Context, fn func(*sealedRow) error) error {
	var beside [2]*summing // losses, credits
	for i, s := range []*summedSet{r.losses, r.credits} {
		if s == nil {
			continue
		}
		m, err := s.start()
		if err != nil {
			return err
		}
		defer m.close()
		beside[i] = m
	}
	row := sealedRow{}
	if n := len(r.Plan.Further); n > 0 {
		row.Further = make([]doc.ClassTokens, n)
	}
	var next [2]*summed
	advance := func(i int) (err error) {
		if beside[i] != nil {
			next[i], err = beside[i].next(ctx)
		}
		return err
	}
	if err := errors.Join(advance(0), advance(1)); err != nil {
		return err
	}
	err := r.sums.each(ctx, func(s *summed) error {
		s.tallyRow(&row.Row)
		row.lost = doc.Counts{}
		if l := next[0]; l != nil && bytes.Equal(l.name, s.name) {
			row.lost = doc.Counts{Documents: l.values[0], Bytes: l.values[1], Tokens: l.values[2]}
			if err := advance(0); err != nil {
				return err
			}
		}
		if r.credits != nil {
			var parts []tally.Part
			for c := next[1]; c != nil && bytes.Equal(c.name, s.name); c = next[1] {
				if c.of == 0 {
					return fmt.Errorf("%w: a part of none", doc.ErrCorrupt)
				}
				parts = append(parts, tally.Part{Of: c.of, Tokens: append([]uint64(nil), c.values...)})
				if err := advance(1); err != nil {
					return err
				}
			}
			row.Credit = tally.CreditOf(parts, 1+len(r.Plan.Further))
		}
		return fn(&row)
	})
	if err != nil {
		return err
	}
	for _, s := range next {
		if s != nil {
			return fmt.Errorf("%w: %q has losses or credits, but no row", doc.ErrCorrupt, s.name)
		}
	}
	return nil
}
