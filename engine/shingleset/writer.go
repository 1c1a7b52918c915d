package shingleset

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Writer stores the shingle sets of numbered documents: in memory as long as
// there is room, what comes later in a private file.
type Writer struct {
	*File
	index  setIndex
	room   int64       // bytes that memory still has for chunks
	chunks [][]uint64  // sets and edits in memory
	bases  *baseFinder // nil: no set is kept by its edits
}

// editors are scratch memory of Append.
var editors = sync.Pool{New: func() any { return new(edits) }}

// setChunk is the number of elements that memory for sets is allocated in, if there
// is room.
const setChunk = 1 << 17

// NewWriter makes a writer for the sets of docs documents, in a file in
// folder dir.
func NewWriter(dir string, docs int) (*Writer, error) {
	f, err := NewFile(dir)
	if err != nil {
		return nil, err
	}
	return &Writer{File: f, index: newSetIndex(docs)}, nil
}

// KeepInMemory lets sets stay in memory that take no more than so many bytes. It is
// called before the first Append.
func (w *Writer) KeepInMemory(bytes int64) { w.room = bytes }

// Expect tells which documents share buckets and so may have much in common: what
// differs little from a set in memory is kept there as that. of returns the buckets of
// a document, each less than buckets, and is safe for concurrent use. Expect is called
// before the first Append.
func (w *Writer) Expect(buckets int, of func(d uint32) []uint32) {
	w.bases = &baseFinder{buckets: of, latest: make([]atomic.Uint32, buckets)}
}

// Append stores the set of document d: distinct and ascending. Every document
// has at most one, in any order. Append is safe for concurrent use and does
// not keep set.
func (w *Writer) Append(d uint32, set []uint64) error {
	if int(d) >= len(w.index.sizes) {
		return fmt.Errorf("store shingle set: document %d of %d", d, len(w.index.sizes))
	}
	if len(set) == 0 {
		return nil
	}
	if len(set) > MaxSize {
		return fmt.Errorf("document %d: %w", d, errTooLarge(len(set)))
	}
	base, e := w.editsOf(d, set)
	if e != nil {
		defer editors.Put(e)
	}
	w.mu.Lock()
	err := w.err
	if w.index.sizes[d] != 0 {
		err = fmt.Errorf("store shingle set: document %d has one", d)
	}
	if err != nil {
		w.mu.Unlock()
		return err
	}
	at, place, due := w.place(set, e)
	w.index.sizes[d], w.index.at[d] = uint32(len(set)), at
	if e != nil && place != nil {
		w.index.base[d] = base.doc + 1
	}
	parity := w.index.newBitmap(d)
	w.mu.Unlock()

	// Each thread fills its own memory.
	if e != nil && place != nil {
		e.put(place)
	} else {
		copy(place, set)
	}
	if e != nil && len(base.parity) == len(parity) {
		copy(parity, base.parity)
		addParity(parity, e.gained)
		for _, i := range e.lost {
			addParity(parity, base.set[i:i+1])
		}
	} else {
		addParity(parity, set)
	}
	if place != nil && e == nil && w.bases != nil {
		w.bases.add(d)
	}
	if err := w.write(due); err != nil {
		return fmt.Errorf("document %d: %w", d, err)
	}
	return nil
}

// base is a document whose set is whole, and in memory.
type base struct {
	doc         uint32
	set, parity []uint64
}

// editsOf returns a base and the edits that make the set of document d of its set; nil
// if they are many.
func (w *Writer) editsOf(d uint32, set []uint64) (base, *edits) {
	if w.bases == nil {
		return base{}, nil
	}
	of, ok := w.bases.of(d)
	if !ok {
		return base{}, nil
	}
	w.mu.Lock()
	at := w.index.at[of]
	b := base{doc: of, set: w.chunks[at>>32][at&math.MaxUint32:][:w.index.sizes[of]], parity: w.index.bitmap(of)}
	w.mu.Unlock()
	e := editors.Get().(*edits)
	if !e.between(b.set, set, len(set)/editShare) {
		editors.Put(e)
		return base{}, nil
	}
	return b, e
}

// place finds a set, or its edits if they are not nil, a place: in memory, where it is
// to be copied to, or the set in the file, with what is due to be written. at is as
// setIndex has it. The lock is held.
func (w *Writer) place(set []uint64, e *edits) (at uint64, place []uint64, due unwritten) {
	n := len(set)
	if e != nil {
		n = e.words()
	}
	last := len(w.chunks) - 1
	if last < 0 || cap(w.chunks[last])-len(w.chunks[last]) < n {
		room := int(w.room / 8)
		if n > room {
			ref, due := w.append(set)
			return inFile | ref.At, nil, due
		}
		// What the last one has left is lost: a chunk is paid for, not a set.
		chunk := make([]uint64, 0, max(n, min(setChunk, room)))
		w.room -= 8 * int64(cap(chunk))
		w.chunks = append(w.chunks, chunk)
		last++
	}
	begin := len(w.chunks[last])
	end := begin + n
	w.chunks[last] = w.chunks[last][:end]
	return uint64(last)<<32 | uint64(begin), w.chunks[last][begin:end:end], due
}

// Finish ends writing and returns the sets. The writer is spent, also when it
// fails.
func (w *Writer) Finish() (*Stored, error) {
	if err := w.flush(); err != nil {
		return nil, errors.Join(err, closeScratch(w.file))
	}
	elements := int64(w.written)
	for _, c := range w.chunks {
		elements += int64(len(c))
	}
	return &Stored{file: w.file, index: w.index, chunks: w.chunks, elements: elements}, nil
}

// Abort gives up what was written.
func (w *Writer) Abort() error { return closeScratch(w.file) }
