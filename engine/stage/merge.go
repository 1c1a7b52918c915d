package stage

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// Seal adds up what the shards left per contributor, all of it in the order of
// names: a merge of many files, of which memory holds a block each.

// magicSums begins a file with the sums of the contributors of one shard, by name.
const magicSums = "tallystick sums 2\n"

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
	f.row.values = getFew(f.d, f.row.values, f.kind.values)
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
	spill []*scratch
}

// summed opens the files of a kind of all shards. Where there are more than can be
// merged at once, it merges some into one on disk until there are not.
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
	for len(s.open) > mergeFan {
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
		f.close()
	}
}

// mergeToDisk merges some files into a scratch file, which it returns how to open.
func (s *summedSet) mergeToDisk(ctx context.Context, dir string, part *summedSet) (func() (*summedFile, error), error) {
	plain := s.kind
	plain.head = 0
	file, err := writeScratch(dir, plain.magic, func(e *wire.Encoder) error {
		return part.each(ctx, func(r *summed) error {
			e.Bytes(r.name)
			if plain.parts {
				e.Uint(r.of)
			}
			putFew(e, r.values)
			return e.Err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("merge %s: %w", plain.name, err)
	}
	s.spill = append(s.spill, file)
	return func() (*summedFile, error) {
		d, end, err := file.open(plain.magic)
		if err != nil {
			return nil, fmt.Errorf("merge %s: %w", plain.name, err)
		}
		return &summedFile{kind: plain, d: d, close: func() {}, end: end}, nil
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
	var room [3 * doc.NumClasses]uint64 // all of it, but for further tokenizers
	values := room[:0]
	for _, c := range r.Class {
		values = append(values, c.Documents, c.Bytes, c.Tokens)
	}
	for _, tokens := range r.Further {
		values = append(values, tokens[:]...)
	}
	e.Str(r.Contributor)
	putFew(e, values)
}

// fewAtOnce is how many numbers putFew writes after one that says which.
const fewAtOnce = 56

// putFew writes numbers of which most are 0, as of most contributors: which ones are
// not, a bit each, then those.
func putFew(e *wire.Encoder, values []uint64) {
	for len(values) > 0 {
		some := values[:min(len(values), fewAtOnce)]
		set := uint64(0)
		for i, v := range some {
			if v != 0 {
				set |= 1 << i
			}
		}
		e.Uint(set)
		for ; set != 0; set &= set - 1 {
			e.Uint(some[bits.TrailingZeros64(set)])
		}
		values = values[len(some):]
	}
}

// getFew reads n numbers that putFew wrote into dst, whose memory it reuses.
func getFew(d *wire.Decoder, dst []uint64, n int) []uint64 {
	dst = slices.Grow(dst[:0], n)[:n]
	clear(dst)
	for rest := dst; len(rest) > 0; {
		some := rest[:min(len(rest), fewAtOnce)]
		for set := d.Below(1 << len(some)); set != 0; set &= set - 1 {
			some[bits.TrailingZeros64(set)] = d.Uint()
		}
		rest = rest[len(some):]
	}
	return dst
}
