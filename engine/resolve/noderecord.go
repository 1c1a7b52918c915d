package resolve

import (
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/fate"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/wire"
)

// What resolve spills are records of a sorter: big-endian numbers as keys, so that
// bytes have their order, and what encoders write as values.

// nodeRecord is a node that is not in memory.
type nodeRecord struct {
	fate.Node
	number  uint32         // of its place
	carried *wire.Decision // what an earlier run decided that dropped it; else nil
	copies  bool           // other documents have its text
	buckets bool           // it shares a bucket with another representative
	hot     bool           // one of those is large
	shingle uint32         // shingles in its set
}

const (
	recordCarried = 1 << iota
	recordCopies
	recordBuckets
	recordHot
	recordSum
)

func (s *nodeRecord) put(e *wire.Encoder) {
	var flags uint64
	for _, f := range []struct {
		is   bool
		flag uint64
	}{{s.carried != nil, recordCarried}, {s.copies, recordCopies}, {s.buckets, recordBuckets}, {s.hot, recordHot}, {s.Sum != fate.Node{}.Sum, recordSum}} {
		if f.is {
			flags |= f.flag
		}
	}
	e.Uint(flags)
	e.Uint(uint64(s.number))
	e.Uint(uint64(s.shingle))
	e.Place(s.Place)
	e.Uint(uint64(s.Offset))
	if s.Created.Set {
		e.Uint(1)
		e.Int(s.Created.Sec)
		e.Uint(uint64(s.Created.Nsec))
	} else {
		e.Uint(0)
	}
	e.Fixed64(s.Hash)
	e.Uint(s.Length)
	e.Str(s.ID)
	e.Str(s.Contributor)
	e.Uint(s.Turn)
	e.Uint(uint64(s.Source))
	if flags&recordSum != 0 {
		e.Raw(s.Sum[:])
	}
	if s.carried != nil {
		e.Decision(s.carried)
	}
}

func (s *nodeRecord) get(d *wire.Decoder) {
	*s = nodeRecord{}
	flags := d.Uint()
	s.copies, s.buckets, s.hot = flags&recordCopies != 0, flags&recordBuckets != 0, flags&recordHot != 0
	s.number = d.Uint32()
	s.shingle = d.Uint32()
	s.Place = d.Place()
	s.Offset = int64(d.Uint())
	if d.Uint() != 0 {
		s.Created = doc.Instant{Sec: d.Int(), Nsec: int32(d.Uint()), Set: true}
	}
	s.Hash = d.Fixed64()
	s.Length = d.Uint()
	s.ID, s.Contributor = d.Str(), d.Str()
	s.Turn, s.Source = d.Uint(), int32(d.Uint())
	if flags&recordSum != 0 {
		d.Full(s.Sum[:])
	}
	if flags&recordCarried != 0 {
		s.carried = new(wire.Decision)
		d.Decision(s.carried)
	}
	s.Rank = -1
}

// putFate writes what became of a document.
func putFate(e *wire.Encoder, f *sweep.Fate) {
	e.Uint(uint64(f.Class))
	e.Uint(uint64(f.Overlap))
	e.Uint(uint64(f.Union))
	e.Uint(uint64(f.Shared))
}

func getFate(d *wire.Decoder, f *sweep.Fate) {
	*f = sweep.Fate{Class: doc.Class(d.Uint()), Overlap: d.Uint32(), Union: d.Uint32(), Shared: d.Uint32()}
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
	for s.pending && extsort.NumberOf(s.records.Key(), 0) < component {
		if err := fn(s.records.Key(), s.records.Value()); err != nil {
			return err
		}
		s.pending = s.records.Next()
	}
	return s.records.Err()
}

// is returns the value of the next record if it is that of a document.
func (s *stream) is(component, number uint32) ([]byte, bool) {
	if key := s.records.Key(); s.pending && extsort.NumberOf(key, 0) == component && extsort.NumberOf(key, 1) == number {
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
