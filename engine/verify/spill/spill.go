// Package spill holds digests of texts on disk, to find texts that are there
// twice whatever their number. It shares nothing with the sorters of a run,
// which are what verification checks.
package spill

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
)

// Spill holds the digest and place of every text it was given, in parts by
// digest that fit in memory one at a time.
type Spill struct {
	dir   string
	parts []part
}

type part struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
}

const (
	digestSize = 16 // of SHA-256's 32 bytes: no two texts of a corpus collide by chance
	recordSize = digestSize + 8
	// partRecords is about how many records a part holds: 24 MB.
	partRecords = 1 << 20
)

// New makes room, in a folder for temporary files, for about so many texts.
func New(records uint64) (*Spill, error) {
	dir, err := os.MkdirTemp("", "tallystick-verify-")
	if err != nil {
		return nil, err
	}
	s := &Spill{dir: dir, parts: make([]part, min(256, 1+records/partRecords))}
	for i := range s.parts {
		file, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			s.Remove()
			return nil, err
		}
		s.parts[i].file, s.parts[i].out = file, bufio.NewWriter(file)
	}
	return s, nil
}

// Add records a text by its SHA-256. It is safe for concurrent use.
func (s *Spill) Add(digest [32]byte, place doc.Place) error {
	var record [recordSize]byte
	copy(record[:], digest[:digestSize])
	binary.BigEndian.PutUint32(record[digestSize:], place.Shard)
	binary.BigEndian.PutUint32(record[digestSize+4:], place.Ordinal)
	p := &s.parts[int(digest[31])%len(s.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.out.Write(record[:])
	return err
}

// Parts is the number of parts.
func (s *Spill) Parts() int { return len(s.parts) }

// Twice calls fn for every place in a part whose text stands at an earlier place
// too. Nothing may be added afterwards.
func (s *Spill) Twice(part int, fn func(first, again doc.Place)) error {
	p := &s.parts[part]
	if err := p.out.Flush(); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(p.file)
	if err != nil {
		return err
	}
	records := slices.Collect(slices.Chunk(data, recordSize))
	slices.SortFunc(records, bytes.Compare)
	place := func(r []byte) doc.Place {
		return doc.Place{Shard: binary.BigEndian.Uint32(r[digestSize:]), Ordinal: binary.BigEndian.Uint32(r[digestSize+4:])}
	}
	first := 0
	for i := 1; i < len(records); i++ {
		if !bytes.Equal(records[i][:digestSize], records[first][:digestSize]) {
			first = i
			continue
		}
		fn(place(records[first]), place(records[i]))
	}
	return nil
}

// Remove removes the files.
func (s *Spill) Remove() {
	for i := range s.parts {
		if s.parts[i].file != nil {
			s.parts[i].file.Close()
		}
	}
	os.RemoveAll(s.dir)
}
