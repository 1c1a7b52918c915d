package stage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/sweep"
)

// What resolve spills are records of a sorter: big-endian numbers as keys, so that
// bytes have their order, and what encoders write as values.

// spilled is a node that is not in memory.
type spilled struct {
	node
	number  uint32          // of its place
	carried *decisionRecord // what an earlier run decided that dropped it; else nil
	copies  bool            // other documents have its text
	buckets bool            // it shares a bucket with another representative
	hot     bool            // one of those is large
	shingle uint32          // shingles in its set
}

const (
	spilledCarried = 1 << iota
	spilledCopies
	spilledBuckets
	spilledHot
	spilledSum
)

func (e *encoder) spilled(s *spilled) {
	var flags uint64
	for _, f := range []struct {
		is   bool
		flag uint64
	}{{s.carried != nil, spilledCarried}, {s.copies, spilledCopies}, {s.buckets, spilledBuckets}, {s.hot, spilledHot}, {s.sum != node{}.sum, spilledSum}} {
		if f.is {
			flags |= f.flag
		}
	}
	e.uint(flags)
	e.uint(uint64(s.number))
	e.uint(uint64(s.shingle))
	e.place(s.place)
	e.uint(uint64(s.offset))
	if s.created.Set {
		e.uint(1)
		e.int(s.created.Sec)
		e.uint(uint64(s.created.Nsec))
	} else {
		e.uint(0)
	}
	e.fixed64(s.hash)
	e.uint(s.length)
	e.string(s.id)
	e.string(s.contributor)
	e.uint(s.turn)
	e.uint(uint64(s.source))
	if flags&spilledSum != 0 {
		for at := 0; at < len(s.sum); at += 8 {
			e.fixed64(binary.LittleEndian.Uint64(s.sum[at:]))
		}
	}
	if s.carried != nil {
		e.decision(s.carried)
	}
}

func (d *decoder) spilled(s *spilled) {
	*s = spilled{}
	flags := d.uint()
	s.copies, s.buckets, s.hot = flags&spilledCopies != 0, flags&spilledBuckets != 0, flags&spilledHot != 0
	s.number = d.uint32()
	s.shingle = d.uint32()
	s.place = d.place()
	s.offset = int64(d.uint())
	if d.uint() != 0 {
		s.created = doc.Instant{Sec: d.int(), Nsec: int32(d.uint()), Set: true}
	}
	s.hash = d.fixed64()
	s.length = d.uint()
	s.id, s.contributor = d.string(), d.string()
	s.turn, s.source = d.uint(), int32(d.uint())
	if flags&spilledSum != 0 {
		for at := 0; at < len(s.sum); at += 8 {
			binary.LittleEndian.PutUint64(s.sum[at:], d.fixed64())
		}
	}
	if flags&spilledCarried != 0 {
		s.carried = new(decisionRecord)
		d.decision(s.carried)
	}
	s.rank = -1
}

// fate is what became of a document, and its witness.
func (e *encoder) fate(f *sweep.Fate) {
	e.uint(uint64(f.Class))
	e.uint(uint64(f.Overlap))
	e.uint(uint64(f.Union))
	e.uint(uint64(f.Shared))
}

func (d *decoder) fate(f *sweep.Fate) {
	*f = sweep.Fate{Class: doc.Class(d.uint()), Overlap: d.uint32(), Union: d.uint32(), Shared: d.uint32()}
}

// recorder makes the values of records, one after the other.
type recorder struct {
	e    encoder
	long bytes.Buffer // of a record that is longer than an encoder gathers
}

// value returns what fn encodes, valid until the next call.
func (r *recorder) value(fn func(e *encoder)) []byte {
	r.long.Reset()
	r.e.w, r.e.buf = &r.long, r.e.buf[:0]
	fn(&r.e)
	if r.long.Len() == 0 {
		return r.e.buf
	}
	r.e.flush() // to memory: it cannot fail
	return r.long.Bytes()
}

// valueOf returns a decoder of a value, which it reads in place.
func valueOf(value []byte) *decoder {
	return &decoder{buf: value, to: len(value), end: io.EOF}
}

// ended returns the error of a decoder, or that there is more than there should be.
func (d *decoder) ended() error {
	if d.err == nil && d.at < d.to {
		d.fail(fmt.Errorf("%w: a spilled record is too long", doc.ErrCorrupt))
	}
	return d.err
}

// appendKey appends numbers as bytes that have their order.
func appendKey(key []byte, numbers ...uint32) []byte {
	for _, n := range numbers {
		key = binary.BigEndian.AppendUint32(key, n)
	}
	return key
}

// keyNumber is number i of a key.
func keyNumber(key []byte, i int) uint32 { return binary.BigEndian.Uint32(key[4*i:]) }

// appendPriority appends what has, as bytes, the order of node.compare.
func appendPriority(key []byte, n *node) []byte {
	key = binary.BigEndian.AppendUint64(key, n.turn)
	if n.created.Set {
		key = append(key, 0)
		key = binary.BigEndian.AppendUint64(key, uint64(n.created.Sec)^1<<63)
		key = binary.BigEndian.AppendUint32(key, uint32(n.created.Nsec)^1<<31)
	} else {
		key = append(key, 1)
	}
	key = binary.BigEndian.AppendUint64(key, n.hash)
	key = appendOrdered(key, n.contributor)
	key = appendOrdered(key, n.id)
	key = binary.BigEndian.AppendUint64(key, n.length)
	key = append(key, n.sum[:]...)
	return appendKey(key, n.place.Shard, n.place.Ordinal)
}

// appendOrdered ends a string so that one that begins another comes before it.
func appendOrdered(key []byte, s string) []byte {
	for i := range len(s) {
		if key = append(key, s[i]); s[i] == 0 {
			key = append(key, 0xff)
		}
	}
	return append(key, 0, 0)
}

// stream is what remains of sorted records; the first number of their keys is that
// of a component.
type stream struct {
	records *extsort.Reader
	pending bool // there is a record that has not been used
}

func openStream(s *extsort.Sorter) (*stream, error) {
	r, err := s.Sort()
	if err != nil {
		return nil, err
	}
	t := &stream{records: r}
	t.pending = r.Next()
	return t, r.Err()
}

// until calls fn for the records of the components before one.
func (s *stream) until(component uint32, fn func(key, value []byte) error) error {
	for s.pending && keyNumber(s.records.Key(), 0) < component {
		if err := fn(s.records.Key(), s.records.Value()); err != nil {
			return err
		}
		s.pending = s.records.Next()
	}
	return s.records.Err()
}

// is returns the value of the next record if it is that of a document.
func (s *stream) is(component, number uint32) ([]byte, bool) {
	if key := s.records.Key(); s.pending && keyNumber(key, 0) == component && keyNumber(key, 1) == number {
		return s.records.Value(), true
	}
	return nil, false
}

// skip goes to the next record.
func (s *stream) skip() error {
	s.pending = s.records.Next()
	return s.records.Err()
}

func (s *stream) close() {
	if s != nil {
		s.records.Close()
	}
}
