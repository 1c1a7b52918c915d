package neardup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/tallystick/tallystick/engine/doc"
)

// Sets gives the shingle sets of documents, by rank. It is safe for concurrent
// use. A document whose set was never stored has the empty set, which is
// nobody's duplicate.
type Sets interface {
	// Size returns the number of shingles.
	Size(d uint32) int
	// Parity returns the parity bitmap of the set; not to be changed.
	Parity(d uint32) []uint64
	// Load returns the set, ascending, not to be changed. It may be in the buffer,
	// which is the caller's and may grow.
	Load(d uint32, buffer *[]uint64) ([]uint64, error)
	// Overlap returns how many shingles two sets have in common, if that is known
	// without them.
	Overlap(a, b uint32) (overlap int, ok bool)
}

// maxSetSize bounds a set so that the products of sizes in a proof stay within
// 64 bits. Such a set needs a text of more than 4 GB.
const maxSetSize = math.MaxInt32

// parityChunk is the number of words that parity bitmaps are allocated in.
const parityChunk = 1 << 17

// setIndex is what memory holds of stored sets: per document 24 bytes, and for
// stored ones a bitmap of 128 bytes or more.
type setIndex struct {
	sizes  []uint32
	at     []uint64   // of the set or its edits: in memory chunk<<32 | first element; in the file inFile | first element
	base   []uint32   // 0: the set is there; else its edits of that of document base − 1
	parity [][]uint64 // chunks of bitmaps
	place  []uint64   // of the bitmap: chunk<<32 | first word
}

// SetFile stores shingle sets in a private file, which is gone when the process
// is.
type SetFile struct {
	mu      sync.Mutex
	file    *os.File
	buffer  []byte   // of the end of the file, which has a place there but is not written
	spare   [][]byte // buffers without content
	written uint64   // elements that have a place
	err     error    // the first failure: the file is useless after it
}

// setBuffer is how many bytes are written at once, unless a set has more.
const setBuffer = 1 << 17

// SetRef is a set in a SetFile.
type SetRef struct {
	At   uint64 // what Append returned
	Size uint32 // shingles
}

// NewSetFile makes a file in folder dir.
func NewSetFile(dir string) (*SetFile, error) {
	f, err := os.CreateTemp(dir, "shingle-sets-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("create shingle sets: %w", err)
	}
	// An open file outlives its name, so a killed run leaves nothing behind.
	// Where a system refuses, Close removes it.
	_ = os.Remove(f.Name())
	return &SetFile{file: f}, nil
}

// Append stores a set, distinct and ascending, and returns where it is. It does not
// keep set. It is safe for concurrent use.
func (w *SetFile) Append(set []uint64) (SetRef, error) {
	if len(set) > maxSetSize {
		return SetRef{}, errTooLarge(len(set))
	}
	w.mu.Lock()
	ref, due := w.append(set)
	err := w.err
	w.mu.Unlock()
	if err == nil {
		err = w.write(due)
	}
	return ref, err
}

func errTooLarge(shingles int) error {
	return fmt.Errorf("store shingle set: %d shingles, at most %d: %w", shingles, maxSetSize, doc.ErrInput)
}

// unwritten is a part of the file that has a place in it.
type unwritten struct {
	buffer, set []byte // either may be empty; set is the caller's and comes after buffer
	at          int64  // of the first of both, bytes
}

// append gives a set its place in the file. What is due to be written then its
// caller writes, once it has given back the lock: to fill pages of the system takes
// longer than all else, and threads can do it side by side.
func (w *SetFile) append(set []uint64) (ref SetRef, due unwritten) {
	ref = SetRef{At: w.written, Size: uint32(len(set))}
	if len(set) == 0 {
		return ref, due
	}
	b := bytesOf(set)
	if len(w.buffer)+len(b) > setBuffer {
		due.at = int64(w.written)*8 - int64(len(w.buffer))
		due.buffer, w.buffer = w.buffer, nil
	}
	w.written += uint64(len(set))
	if len(b) > setBuffer {
		due.set = b
		return ref, due
	}
	if w.buffer == nil {
		if last := len(w.spare) - 1; last >= 0 {
			w.buffer, w.spare = w.spare[last], w.spare[:last]
		} else {
			w.buffer = make([]byte, 0, setBuffer)
		}
	}
	w.buffer = append(w.buffer, b...)
	return ref, due
}

// write writes what is due. The lock is not held.
func (w *SetFile) write(due unwritten) error {
	at := due.at
	for _, b := range [][]byte{due.buffer, due.set} {
		if len(b) == 0 {
			continue
		}
		if _, err := w.file.WriteAt(b, at); err != nil {
			return w.fail(err)
		}
		at += int64(len(b))
	}
	if cap(due.buffer) > 0 {
		w.mu.Lock()
		w.spare = append(w.spare, due.buffer[:0])
		w.mu.Unlock()
	}
	return nil
}

func (w *SetFile) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("store shingle set: %w", err)
	}
	return w.err
}

// flush writes what no Append has. None is under way, or comes later.
func (w *SetFile) flush() error {
	w.mu.Lock()
	due := unwritten{buffer: w.buffer, at: int64(w.written)*8 - int64(len(w.buffer))}
	w.buffer = nil
	err := w.err
	w.mu.Unlock()
	if err == nil {
		err = w.write(due)
	}
	w.spare = nil
	return err
}

