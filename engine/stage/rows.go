package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/alarm"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/tally"
	"github.com/tallystick/tallystick/engine/task"
	"github.com/tallystick/tallystick/engine/wire"
)

// scratch is a file of this process alone, gone with it, which is read as often as
// it takes.
type scratch struct {
	file *os.File
	sum  uint64 // XXH64 of all of it
}

// writeScratch makes one of what fn encodes.
func writeScratch(dir, magic string, fn func(*wire.Encoder) error) (*scratch, error) {
	file, err := os.CreateTemp(dir, "merged-*.tmp")
	if err != nil {
		return nil, err
	}
	s := &scratch{file: file}
	_ = os.Remove(file.Name()) // an open file outlives its name
	sum := xxhash.New()
	e := wire.NewEncoder(io.MultiWriter(file, sum), magic)
	if err := errors.Join(fn(e), e.Flush()); err != nil {
		s.close()
		return nil, err
	}
	s.sum = sum.Sum64()
	return s, nil
}

// open begins to read it. end, asked after the last record, tells whether what was
// read is what was written.
func (s *scratch) open(magic string) (d *wire.Decoder, end func() error, err error) {
	sum := xxhash.New()
	d, err = wire.NewDecoderSize(io.TeeReader(io.NewSectionReader(s.file, 0, 1<<62), sum), magic, mergeBuffer)
	return d, func() error {
		if sum.Sum64() != s.sum {
			return fmt.Errorf("%w: a scratch file that does not have its checksum", doc.ErrCorrupt)
		}
		return nil
	}, err
}

func (s *scratch) close() {
	s.file.Close()
	os.Remove(s.file.Name()) // where an open file keeps its name
}

// sealedRow is a row of the tally and what its contributor lost.
type sealedRow struct {
	tally.Row
	lost doc.Counts

	// As they are kept on disk.
	name   []byte
	values []uint64 // of sums, then of losses
	parts  []tally.Part
}

// settle makes the row of what is kept of it. Credit it has where that is shared.
func (r *sealedRow) settle(shared bool) {
	r.Contributor = string(r.name)
	v := r.values
	for class := range r.Class {
		r.Class[class] = doc.Counts{Documents: v[0], Bytes: v[1], Tokens: v[2]}
		v = v[3:]
	}
	for k := range r.Further {
		v = v[copy(r.Further[k][:], v):]
	}
	r.lost = doc.Counts{Documents: v[0], Bytes: v[1], Tokens: v[2]}
	if shared {
		r.Credit = tally.CreditOf(r.parts, 1+len(r.Further))
	}
}

// magicRows begins the scratch file of sealedRows.
const magicRows = "tallystick rows 1\n"

// sealedRows are the rows of all contributors, ascending. They are read several
// times, so the three kinds of sums are merged once, into one file.
type sealedRows struct {
	*taskRun
	file  *scratch
	all   alarm.Party   // the contributors together
	files []alarm.Party // the input files that have documents
}

// sealedRows merges what tally left, and calls fn, which does not keep the row, for
// every row on the way.
func (t *taskRun) sealedRows(ctx context.Context, tallied []task.Record, fn func(*sealedRow) error) (*sealedRows, error) {
	r := &sealedRows{taskRun: t}
	var sets [3]*summedSet // the last is nil where no credit is shared
	defer func() {
		for _, s := range sets {
			if s != nil {
				s.close()
			}
		}
	}()
	sums, losses, credits := t.summedKinds()
	for i, kind := range []summedKind{sums, losses, credits} {
		if kind.parts && !t.Plan.SharesCredit() {
			continue
		}
		var err error
		if sets[i], err = t.summed(ctx, tallied, kind); err != nil {
			return nil, err
		}
	}
	var err error
	r.file, err = writeScratch(t.ScratchDir(), magicRows, func(e *wire.Encoder) error {
		return t.eachMerged(ctx, sets[0], sets[1], sets[2], func(row *sealedRow) error {
			e.Bytes(row.name)
			putFew(e, row.values)
			if sets[2] != nil {
				e.Uint(uint64(len(row.parts)))
				for _, p := range row.parts {
					e.Uint(p.Of)
					putFew(e, p.Tokens)
				}
			}
			row.settle(sets[2] != nil)
			p := row.party()
			r.all.In.Add(p.In)
			r.all.Lost.Add(p.Lost)
			return errors.Join(fn(row), e.Err)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("merge what the shards added up: %w", err)
	}
	r.files = r.fileParties(sets[1].heads)
	return r, nil
}

func (r *sealedRows) close() { r.file.close() }

func (t *taskRun) newRow() *sealedRow {
	row := &sealedRow{}
	if n := len(t.Plan.Further); n > 0 {
		row.Further = make([]doc.ClassTokens, n)
	}
	return row
}

// eachMerged reads the three kinds beside each other. Rows are not settled.
func (t *taskRun) eachMerged(ctx context.Context, sums, losses, credits *summedSet, fn func(*sealedRow) error) error {
	var beside [2]*summing // losses, credits
	for i, s := range []*summedSet{losses, credits} {
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
	row := t.newRow()
	err := sums.each(ctx, func(s *summed) error {
		row.name, row.values, row.parts = s.name, append(row.values[:0], s.values...), row.parts[:0]
		if l := next[0]; l != nil && bytes.Equal(l.name, s.name) {
			row.values = append(row.values, l.values...)
			if err := advance(0); err != nil {
				return err
			}
		} else {
			row.values = append(row.values, 0, 0, 0)
		}
		for c := next[1]; c != nil && bytes.Equal(c.name, s.name); c = next[1] {
			if c.of == 0 {
				return fmt.Errorf("%w: a part of none", doc.ErrCorrupt)
			}
			row.parts = append(row.parts, tally.Part{Of: c.of, Tokens: append([]uint64(nil), c.values...)})
			if err := advance(1); err != nil {
				return err
			}
		}
		return fn(row)
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

// each calls fn, which does not keep the row, for all contributors, ascending.
func (r *sealedRows) each(ctx context.Context, fn func(*sealedRow) error) error {
	d, end, err := r.file.open(magicRows)
	if err != nil {
		return err
	}
	row, shared := r.newRow(), r.Plan.SharesCredit()
	sums, losses, credits := r.summedKinds()
	for n := 1; d.More(); n++ {
		if n%tellEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row.name = d.Bytes(row.name)
		row.values = getFew(d, row.values, sums.values+losses.values)
		row.parts = row.parts[:0]
		if shared {
			for parts := d.Uint(); parts > 0 && d.Err == nil; parts-- {
				row.parts = append(row.parts, tally.Part{Of: d.Uint(), Tokens: getFew(d, nil, credits.values)})
			}
		}
		if d.Err != nil {
			break
		}
		row.settle(shared)
		if err := fn(row); err != nil {
			return err
		}
	}
	return errors.Join(d.Err, end())
}
