package extsort

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"

	"github.com/tallystick/tallystick/engine/doc"
)

var (
	errTooLong = fmt.Errorf("%w: a record of more than %d bytes", doc.ErrInput, maxRecord)
	errClosed  = errors.New("sorted records: closed")
)

// A run is a file of blocks: length and XXH64 of what follows, then whole
// records, each with the lengths of its key and value before it.
type run struct {
	file  *os.File
	level int // how often its records were merged
	size  int64

	block []byte // in the making, behind room for its head
	most  int    // bytes of a block, but for one with a longer record
}

const blockHead = 4 + 8

func newRun(dir string, level, most int) (*run, error) {
	f, err := os.CreateTemp(dir, "sorted-run-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("spill to disk: %w", err)
	}
	// An open file outlives its name, so a killed run leaves nothing behind.
	// Where a system refuses, close removes it.
	_ = os.Remove(f.Name())
	return &run{file: f, level: level, most: most, block: make([]byte, blockHead, blockHead+most+most/4)}, nil
}

func (r *run) add(key, value []byte) error {
	if len(r.block) > blockHead && len(r.block)+len(key)+len(value) > r.most {
		if err := r.write(); err != nil {
			return err
		}
	}
	r.block = binary.AppendUvarint(r.block, uint64(len(key)))
	r.block = binary.AppendUvarint(r.block, uint64(len(value)))
	r.block = append(append(r.block, key...), value...)
	return nil
}

func (r *run) write() error {
	body := r.block[blockHead:]
	binary.LittleEndian.PutUint32(r.block, uint32(len(body)))
	binary.LittleEndian.PutUint64(r.block[4:], xxhash.Sum64(body))
	if _, err := r.file.Write(r.block); err != nil {
		return fmt.Errorf("spill to disk: %w", err)
	}
	r.size += int64(len(r.block))
	r.block = r.block[:blockHead]
	return nil
}

func (r *run) finish() error {
	if len(r.block) > blockHead {
		if err := r.write(); err != nil {
			return err
		}
	}
	r.block = nil
	return nil
}

func (r *run) abort(err error) error { return errors.Join(err, r.close()) }

func (r *run) close() error {
	err := r.file.Close()
	if e := os.Remove(r.file.Name()); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// cursor reads a run.
type cursor struct {
	run        *run
	at         int64
	block      []byte
	left       []byte
	prefix     uint64
	key, value []byte
}

// next goes to the next record; false at the end.
func (c *cursor) next() (bool, error) {
	if len(c.left) == 0 {
		if c.at == c.run.size {
			return false, nil
		}
		if err := c.read(); err != nil {
			return false, fmt.Errorf("read spilled records: %w", err)
		}
	}
	k, n := binary.Uvarint(c.left)
	v, m := binary.Uvarint(c.left[max(n, 0):])
	if rest := len(c.left) - n - m; n <= 0 || m <= 0 || k > uint64(rest) || v > uint64(rest)-k {
		return false, fmt.Errorf("read spilled records: %w", doc.ErrCorrupt)
	}
	c.left = c.left[n+m:]
	c.key, c.value, c.left = c.left[:k], c.left[k:k+v], c.left[k+v:]
	c.prefix = Prefix(c.key)
	return true, nil
}

func (c *cursor) read() error {
	var head [blockHead]byte
	if _, err := c.run.file.ReadAt(head[:], c.at); err != nil {
		return noEOF(err)
	}
	n := int64(binary.LittleEndian.Uint32(head[:]))
	if n == 0 || n > c.run.size-c.at-blockHead {
		return fmt.Errorf("%w: a block of %d bytes", doc.ErrCorrupt, n)
	}
	if int64(cap(c.block)) < n {
		c.block = make([]byte, n)
	}
	c.block = c.block[:n]
	if _, err := c.run.file.ReadAt(c.block, c.at+blockHead); err != nil {
		return noEOF(err)
	}
	if xxhash.Sum64(c.block) != binary.LittleEndian.Uint64(head[4:]) {
		return fmt.Errorf("%w: a block that does not have its checksum", doc.ErrCorrupt)
	}
	c.at += blockHead + n
	c.left = c.block
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file ends early", doc.ErrCorrupt)
	}
	return err
}

// merge gives the records of several runs in order.
type merge struct {
	heap    cursors
	started bool
}

type cursors []*cursor

func (h cursors) Len() int      { return len(h) }
func (h cursors) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h cursors) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.prefix != b.prefix {
		return a.prefix < b.prefix
	}
	return cmp.Or(bytes.Compare(a.key, b.key), bytes.Compare(a.value, b.value)) < 0
}
func (h *cursors) Push(x any) { *h = append(*h, x.(*cursor)) }
func (h *cursors) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// newMerge owns the runs, also where it fails.
func newMerge(runs []*run) (*merge, error) {
	m := &merge{}
	for i, r := range runs {
		c := &cursor{run: r}
		ok, err := c.next()
		if err != nil {
			for _, rest := range runs[i:] {
				rest.close()
			}
			m.close()
			return nil, err
		}
		if !ok {
			r.close()
			continue
		}
		m.heap = append(m.heap, c)
	}
	heap.Init(&m.heap)
	return m, nil
}

func (m *merge) next() (key, value []byte, ok bool, err error) {
	if m.started && len(m.heap) > 0 {
		more, err := m.heap[0].next()
		if err != nil {
			return nil, nil, false, err
		}
		if more {
			heap.Fix(&m.heap, 0)
		} else {
			heap.Pop(&m.heap).(*cursor).run.close()
		}
	}
	m.started = true
	if len(m.heap) == 0 {
		return nil, nil, false, nil
	}
	return m.heap[0].key, m.heap[0].value, true, nil
}

func (m *merge) close() error {
	var err error
	for _, c := range m.heap {
		err = errors.Join(err, c.run.close())
	}
	m.heap = nil
	return err
}

// mergeRuns makes one run of several, which it closes.
func mergeRuns(dir string, runs []*run, level, blocks int) (*run, error) {
	m, err := newMerge(runs)
	if err != nil {
		return nil, err
	}
	defer m.close()
	w, err := newRun(dir, level, blocks)
	if err != nil {
		return nil, err
	}
	for {
		key, value, ok, err := m.next()
		if err != nil {
			return nil, w.abort(err)
		}
		if !ok {
			break
		}
		if err := w.add(key, value); err != nil {
			return nil, w.abort(err)
		}
	}
	if err := w.finish(); err != nil {
		return nil, w.abort(err)
	}
	return w, nil
}
