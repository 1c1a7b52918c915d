package stage

import (
	"encoding/binary"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/internal/extsort"
	"github.com/tallystick/tallystick/engine/sweep"
	"github.com/tallystick/tallystick/engine/wire"
)

// What resolve spills are records of a sorter: big-endian numbers as keys, so that
// bytes have their order, and what encoders write as values.

// nodeRecord is a node that is not in memory.
type nodeRecord struct {
	node
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
	}{{s.carried != nil, recordCarried}, {s.copies, recordCopies}, {s.buckets, recordBuckets}, {s.hot, recordHot}, {s.sum != node{}.sum, recordSum}} {
		if f.is {
			flags |= f.flag
		}
	}
	e.Uint(flags)
	e.Uint(uint64(s.number))
	e.Uint(uint64(s.shingle))
	e.Place(s.place)
	e.Uint(uint64(s.offset))
	if s.created.Set {
		e.Uint(1)
		e.Int(s.created.Sec)
		e.Uint(uint64(s.created.Nsec))
	} else {
		e.Uint(0)
	}
	e.Fixed64(s.hash)
	e.Uint(s.length)
	e.Str(s.id)
	e.Str(s.contributor)
	e.Uint(s.turn)
	e.Uint(uint64(s.source))
	if flags&recordSum != 0 {
		for at := 0; at < len(s.sum); at += 8 {
			e.Fixed64(binary.LittleEndian.Uint64(s.sum[at:]))
		}
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
	s.place = d.Place()
	s.offset = int64(d.Uint())
	if d.Uint() != 0 {
		s.created = doc.Instant{Sec: d.Int(), Nsec: int32(d.Uint()), Set: true}
	}
	s.hash = d.Fixed64()
	s.length = d.Uint()
	s.id, s.contributor = d.Str(), d.Str()
	s.turn, s.source = d.Uint(), int32(d.Uint())
	if flags&recordSum != 0 {
		for at := 0; at < len(s.sum); at += 8 {
			binary.LittleEndian.PutUint64(s.sum[at:], d.Fixed64())
		}
	}
	if flags&recordCarried != 0 {
		s.carried = new(wire.Decision)
		d.Decision(s.carried)
	}
	s.rank = -1
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
