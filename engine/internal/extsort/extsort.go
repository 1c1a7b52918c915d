// Package extsort sorts records that may not fit into memory: what does not is
// written to sorted runs on disk, which are merged as they are read. Runs are
// files without a name, gone when the process is, in blocks with an XXH64 each:
// a flipped bit is an error, not another order.
package extsort

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
)

// A record in memory is its key and value behind each other, found through an
// entry. Most comparisons end in the entries.
type entry struct {
	prefix   uint64 // of the key, big-endian, padded with zeros
	at       uint64 // of the key in the buffer
	key, all uint32 // bytes of the key, and of both
}

const entrySize = 24

// maxRecord bounds a record, key and value together, in bytes.
const maxRecord = 1<<31 - 1

// leastMemory is what a sorter uses at least, bytes.
const leastMemory = 1 << 16

// Sorter takes records and gives them back by key, in the order of bytes; those
// of one key by value. Add is safe for concurrent use.
type Sorter struct {
	dir    string
	memory int

	mu      sync.Mutex
	buf     []byte
	entries []entry
	runs    []*run
	blocks  int // bytes of a block of a run
}

// New returns a sorter that uses about memory bytes, and files in the folder dir
// for what they cannot hold.
func New(dir string, memory int) *Sorter {
	memory = max(memory, leastMemory)
	return &Sorter{dir: dir, memory: memory, blocks: min(max(memory/64, 1<<11), 1<<16)}
}

// fan is how many runs are merged at a time: their blocks are to fit.
func (s *Sorter) fan() int { return max(s.memory/(2*s.blocks), 4) }

// Add takes a record. It keeps neither key nor value.
func (s *Sorter) Add(key, value []byte) error {
	if len(key)+len(value) > maxRecord {
		return errTooLong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) > 0 && len(s.buf)+entrySize*len(s.entries)+len(key)+len(value)+entrySize > s.memory {
		if err := s.spill(); err != nil {
			return err
		}
	}
	e := entry{prefix: Prefix(key), at: uint64(len(s.buf)), key: uint32(len(key)), all: uint32(len(key) + len(value))}
	s.buf = append(append(s.buf, key...), value...)
	s.entries = append(s.entries, e)
	return nil
}

// Prefix returns the first eight bytes of a key as a number, such that a lesser one is
// that of a lesser key.
func Prefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

func (s *Sorter) key(e *entry) []byte   { return s.buf[e.at:][:e.key] }
func (s *Sorter) value(e *entry) []byte { return s.buf[e.at:][e.key:e.all] }

func (s *Sorter) sortEntries() {
	slices.SortFunc(s.entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Or(bytes.Compare(s.key(&a), s.key(&b)), bytes.Compare(s.value(&a), s.value(&b)))
	})
}

// spill writes what memory holds as a run, and merges runs of one level when
// they are many.
func (s *Sorter) spill() error {
	s.sortEntries()
	w, err := newRun(s.dir, 0, s.blocks)
	if err != nil {
		return err
	}
	for i := range s.entries {
		e := &s.entries[i]
		if err := w.add(s.key(e), s.value(e)); err != nil {
			return w.abort(err)
		}
	}
	if err := w.finish(); err != nil {
		return w.abort(err)
	}
	s.runs = append(s.runs, w)
	s.buf, s.entries = s.buf[:0], s.entries[:0]
	if cap(s.buf) > 2*s.memory { // after a record that is longer than all memory
		s.buf = nil
	}
	for {
		level := s.runs[len(s.runs)-1].level
		first, _ := slices.BinarySearchFunc(s.runs, level, func(r *run, level int) int { return cmp.Compare(level, r.level) })
		if len(s.runs)-first < s.fan() {
			return nil
		}
		merged, err := mergeRuns(s.dir, s.runs[first:], level+1, s.blocks)
		if err != nil {
			return err
		}
		s.runs = append(s.runs[:first], merged)
	}
}

// Spilled reports whether there is anything on disk.
func (s *Sorter) Spilled() bool { return len(s.runs) > 0 }

// Close gives up what was added and is not sorted yet.
func (s *Sorter) Close() error {
	s.buf, s.entries = nil, nil
	var err error
	for _, r := range s.runs {
		err = cmp.Or(err, r.close())
	}
	s.runs = nil
	return err
}

// Sort ends adding. The sorter is spent; whoever called closes the reader.
func (s *Sorter) Sort() (*Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) == 0 {
		s.sortEntries()
		all := &Sorter{buf: s.buf, entries: s.entries}
		s.buf, s.entries = nil, nil
		return &Reader{memory: all}, nil
	}
	if len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return nil, err
		}
	}
	s.buf, s.entries = nil, nil
	// Levels may add up to more than one merge can hold: the smallest first.
	for len(s.runs) > s.fan() {
		first := len(s.runs) - s.fan()
		merged, err := mergeRuns(s.dir, s.runs[first:], s.runs[first].level, s.blocks)
		if err != nil {
			return nil, err
		}
		s.runs = append(s.runs[:first], merged)
	}
	runs := s.runs
	s.runs = nil
	m, err := newMerge(runs)
	if err != nil {
		return nil, err
	}
	return &Reader{merge: m}, nil
}

// Reader gives sorted records.
type Reader struct {
	memory *Sorter // all of them, or
	next   int
	merge  *merge

	key, value []byte
	err        error
}

// Next goes to the next record and reports whether there is one.
func (r *Reader) Next() bool {
	if r.err != nil {
		return false
	}
	if r.memory != nil {
		if r.next == len(r.memory.entries) {
			return false
		}
		e := &r.memory.entries[r.next]
		r.next++
		r.key, r.value = r.memory.key(e), r.memory.value(e)
		return true
	}
	var ok bool
	r.key, r.value, ok, r.err = r.merge.next()
	return ok && r.err == nil
}

// Key returns the key of the record, valid until the next call of Next.
func (r *Reader) Key() []byte { return r.key }

// Value returns its value, valid as long.
func (r *Reader) Value() []byte { return r.value }

// Err returns what ended the reading early.
func (r *Reader) Err() error { return r.err }

// Close frees memory and files.
func (r *Reader) Close() error {
	r.memory = nil
	if r.err == nil {
		r.err = errClosed
	}
	if r.merge == nil {
		return nil
	}
	err := r.merge.close()
	r.merge = nil
	return err
}

// AppendNumbers appends numbers to a key as bytes that have their order.
func AppendNumbers(key []byte, numbers ...uint32) []byte {
	for _, n := range numbers {
		key = binary.BigEndian.AppendUint32(key, n)
	}
	return key
}

// NumberOf returns number i of a key that begins with numbers.
func NumberOf(key []byte, i int) uint32 { return binary.BigEndian.Uint32(key[4*i:]) }

// AppendString appends a string to a key that goes on after it: keys then sort by
// the string first, one that begins another before that. A zero in the string is
// followed by a one, the string by two zeros.
func AppendString(key []byte, s string) []byte {
	for i := range len(s) {
		if key = append(key, s[i]); s[i] == 0 {
			key = append(key, 1)
		}
	}
	return append(key, 0, 0)
}
