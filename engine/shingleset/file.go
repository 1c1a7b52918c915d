package shingleset

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/tallystick/tallystick/engine/doc"
)

// File stores shingle sets in a private file, which is gone when the process
// is.
type File struct {
	mu      sync.Mutex
	file    *os.File
	buffer  []byte   // of the end of the file, which has a place there but is not written
	spare   [][]byte // buffers without content
	written uint64   // elements that have a place
	err     error    // the first failure: the file is useless after it
}

// setBuffer is how many bytes are written at once, unless a set has more.
const setBuffer = 1 << 17

// Ref is a set in a File.
type Ref struct {
	At   uint64 // what Append returned
	Size uint32 // shingles
}

// NewFile makes a file in folder dir.
func NewFile(dir string) (*File, error) {
	f, err := os.CreateTemp(dir, "shingle-sets-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("create shingle sets: %w", err)
	}
	// An open file outlives its name, so a killed run leaves nothing behind.
	// Where a system refuses, Close removes it.
	_ = os.Remove(f.Name())
	return &File{file: f}, nil
}

// Append stores a set, distinct and ascending, and returns where it is. It does not
// keep set. It is safe for concurrent use.
func (w *File) Append(set []uint64) (Ref, error) {
	if len(set) > MaxSize {
		return Ref{}, errTooLarge(len(set))
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
	return fmt.Errorf("store shingle set: %d shingles, at most %d: %w", shingles, MaxSize, doc.ErrInput)
}

// unwritten is a part of the file that has a place in it.
type unwritten struct {
	buffer, set []byte // either may be empty; set is the caller's and comes after buffer
	at          int64  // of the first of both, bytes
}

// append gives a set its place in the file. What is due to be written then its
// caller writes, once it has given back the lock: to fill pages of the system takes
// longer than all else, and threads can do it side by side.
func (w *File) append(set []uint64) (ref Ref, due unwritten) {
	ref = Ref{At: w.written, Size: uint32(len(set))}
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
func (w *File) write(due unwritten) error {
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

func (w *File) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("store shingle set: %w", err)
	}
	return w.err
}

// flush writes what no Append has. None is under way, or comes later.
func (w *File) flush() error {
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
func (w *File) Sets(refs []Ref) (*Stored, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	s := &Stored{file: w.file, index: newSetIndex(len(refs)), elements: int64(w.written)}
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
func (w *File) Close() error { return closeScratch(w.file) }

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
