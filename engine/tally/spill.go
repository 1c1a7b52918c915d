package tally

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tallystick/tallystick/engine/internal/extsort"
)

// spilled are rows and parts that had no room in memory, sorted on disk, where one
// contributor may have several.
type spilled struct {
	rows, shares *extsort.Sorter
	key, value   []byte
}

// sorterShare is how much of the room of a tally each of its sorters takes in
// addition.
const sorterShare = 8

// spill moves all rows to disk.
func (t *Tally) spill() {
	if t.spilled == nil {
		memory := int(min(t.Room/sorterShare, 1<<30))
		t.spilled = &spilled{rows: extsort.New(t.Dir, memory), shares: extsort.New(t.Dir, memory)}
	}
	s := t.spilled
	add := func(to *extsort.Sorter) {
		if err := to.Add(s.key, s.value); err != nil && t.err == nil {
			t.err = fmt.Errorf("sort contributors: %w", err)
		}
	}
	r := Row{Further: newFurther(t.Further)}
	for i := range t.Len() {
		t.rows.fill(&r, i)
		s.key = append(s.key[:0], r.Contributor...)
		s.value = r.appendValues(s.value[:0])
		add(s.rows)
		if i >= len(t.shares) {
			continue
		}
		for _, p := range t.shares[i] {
			s.key = appendPartKey(s.key[:0], r.Contributor, p.Of)
			s.value = appendNumbers(s.value[:0], p.Tokens)
			add(s.shares)
		}
	}
	t.rows, t.shares, t.held = rows{}, nil, 0
}

func appendNumbers(dst []byte, numbers []uint64) []byte {
	for _, n := range numbers {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func (r *Row) appendValues(dst []byte) []byte {
	for _, c := range r.Class {
		dst = appendNumbers(dst, []uint64{c.Documents, c.Bytes, c.Tokens})
	}
	for k := range r.Further {
		dst = appendNumbers(dst, r.Further[k][:])
	}
	return dst
}

// addValues adds what appendValues wrote.
func (t *Tally) addValues(r *Row, b []byte) {
	next := func() uint64 {
		n, size := binary.Uvarint(b)
		b = b[max(size, 0):] // checked by its sum: it is what was written
		return n
	}
	for class := range r.Class {
		c := &r.Class[class]
		for _, sum := range []*uint64{&c.Documents, &c.Bytes, &c.Tokens} {
			t.accumulate(sum, next())
		}
	}
	for k := range r.Further {
		for class := range r.Further[k] {
			t.accumulate(&r.Further[k][class], next())
		}
	}
}

// appendPartKey appends a key that sorts by contributor, then by number of parts.
func appendPartKey(dst []byte, contributor string, of uint64) []byte {
	return binary.BigEndian.AppendUint64(extsort.AppendString(dst, contributor), of)
}

func splitPartKey(key []byte) (contributor string, of uint64) {
	name := key[:len(key)-10]
	return string(bytes.ReplaceAll(name, []byte{0, 1}, []byte{0})), binary.BigEndian.Uint64(key[len(key)-8:])
}

// eachKey sorts and calls fn for every record, new where its key differs from that
// of the one before.
func (t *Tally) eachKey(s *extsort.Sorter, fn func(key, value []byte, isNew bool)) error {
	if t.err != nil {
		return t.err
	}
	sorted, err := s.Sort()
	if err != nil {
		return fmt.Errorf("sort contributors: %w", err)
	}
	defer sorted.Close()
	var last []byte
	for first := true; sorted.Next(); first = false {
		isNew := first || !bytes.Equal(sorted.Key(), last)
		last = append(last[:0], sorted.Key()...)
		fn(last, sorted.Value(), isNew)
	}
	if sorted.Err() != nil {
		return fmt.Errorf("sort contributors: %w", sorted.Err())
	}
	if t.overflow {
		return fmt.Errorf("sum over documents: %w", ErrOverflow)
	}
	return nil
}

func (t *Tally) eachSpilled(fn func(*Row)) error {
	t.spill()
	row, any := Row{Further: newFurther(t.Further)}, false
	err := t.eachKey(t.spilled.rows, func(key, value []byte, isNew bool) {
		if isNew {
			if any {
				fn(&row)
			}
			row, any = Row{Contributor: string(key), Further: row.Further}, true
			clear(row.Further)
		}
		t.addValues(&row, value)
	})
	if err == nil && any {
		fn(&row)
	}
	return err
}

func (t *Tally) eachSpilledShare(fn func(contributor string, of uint64, tokens []uint64)) error {
	t.spill()
	var of uint64
	var contributor string
	tokens, any := make([]uint64, 1+t.Further), false
	err := t.eachKey(t.spilled.shares, func(key, value []byte, isNew bool) {
		if isNew {
			if any {
				fn(contributor, of, tokens)
			}
			contributor, of = splitPartKey(key)
			any = true
			clear(tokens)
		}
		for k := range tokens {
			n, size := binary.Uvarint(value)
			value = value[max(size, 0):]
			t.accumulate(&tokens[k], n)
		}
	})
	if err == nil && any {
		fn(contributor, of, tokens)
	}
	return err
}

// Close frees what is on disk, if Each was not asked for it.
func (t *Tally) Close() error {
	if t.spilled == nil {
		return nil
	}
	err := t.spilled.rows.Close()
	if e := t.spilled.shares.Close(); err == nil {
		err = e
	}
	return err
}