// Sets returns some of the sets, as those of documents 0, 1, …, after the last
// Append. They need not be closed; they end with the file.
func (w *SetFile) Sets(refs []SetRef) (*FileSets, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	s := &FileSets{file: w.file, index: newSetIndex(len(refs)), stored: int64(w.written)}
	var buffer []uint64
	for d, ref := range refs {
		if ref.Size == 0 {
			continue
		}
		s.index.sizes[d], s.index.at[d] = ref.Size, inFile|ref.At
		set, err := s.Load(uint32(d), &buffer)
		if err != nil {
			return nil, err
		}
		addParity(s.index.newBitmap(uint32(d)), set)
	}
	return s, nil
}

// Close frees the file.
func (w *SetFile) Close() error { return closeScratch(w.file) }

// SetWriter stores the shingle sets of numbered documents: in memory as long as
// there is room, what comes later in a private file.
type SetWriter struct {
	*SetFile
	index  setIndex
	room   int64       // bytes that memory still has for chunks
	chunks [][]uint64  // sets and edits in memory
	bases  *baseFinder // nil: no set is kept by its edits
}

// editors are scratch memory of Append.
var editors = sync.Pool{New: func() any { return new(edits) }}

const (
	setChunk = 1 << 17 // elements that memory for sets is allocated in, if there is room
	inFile   = 1 << 63 // marks the place of a set that is not in memory
)

func newSetIndex(docs int) setIndex {
	return setIndex{sizes: make([]uint32, docs), at: make([]uint64, docs), base: make([]uint32, docs), place: make([]uint64, docs)}
}

// NewSetWriter makes a writer for the sets of docs documents, in a file in
// folder dir.
func NewSetWriter(dir string, docs int) (*SetWriter, error) {
	f, err := NewSetFile(dir)
	if err != nil {
		return nil, err
	}
	return &SetWriter{SetFile: f, index: newSetIndex(docs)}, nil
}

// KeepInMemory lets sets stay in memory that take no more than so many bytes. It is
// called before the first Append.
func (w *SetWriter) KeepInMemory(bytes int64) { w.room = bytes }

// Expect tells which documents share buckets and so may have much in common: what
// differs little from a set in memory is kept there as that. It is called before the
// first Append.
func (w *SetWriter) Expect(g Graph) {
	w.bases = &baseFinder{graph: g, latest: make([]atomic.Uint32, g.Buckets)}
}

// Append stores the set of document d: distinct and ascending. Every document
// has at most one, in any order. Append is safe for concurrent use and does
// not keep set.
func (w *SetWriter) Append(d uint32, set []uint64) error {
	if int(d) >= len(w.index.sizes) {
		return fmt.Errorf("store shingle set: document %d of %d", d, len(w.index.sizes))
	}
	if len(set) == 0 {
		return nil
	}
	if len(set) > maxSetSize {
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
func (w *SetWriter) editsOf(d uint32, set []uint64) (base, *edits) {
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
func (w *SetWriter) place(set []uint64, e *edits) (at uint64, place []uint64, due unwritten) {
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
func (w *SetWriter) Finish() (*FileSets, error) {
	if err := w.flush(); err != nil {
		return nil, errors.Join(err, closeScratch(w.file))
	}
	stored := int64(w.written)
	for _, c := range w.chunks {
		stored += int64(len(c))
	}
	return &FileSets{file: w.file, index: w.index, chunks: w.chunks, stored: stored}, nil
}

// Abort gives up what was written.
func (w *SetWriter) Abort() error { return closeScratch(w.file) }

// newBitmap gives document d, whose size is known, an empty bitmap.
func (x *setIndex) newBitmap(d uint32) []uint64 {
	words := parityWords(int(x.sizes[d]))
	last := len(x.parity) - 1
	if last < 0 || cap(x.parity[last])-len(x.parity[last]) < words {
		x.parity = append(x.parity, make([]uint64, 0, max(words, parityChunk)))
		last++
	}
	begin := len(x.parity[last])
	x.parity[last] = x.parity[last][:begin+words]
	x.place[d] = uint64(last)<<32 | uint64(begin)
	return x.bitmap(d)
}

// emptyBitmap is the bitmap of the empty set.
var emptyBitmap [minParityWords]uint64

func (x *setIndex) bitmap(d uint32) []uint64 {
	if x.sizes[d] == 0 {
		return emptyBitmap[:]
	}
	chunk, begin := x.place[d]>>32, x.place[d]&math.MaxUint32
	return x.parity[chunk][begin:][:parityWords(int(x.sizes[d]))]
}

// bytesOf returns the memory of set, which has at least one element. The file
// never leaves the process, so its byte order is the machine's.
func bytesOf(set []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(set))), len(set)*8)
}

// closeScratch gives up a scratch file. The system takes a while to free the pages of
// a large one: nobody waits for that where the file has no name any more.
func closeScratch(f *os.File) error {
	if _, err := os.Lstat(f.Name()); errors.Is(err, os.ErrNotExist) {
		go f.Close()
		return nil
	}
	err := f.Close()
	if e := os.Remove(f.Name()); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("close shingle sets: %w", err)
	}
	return nil
}
