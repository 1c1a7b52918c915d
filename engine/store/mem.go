package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem keeps files in memory and fails on request: the driver for tests.
type Mem struct {
	// Capacity, if positive, is how many bytes committed and unfinished
	// files may hold together; a Write beyond it is short and fails with
	// ENOSPC.
	Capacity int64
	// MaxRead, if positive, is how many bytes one Read returns at most.
	MaxRead int
	// Latency is what every operation takes.
	Latency time.Duration
	// Stale, if positive, is how many of the last changes List does not show.
	Stale int
	// Fail, if set, is asked by every operation for the error to fail with: a
	// store that is overloaded, a connection that broke. Calls do not overlap.
	Fail func(op Op, name string) error

	mu     sync.Mutex
	failMu sync.Mutex
	files  map[string][]byte
	past   []map[string]int64 // sizes by name before each of the last Stale changes
	used   int64
}

// Op is what a Mem is asked for when it may fail.
type Op string

const (
	OpList      Op = "list"
	OpOpen      Op = "open"
	OpRead      Op = "read"
	OpWrite     Op = "write"     // half of what is written arrives
	OpCommit    Op = "commit"    // nothing is visible
	OpCommitted Op = "committed" // the file is visible, but the answer is lost
	OpRemove    Op = "remove"
)

// step is the beginning of an operation.
func (m *Mem) step(ctx context.Context, op Op, name string) error {
	if m.Latency > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(m.Latency):
		}
	}
	if err := ctx.Err(); err != nil || m.Fail == nil {
		return err
	}
	m.failMu.Lock()
	defer m.failMu.Unlock()
	if err := m.Fail(op, name); err != nil {
		return fmt.Errorf("%s %s: %w", op, name, err)
	}
	return nil
}

// change is called, locked, before the set of files changes.
func (m *Mem) change() {
	if m.Stale == 0 {
		return
	}
	sizes := make(map[string]int64, len(m.files))
	for name, data := range m.files {
		sizes[name] = int64(len(data))
	}
	m.past = append(m.past, sizes)
	if len(m.past) > m.Stale {
		m.past = m.past[1:]
	}
}

// NewMem returns an empty store that does not fail.
func NewMem() *Mem { return &Mem{files: make(map[string][]byte)} }

// List implements Store.
func (m *Mem) List(ctx context.Context, prefix string) ([]Entry, error) {
	if err := m.step(ctx, OpList, prefix); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	if len(m.past) > 0 {
		for name, size := range m.past[0] {
			if strings.HasPrefix(name, prefix) {
				entries = append(entries, Entry{Name: name, Size: size})
			}
		}
	} else {
		for name, data := range m.files {
			if strings.HasPrefix(name, prefix) {
				entries = append(entries, Entry{Name: name, Size: int64(len(data))})
			}
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// Open implements Store.
func (m *Mem) Open(ctx context.Context, name string) (File, error) {
	if err := CheckName("open", name); err != nil {
		return nil, err
	}
	if err := m.step(ctx, OpOpen, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return &memFile{Reader: bytes.NewReader(data), ctx: ctx, store: m, name: name}, nil
}

type memFile struct {
	*bytes.Reader
	ctx   context.Context
	store *Mem
	name  string
}

// Read implements io.Reader, with the reads as short as was asked for.
func (f *memFile) Read(p []byte) (int, error) {
	if err := f.store.step(f.ctx, OpRead, f.name); err != nil {
		return 0, err
	}
	if f.store.MaxRead > 0 {
		p = p[:min(len(p), f.store.MaxRead)]
	}
	return f.Reader.Read(p)
}

// ReadAt implements io.ReaderAt.
func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.store.step(f.ctx, OpRead, f.name); err != nil {
		return 0, err
	}
	return f.Reader.ReadAt(p, offset)
}

// WriteTo implements io.WriterTo through Read, so that io.Copy reads short too.
func (f *memFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

// Close implements io.Closer.
func (f *memFile) Close() error { return nil }

// Remove implements Store.
func (m *Mem) Remove(ctx context.Context, name string) error {
	if err := CheckName("remove", name); err != nil {
		return err
	}
	if err := m.step(ctx, OpRemove, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change()
	m.used -= int64(len(m.files[name]))
	delete(m.files, name)
	return nil
}

// Sweep implements Store. What is unfinished is gone with its process.
func (m *Mem) Sweep(ctx context.Context, _ time.Duration) ([]string, error) { return nil, ctx.Err() }

// Create implements Store.
func (m *Mem) Create(ctx context.Context, name string) (Writer, error) {
	return m.create(ctx, name, false)
}

// CreateNew implements Store.
func (m *Mem) CreateNew(ctx context.Context, name string) (Writer, error) {
	return m.create(ctx, name, true)
}

func (m *Mem) create(ctx context.Context, name string, exclusive bool) (Writer, error) {
	if err := CheckName("create", name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &memWriter{ctx: ctx, store: m, name: name, exclusive: exclusive}, nil
}

type memWriter struct {
	ctx       context.Context
	store     *Mem
	name      string
	exclusive bool
	data      []byte
	done      bool
	err       error // of the first failed Write
}

// Write implements io.Writer.
func (w *memWriter) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.name, fs.ErrClosed)
	}
	m := w.store
	n := len(p)
	err := m.step(w.ctx, OpWrite, w.name)
	if err != nil {
		n /= 2
		w.err = cmp.Or(w.err, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Capacity > 0 && int64(n) > m.Capacity-m.used {
		n = int(max(m.Capacity-m.used, 0))
		err = fmt.Errorf("write %s: %w", w.name, syscall.ENOSPC)
		if w.err == nil {
			w.err = err
		}
	}
	w.data = append(w.data, p[:n]...)
	m.used += int64(n)
	return n, err
}

// Commit implements Writer.
func (w *memWriter) Commit() error {
	if w.done {
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrClosed)
	}
	if w.err != nil {
		w.Abort()
		return fmt.Errorf("commit %s: %w", w.name, w.err)
	}
	m := w.store
	if err := m.step(w.ctx, OpCommit, w.name); err != nil {
		w.Abort()
		return err
	}
	if err := w.show(); err != nil {
		return err
	}
	return m.step(w.ctx, OpCommitted, w.name)
}

// show makes the file visible.
func (w *memWriter) show() error {
	w.done = true
	m := w.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.files[w.name]; taken && w.exclusive {
		m.used -= int64(len(w.data))
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrExist)
	}
	m.change()
	m.used -= int64(len(m.files[w.name]))
	m.files[w.name] = w.data
	return nil
}

// Abort implements Writer.
func (w *memWriter) Abort() {
	if w.done {
		return
	}
	w.done = true
	m := w.store
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= int64(len(w.data))
	w.data = nil
}
