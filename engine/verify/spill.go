package verify

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// spill holds the digest and place of every kept text on disk, in parts by
// digest that fit in memory one at a time, to find texts that were kept twice.
type spill struct {
	dir   string
	parts []spillPart
}

type spillPart struct {
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

func newSpill(records uint64) (*spill, error) {
	dir, err := os.MkdirTemp("", "tallystick-verify-")
	if err != nil {
		return nil, err
	}
	s := &spill{dir: dir, parts: make([]spillPart, min(256, 1+records/partRecords))}
	for i := range s.parts {
		file, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			s.remove()
			return nil, err
		}
		s.parts[i].file, s.parts[i].out = file, bufio.NewWriter(file)
	}
	return s, nil
}

// add records a text. It is safe for concurrent use.
func (s *spill) add(digest [32]byte, p doc.Place) error {
	var record [recordSize]byte
	copy(record[:], digest[:digestSize])
	binary.BigEndian.PutUint32(record[digestSize:], p.Shard)
	binary.BigEndian.PutUint32(record[digestSize+4:], p.Ordinal)
	part := &s.parts[int(digest[31])%len(s.parts)]
	part.mu.Lock()
	defer part.mu.Unlock()
	_, err := part.out.Write(record[:])
	return err
}

// twice calls fn for every place whose text stands at an earlier place too.
func (s *spill) twice(part int, fn func(first, again doc.Place)) error {
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

func (s *spill) remove() {
	for i := range s.parts {
		if s.parts[i].file != nil {
			s.parts[i].file.Close()
		}
	}
	os.RemoveAll(s.dir)
}

// cleanUp removes what was spilled.
func (c *checker) cleanUp() {
	if c.recount != nil {
		c.recount.keptTexts.remove()
	}
}

// checkKeptTexts finds texts that were kept, and so are paid for, twice, or
// although they are among those that the delivery was compared with.
func (c *checker) checkKeptTexts(ctx context.Context, f *findings) (string, error) {
	if c.recount == nil {
		return skipped(f, "recount")
	}
	var pairs [][2]doc.Place
	for part := range c.recount.keptTexts.parts {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		err := c.recount.keptTexts.twice(part, func(first, again doc.Place) {
			if c.mayBothStay(first, again) {
				return
			}
			pairs = append(pairs, [2]doc.Place{again, first})
		})
		if err != nil {
			return "", err
		}
	}
	slices.SortFunc(pairs, func(a, b [2]doc.Place) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) })
	for _, p := range pairs {
		again, first := p[0], p[1]
		if c.plan.IsStanding(int(again.Shard)) {
			f.add("%s: line %d: is kept, but its text is in %s: line %d, which comes first", c.inputPath(int(first.Shard)), c.firstLine(int(first.Shard))+int64(first.Ordinal),
				c.inputPath(int(again.Shard)), c.firstLine(int(again.Shard))+int64(again.Ordinal))
			continue
		}
		f.add("%s: line %d: is kept, and so is the same text in %s: line %d", c.inputPath(int(again.Shard)), c.firstLine(int(again.Shard))+int64(again.Ordinal),
			c.inputPath(int(first.Shard)), c.firstLine(int(first.Shard))+int64(first.Ordinal))
	}
	if c.plan.Scope == plan.ScopeReference {
		return "no text of the reference corpus is kept", nil
	}
	return "no text is kept twice", nil
}
