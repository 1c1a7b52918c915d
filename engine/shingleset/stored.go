package shingleset

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/tallystick/tallystick/engine/doc"
)

// Stored are the sets of a finished Writer, or some of a File. Load reads those that are
// not in memory from the file: what is read often stays in the system's page cache,
// which also gives the memory back where it is needed more.
type Stored struct {
	file     *os.File
	index    setIndex
	chunks   [][]uint64 // sets and edits in memory
	elements int64      // of sets and edits
}

// Size implements Sets.
func (s *Stored) Size(d uint32) int { return int(s.index.sizes[d]) }

// Parity implements Sets.
func (s *Stored) Parity(d uint32) []uint64 { return s.index.bitmap(d) }

// Shingles is their number in all sets.
func (s *Stored) Shingles() (n int64) {
	for _, size := range s.index.sizes {
		n += int64(size)
	}
	return n
}

// Elements is how many of them the sets take, or the edits in the place of some.
func (s *Stored) Elements() int64 { return s.elements }

// Load implements Sets.
func (s *Stored) Load(d uint32, buffer *[]uint64) ([]uint64, error) {
	n := s.Size(d)
	if n == 0 {
		return nil, nil
	}
	set, err := s.load(d, n, buffer)
	if err != nil {
		return nil, fmt.Errorf("load shingle set of document %d: %w", d, err)
	}
	return set, nil
}

func (s *Stored) load(d uint32, n int, buffer *[]uint64) ([]uint64, error) {
	at, base := s.index.at[d], s.index.base[d]
	switch {
	case at&inFile != 0:
		set := roomFor(buffer, n)
		return set, s.read(set, at&^inFile)
	case base == 0:
		return s.inMemory(d, n), nil
	}
	e, set := s.edits(d), roomFor(buffer, n)
	e.apply(set, s.inMemory(base-1, s.Size(base-1)))
	return set, nil
}

// inMemory returns the first n elements of what memory has of document d.
func (s *Stored) inMemory(d uint32, n int) []uint64 {
	at := s.index.at[d]
	return s.chunks[at>>32][at&math.MaxUint32:][:n:n]
}

// edits returns those of a document whose set is not whole.
func (s *Stored) edits(d uint32) edits {
	return editsOf(s.inMemory(d, recordWords(numbersOf(s.inMemory(d, 1)[0]))))
}

// Overlap implements Sets: for documents with one base.
func (s *Stored) Overlap(a, b uint32) (int, bool) {
	baseA, baseB := s.index.base[a], s.index.base[b]
	var ofA, ofB edits // none of a base itself
	switch {
	case baseA == 0 && baseB == a+1:
		ofB, baseA = s.edits(b), baseB
	case baseB == 0 && baseA == b+1:
		ofA = s.edits(a)
	case baseA == baseB && baseA != 0:
		ofA, ofB = s.edits(a), s.edits(b)
	default:
		return 0, false
	}
	return overlapOfEdits(s.Size(baseA-1), &ofA, &ofB), true
}

// roomFor returns n elements of a buffer, which grows by more: the caller comes back
// with sets of other sizes.
func roomFor(buffer *[]uint64, n int) []uint64 {
	if cap(*buffer) < n {
		*buffer = make([]uint64, n+n/4)
	}
	return (*buffer)[:n]
}

// read reads so many elements of the file.
func (s *Stored) read(dst []uint64, at uint64) error {
	_, err := s.file.ReadAt(bytesOf(dst), int64(at)*8)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file ends early", doc.ErrCorrupt)
	}
	return err
}

// Close frees the file.
func (s *Stored) Close() error { return closeScratch(s.file) }
